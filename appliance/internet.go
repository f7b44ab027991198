package appliance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/run"
	"smartconnect/netcfg"
)

// internet tries now and then whether a host that the owner names can be reached.
// Without one, nobody is called.
type internet struct {
	target string // HOST:PORT
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	mu    sync.Mutex
	tried bool
	fault error // of the last try
}

// How long a try may take, and how long until the next one.
const (
	tryLimit   = 5 * time.Second
	tryWhileOK = 60 * time.Second
	tryWhenNot = 15 * time.Second
)

func newInternet(target string) *internet {
	return &internet{target: target, lookup: net.DefaultResolver.LookupNetIP, dial: (&net.Dialer{}).DialContext}
}

// addInternet tries the host of the configuration, where it names one.
func (l *life) addInternet() error {
	l.internet = newInternet(l.cfg.Internet.Check)
	if l.internet.target != "" {
		l.tasks = append(l.tasks, run.Task{Name: "internet", Run: l.internet.run})
	}
	return nil
}

func (i *internet) run(ctx context.Context) error {
	for {
		err := i.try(ctx)
		if ctx.Err() != nil {
			return nil
		}
		i.mu.Lock()
		i.tried, i.fault = true, err
		i.mu.Unlock()
		pause := tryWhileOK
		if err != nil {
			pause = tryWhenNot
		}
		select { // boxes that one power cut has started do not call in step
		case <-ctx.Done():
			return nil
		case <-time.After(pause*9/10 + rand.N(pause/5)):
		}
	}
}

// try resolves the name and connects; the port is closed at once.
func (i *internet) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	host, port, err := net.SplitHostPort(i.target)
	if err != nil {
		return fmt.Errorf("appliance: internet check: %w", err)
	}
	found, err := i.lookup(ctx, "ip4", host)
	if err != nil {
		return err
	}
	err = fmt.Errorf("appliance: %s has no IPv4 address", host)
	for _, a := range found {
		var conn net.Conn
		if conn, err = i.dial(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port)); err == nil {
			_ = conn.Close() // what was to be seen is seen
			return nil
		}
	}
	return err
}

// reach is what is known of the world outside.
type reach struct {
	target string     // of the check, "" for none
	tried  bool       // at least once
	fault  error      // of the last try
	broker netip.Addr // that the uplink is connected to; not valid while it is not
}

func (l *life) reach() reach {
	l.internet.mu.Lock()
	r := reach{target: l.internet.target, tried: l.internet.tried, fault: l.internet.fault}
	l.internet.mu.Unlock()
	if l.uplink != nil {
		r.broker = l.uplink.Stats().Peer
	}
	return r
}

// failures tell the steps of a try apart: the first row that fits counts.
var failures = [...]struct {
	fits   func(error) bool
	reason string
	advice string
}{
	{func(err error) bool { e, ok := errors.AsType[*net.DNSError](err); return ok && e.IsNotFound }, api.ReasonNameUnknown, "the name has no address: is it spelled right?"},
	{func(err error) bool { _, ok := errors.AsType[*net.DNSError](err); return ok }, api.ReasonNameUnknown, "no name server answers"},
	{func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }, api.ReasonRefused, "nobody listens there: is the port right?"},
	{func(err error) bool {
		return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
	}, api.ReasonNoAnswer, "there is no answer"},
	{func(error) bool { return true }, api.ReasonUnreachable, "it cannot be reached"},
}

// internetLamp decides what is said of the internet. A broker out there that is
// connected proves it, whatever a check says; where a check fails, what is missing
// on this host goes before what was seen of it.
func internetLamp(r reach, h netcfg.Host) api.Lamp {
	_, usable := h.Usable()
	switch {
	case public(r.broker):
		return api.Lamp{State: api.OK, Detail: "the broker outside is reached"}
	case r.target == "":
		return api.Lamp{State: api.Off, Reason: api.ReasonNotChecked, Detail: "nothing outside is called to find out: Internet.Check names a host to try"}
	case !r.tried:
		return api.Lamp{State: api.Waiting, Reason: api.ReasonChecking, Detail: r.target + " is tried"}
	case r.fault == nil:
		return api.Lamp{State: api.OK, Detail: r.target + " is reached"}
	case h.Known && !usable:
		return api.Lamp{State: api.Fault, Reason: api.ReasonNoAddress, Detail: r.target + ": without an address nothing can be reached"}
	case h.Known && h.Link.Kind != netcfg.Other && !h.Gateway.IsValid(): // a modem needs none
		return api.Lamp{State: api.Fault, Reason: api.ReasonNoGateway, Detail: r.target + ": no gateway leads out of this network"}
	}
	for _, f := range failures {
		if f.fits(r.fault) {
			return api.Lamp{State: api.Fault, Reason: f.reason, Detail: fmt.Sprintf("%s: %s (%v)", r.target, f.advice, r.fault)}
		}
	}
	return api.Lamp{}
}

// shared is what providers put between them and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether a is an address of the internet.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
