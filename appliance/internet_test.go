package appliance

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/api"
	"smartconnect/netcfg"
)

func TestLampOfTheInternet(t *testing.T) {
	const target = "example.com:443"
	failed := func(err error) reach { return reach{target: target, tried: true, fault: err} }
	broker := func(a string) reach { return reach{broker: netip.MustParseAddr(a)} }
	unknownName := &net.DNSError{Err: "no such host", Name: "example.com", IsNotFound: true}
	for _, c := range []struct {
		name   string
		reach  reach
		host   netcfg.Host
		state  api.State
		reason string
		says   string
	}{
		{"no address", failed(unknownName), host(addressed("169.254.3.4/16")), api.Fault, api.ReasonNoAddress, target},
		{"no gateway", failed(unknownName), host(func(h *netcfg.Host) { h.Gateway = netip.Addr{} }), api.Fault, api.ReasonNoGateway, target},
		{"no such name", failed(unknownName), host(nil), api.Fault, api.ReasonNameUnknown, "spelled"},
		{"no name server", failed(&net.DNSError{Err: "timeout", IsTimeout: true}), host(nil), api.Fault, api.ReasonNameUnknown, "no name server answers"},
		{"nobody listens", failed(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)), host(nil), api.Fault, api.ReasonRefused, "port"},
		{"no answer", failed(context.DeadlineExceeded), host(nil), api.Fault, api.ReasonNoAnswer, target},
		{"no way", failed(syscall.ENETUNREACH), host(nil), api.Fault, api.ReasonUnreachable, target},
		{"a system that tells nothing of itself", failed(syscall.ENETUNREACH), netcfg.Host{}, api.Fault, api.ReasonUnreachable, target},
		{"the first try is under way", reach{target: target}, host(nil), api.Waiting, api.ReasonChecking, target},

		{"nobody wants to know", reach{}, host(nil), api.Off, api.ReasonNotChecked, "Internet.Check"},
		{"and without a cable neither", reach{}, host(addressed()), api.Off, api.ReasonNotChecked, ""},
		{"a broker in the house proves nothing", broker("192.168.1.7"), host(nil), api.Off, api.ReasonNotChecked, ""},
		{"nor one of the provider", broker("100.64.0.7"), host(nil), api.Off, api.ReasonNotChecked, ""},
		{"nor one on this host", broker("127.0.0.1"), host(nil), api.Off, api.ReasonNotChecked, ""},
		{"nor one on the cable", broker("fe80::7"), host(nil), api.Off, api.ReasonNotChecked, ""},
		{"a broker outside", broker("203.0.113.7"), host(nil), api.OK, "", "broker outside"},
		{"one of IPv6", broker("2001:db8::7"), host(nil), api.OK, "", "broker outside"},
		{"the check is well", reach{target: target, tried: true}, host(nil), api.OK, "", target},
		{"the broker proves what the check does not", reach{target: target, tried: true, fault: unknownName, broker: netip.MustParseAddr("203.0.113.7")}, host(nil), api.OK, "", "broker outside"},
	} {
		got := internetLamp(c.reach, c.host)
		if got.State != c.state || got.Reason != c.reason || got.Detail == "" || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s: %+v, want %s %q with %q", c.name, got, c.state, c.reason, c.says)
		}
	}
}

// A host that is well is tried each minute, one that is not each quarter of one;
// a try ends after 5 s, and each address of the name has its chance.
func TestTheInternetIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled atomic.Int32
		var well atomic.Bool
		i := newInternet("example.com:443")
		i.lookup = func(_ context.Context, network, host string) ([]netip.Addr, error) {
			if network != "ip4" || host != "example.com" {
				t.Errorf("looked up %s of %s", network, host)
			}
			return []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}, nil
		}
		i.dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
			if limit, ok := ctx.Deadline(); !ok || time.Until(limit) > tryLimit {
				t.Error("a try without an end")
			}
			dialled.Add(1)
			if !well.Load() || addr == "203.0.113.1:443" {
				return nil, syscall.ECONNREFUSED
			}
			here, there := net.Pipe()
			there.Close()
			return here, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- i.run(ctx) }()
		lamp := func() api.Lamp {
			synctest.Wait()
			return internetLamp((&life{internet: i}).reach(), host(nil))
		}
		if got := lamp(); got.Reason != api.ReasonRefused || dialled.Load() != 2 {
			t.Errorf("%+v after %d", got, dialled.Load())
		}
		well.Store(true)
		time.Sleep(tryWhenNot * 11 / 10)
		if got := lamp(); got.State != api.OK || dialled.Load() != 4 {
			t.Errorf("%+v after %d", got, dialled.Load())
		}
		well.Store(false)
		time.Sleep(tryWhileOK * 8 / 10)
		if got := lamp(); got.State != api.OK || dialled.Load() != 4 {
			t.Errorf("tried again too soon: %+v after %d", got, dialled.Load())
		}
		time.Sleep(tryWhileOK * 3 / 10)
		if got := lamp(); got.State != api.Fault {
			t.Errorf("%+v after %d", got, dialled.Load())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The check of the configuration is carried out, and nothing else is called.
func TestTheInternetOfTheConfiguration(t *testing.T) {
	b := start(t, "sim:dsmr50?seed=1", "")
	if s, err := b.status(); err != nil || s.Network.Internet.Reason != api.ReasonNotChecked {
		t.Errorf("as delivered: %+v, %v", s.Network.Internet, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	checked := start(t, "sim:dsmr50?seed=1", fmt.Sprintf(`{"Internet":{"Check":%q}}`, ln.Addr()))
	eventually(t, 5*time.Second, "the host is reached", func() bool {
		s, err := checked.status()
		return err == nil && s.Network.Internet.State == api.OK
	})
}
