package uplink

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate is a network between box and broker: it can be cut, and be mute.
type gate struct {
	addr   string
	target string

	mu    sync.Mutex
	shut  bool
	mute  bool // what the broker says does not come through
	conns []net.Conn
}

func forward(t *testing.T, target string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: ln.Addr().String(), target: target}
	var all sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		g.cut()
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { g.pass(in) })
		}
	})
	return g
}

func (g *gate) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.conns = append(g.conns, in, out)
	g.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(out, in)
		out.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(writer(func(p []byte) (int, error) {
			g.mu.Lock()
			mute := g.mute
			g.mu.Unlock()
			if mute {
				return len(p), nil
			}
			return in.Write(p)
		}), out)
		in.Close()
	})
	both.Wait()
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// cut ends all connections, and lets none through until open.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

func (g *gate) open() { g.set(func() { g.shut = false }) }

func (g *gate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}
