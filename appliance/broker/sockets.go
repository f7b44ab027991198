package broker

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// sockets are the connections that are open, whichever door they came through,
// with what the library lacks: limits on their number, a deadline until CONNECT,
// a recover around each client, and an end that waits for all of them.
type sockets struct {
	limits    Limits
	counts    *counts
	log       *slog.Logger
	establish func(client net.Conn) error // serves one client to its end

	clients sync.WaitGroup

	mu     sync.Mutex
	closed bool // nobody is admitted any more
	open   map[*visit]struct{}
	from   map[netip.Addr]int
}

// visit is one socket, from accept to its end.
type visit struct {
	socket net.Conn
	from   netip.Addr
	until  time.Time // of the CONNECT packet
	conn   *conn     // nil before a TLS handshake is done
}

func newSockets(limits Limits, counts *counts, log *slog.Logger, establish func(net.Conn) error) *sockets {
	return &sockets{
		limits: limits, counts: counts, log: log, establish: establish,
		open: map[*visit]struct{}{},
		from: map[netip.Addr]int{},
	}
}

// admit takes a socket that came through a door, if there is room for it, and
// serves it in a goroutine of its own.
func (s *sockets) admit(socket net.Conn, d Door) {
	v := &visit{socket: socket, from: remoteAddr(socket), until: time.Now().Add(s.limits.Connect)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = socket.Close()
		return
	}
	if len(s.open) >= s.limits.Sockets || s.from[v.from] >= s.limits.PerAddress {
		s.counts.turnedAway.Add(1)
		_ = socket.Close()
		return
	}
	s.open[v] = struct{}{}
	s.from[v.from]++
	_ = socket.SetDeadline(v.until)
	s.clients.Go(func() { s.serve(v, d) })
}

// serve lives as long as the client. A packet that makes the library panic
// costs its sender the connection, not the box its life.
func (s *sockets) serve(v *visit, d Door) {
	defer s.release(v)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("client ended by a panic", "remote", v.socket.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	defer v.socket.Close()
	if err := s.receive(v, d); err != nil {
		s.log.Debug("client gone", "door", d.Name, "remote", v.socket.RemoteAddr(), "error", err)
	}
}

// receive goes through the layers of the door, from the socket up: TLS, the
// buffer that never waits, WebSocket, and then the library.
func (s *sockets) receive(v *visit, d Door) error {
	below := v.socket
	if d.TLS != nil {
		secure := tls.Server(v.socket, d.TLS)
		if err := secure.Handshake(); err != nil {
			return err
		}
		below = secured{secure, v.socket}
	}
	c := newConn(below, v.socket, s.limits, func() { s.counts.cut.Add(1) })
	var pump sync.WaitGroup
	pump.Go(c.pump)
	defer pump.Wait()
	defer c.Close()
	if !s.opened(v, c) {
		return net.ErrClosed
	}
	if !d.WebSocket {
		return s.establish(c)
	}
	stream, err := upgrade(c, v.until)
	if err != nil {
		return err
	}
	defer stream.Close()
	return s.establish(stream)
}

// opened notes that from now on a visit is ended by closing c: what has been
// written still leaves.
func (s *sockets) opened(v *visit, c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.conn = c
	return !s.closed
}

func (s *sockets) release(v *visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, v)
	if s.from[v.from]--; s.from[v.from] == 0 {
		delete(s.from, v.from)
	}
}

// count returns how many are open.
func (s *sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// refuse admits nobody from now on; when it returns no further client can appear.
func (s *sockets) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// end closes every connection and waits until the library has let go of them:
// about flushLimit, if some client does not take its last words.
func (s *sockets) end() {
	s.mu.Lock()
	s.closed = true
	for v := range s.open {
		if v.conn != nil {
			_ = v.conn.Close()
		} else {
			_ = v.socket.Close()
		}
	}
	s.mu.Unlock()
	s.clients.Wait()
}

// secured is a TLS connection whose Close does not wait for its client: the
// goodbye of TLS (RFC 8446, 6.1) would, for five seconds.
type secured struct {
	*tls.Conn
	socket net.Conn
}

// Close says goodbye if the client takes it in time.
func (s secured) Close() error {
	defer time.AfterFunc(flushLimit, func() { _ = s.socket.Close() }).Stop()
	return errors.Join(s.Conn.Close(), s.socket.Close())
}

func remoteAddr(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}
