package uplink_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// balancer takes TCP connections and hands each to the next backend that answers.
type balancer struct {
	address  string
	backends []string // HOST:PORT
	listener net.Listener
	tasks    sync.WaitGroup

	mu      sync.Mutex
	next    int
	current string            // backend of the newest connection
	open    map[net.Conn]bool // both sides
	closed  bool
}

func newBalancer(t *testing.T, backends ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: l.Addr().String(), backends: backends, listener: l, open: map[net.Conn]bool{}}
	b.tasks.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

func (b *balancer) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cut()
	b.tasks.Wait()
}

// cut ends every connection.
func (b *balancer) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		_ = c.Close()
	}
}

// backend returns where the newest connection goes.
func (b *balancer) backend() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *balancer) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.tasks.Go(func() { b.serve(c) })
	}
}

// serve carries octets both ways until one side ends, and then ends the other.
func (b *balancer) serve(client net.Conn) {
	defer client.Close()
	server := b.dial()
	if server == nil {
		return
	}
	defer server.Close()
	if !b.keep(client, server) {
		return
	}
	defer b.forget(client, server)
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	up.Wait()
}

// dial connects to the next backend that answers; nil: none does.
func (b *balancer) dial() net.Conn {
	for range b.backends {
		b.mu.Lock()
		backend := b.backends[b.next%len(b.backends)]
		b.next++
		b.mu.Unlock()
		if c, err := net.DialTimeout("tcp", backend, time.Second); err == nil {
			b.mu.Lock()
			b.current = backend
			b.mu.Unlock()
			return c
		}
	}
	return nil
}

func (b *balancer) keep(conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		b.open[c] = true
	}
	return !b.closed
}

func (b *balancer) forget(conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		delete(b.open, c)
	}
}
