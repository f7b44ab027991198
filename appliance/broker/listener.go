package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// listener is the library's listener over any net.Listener, with what the
// library's own ones lack: limits on sockets, a deadline until CONNECT, a recover
// around each client, and an end that waits for all of them.
type listener struct {
	ln     net.Listener
	limits Limits
	counts *counts
	log    *slog.Logger
	failed func(error) // told why accepting ended, if nobody ended it

	stopping  context.Context
	stop      context.CancelFunc
	accepting sync.WaitGroup
	clients   sync.WaitGroup

	mu    sync.Mutex
	conns map[*conn]netip.Addr
	from  map[netip.Addr]int
}

func newListener(ln net.Listener, limits Limits, counts *counts, log *slog.Logger, failed func(error)) *listener {
	l := &listener{
		ln: ln, limits: limits, counts: counts, log: log, failed: failed,
		conns: map[*conn]netip.Addr{},
		from:  map[netip.Addr]int{},
	}
	l.stopping, l.stop = context.WithCancel(context.Background())
	l.accepting.Add(1) // for Serve, which the library calls once
	return l
}

func (l *listener) ID() string              { return "tcp" }
func (l *listener) Address() string         { return l.ln.Addr().String() }
func (l *listener) Protocol() string        { return l.ln.Addr().Network() }
func (l *listener) Init(*slog.Logger) error { return nil }

// Serve accepts clients until the listener is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	defer l.accepting.Done()
	for failures := 0; ; {
		c, err := l.ln.Accept()
		if l.stopping.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err == nil {
			failures = 0
			l.admit(c, establish)
			continue
		}
		// No descriptors left, for instance: those of others come back.
		if failures++; errors.Is(err, net.ErrClosed) || failures == maxFailures {
			l.failed(fmt.Errorf("broker: accept: %w", err))
			return
		}
		select {
		case <-l.stopping.Done():
			return
		case <-time.After(time.Duration(failures) * 20 * time.Millisecond):
		}
	}
}

// maxFailures of accepting in a row, in some nine seconds, end the listener.
const maxFailures = 30

// admit gives a socket to the library, if there is room for it.
func (l *listener) admit(socket net.Conn, establish listeners.EstablishFn) {
	c := newConn(socket, l.limits, func() { l.counts.cut.Add(1) })
	from := remoteAddr(socket)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.limits.Sockets || l.from[from] >= l.limits.PerAddress {
		l.counts.turnedAway.Add(1)
		_ = socket.Close()
		return
	}
	l.conns[c] = from
	l.from[from]++
	_ = socket.SetReadDeadline(time.Now().Add(l.limits.Connect))
	l.clients.Go(func() { l.serve(c, establish) })
}

// serve lives as long as the client. A packet that makes the library panic
// costs its sender the connection, not the box its life.
func (l *listener) serve(c *conn, establish listeners.EstablishFn) {
	defer l.release(c)
	var pump sync.WaitGroup
	pump.Go(c.pump)
	defer pump.Wait()
	defer c.Close()
	defer func() {
		if p := recover(); p != nil {
			l.log.Error("client ended by a panic", "remote", c.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if err := establish(l.ID(), c); err != nil {
		l.log.Debug("client gone", "remote", c.RemoteAddr(), "error", err)
	}
}

func (l *listener) release(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.conns[c]
	delete(l.conns, c)
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

// sockets returns how many are open.
func (l *listener) sockets() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Close does nothing: the listener is ended by end, and before the library is.
// The library's own way (close the clients, then the socket, then wait) waits
// for ever for a client that has not sent its CONNECT, and panics if one arrives
// in between.
func (l *listener) Close(listeners.CloseFn) {}

// refuse ends accepting; when it returns no further client can appear.
func (l *listener) refuse() {
	l.stop()
	_ = l.ln.Close()
	l.accepting.Wait()
}

// end closes every connection and waits until the library has let go of them:
// about flushLimit, if some client does not take its last words.
func (l *listener) end() {
	l.mu.Lock()
	for c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.clients.Wait()
}

func remoteAddr(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}
