package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// limited is a listener that keeps at most max connections open, and perSource
// of them from one address, so that one client can neither use up the
// descriptors of the box nor lock out the others. Where there is no place left,
// the connection that has gone the longest without a request leaves for the
// newcomer: who only holds connections open keeps nobody out. If a request that was
// admitted runs on each, the newcomer is closed at once: left waiting it would look
// like a box that hangs.
type limited struct {
	net.Listener
	max, perSource int

	mu   sync.Mutex
	open map[*counted]bool
}

func limit(ln net.Listener, max, perSource int) *limited {
	return &limited{Listener: ln, max: max, perSource: perSource, open: map[*counted]bool{}}
}

// Accept returns the next connection within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		socket, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &counted{Conn: socket, source: hostname(socket.RemoteAddr().String()), quiet: time.Now(), of: l}
		leaves, ok := l.admit(c)
		if leaves != nil {
			_ = leaves.Conn.Close()
		}
		if ok {
			return c, nil
		}
		_ = socket.Close()
	}
}

// admit gives c a place, if there is one or another connection leaves for it.
func (l *limited) admit(c *counted) (leaves *counted, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := 0
	var ofSame, ofAll *counted // quiet for the longest
	for other := range l.open {
		if other.source == c.source {
			same++
			ofSame = quieter(ofSame, other)
		}
		ofAll = quieter(ofAll, other)
	}
	switch {
	case same >= l.perSource:
		leaves = ofSame
	case len(l.open) >= l.max:
		leaves = ofAll
	default:
		l.open[c] = true
		return nil, true
	}
	if leaves == nil {
		return nil, false
	}
	delete(l.open, leaves)
	l.open[c] = true
	return leaves, true
}

// quieter returns which of two connections has been quiet for longer. a may be
// nil, and b be one that is not quiet.
func quieter(a, b *counted) *counted {
	if b.quiet.IsZero() || a != nil && a.quiet.Before(b.quiet) {
		return a
	}
	return b
}

// note is told by the HTTP server what a connection does. It is quiet until a request
// on it keeps its place, and after the answer has gone.
func (l *limited) note(conn net.Conn, state http.ConnState) {
	c, ok := place(conn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateActive, http.StateIdle:
		c.quiet = time.Now()
	}
}

// place returns the connection below conn that has a place.
func place(conn net.Conn) (c *counted, ok bool) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, ok = conn.(*counted)
	return c, ok
}

// placeKey is the key of a connection in the context of its requests.
type placeKey struct{}

func withPlace(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := place(conn); ok {
		return context.WithValue(ctx, placeKey{}, c)
	}
	return ctx
}

// keepPlace sees to it that a request loses its connection to no newcomer. It is for
// those that may be made: a body that comes letter by letter would keep others out.
func keepPlace(ctx context.Context) {
	if c, ok := ctx.Value(placeKey{}).(*counted); ok {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.quiet = time.Time{}
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	source string
	of     *limited
	quiet  time.Time // since when; zero while a request keeps the place. Guarded by of.mu
}

func (c *counted) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
