package api

import (
	"net"
	"sync"
)

// limited is a listener that keeps at most max connections open, and perSource
// of them from one address, so that one client can neither use up the
// descriptors of the box nor lock out the others. What is too many is closed at
// once: left waiting it would look like a box that hangs.
type limited struct {
	net.Listener
	max, perSource int

	mu   sync.Mutex
	open int
	from map[string]int
}

func limit(ln net.Listener, max, perSource int) *limited {
	return &limited{Listener: ln, max: max, perSource: perSource, from: map[string]int{}}
}

// Accept returns the next connection within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := hostname(c.RemoteAddr().String())
		if l.take(source) {
			return &counted{Conn: c, release: sync.OnceFunc(func() { l.release(source) })}, nil
		}
		_ = c.Close()
	}
}

func (l *limited) take(source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.max || l.from[source] >= l.perSource {
		return false
	}
	l.open++
	l.from[source]++
	return true
}

func (l *limited) release(source string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.from[source]--; l.from[source] == 0 {
		delete(l.from, source)
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}
