package modbusmap

import (
	"net"
	"sync"
	"time"
)

// pipes is a listener whose connections are pipes in memory, so that a server
// can be tested on the clock of a synctest bubble.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.incoming <- server
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// tape is a connection that plays what a client sends, in chunks, and keeps
// what it is answered. At its end the client hangs up.
type tape struct {
	chunks [][]byte
	played int
	answer []byte
	forget bool // keep nothing
}

func (c *tape) Read(b []byte) (int, error) {
	if c.played == len(c.chunks) {
		return 0, net.ErrClosed
	}
	n := copy(b, c.chunks[c.played])
	if n == len(c.chunks[c.played]) {
		c.played++
	} else {
		c.chunks[c.played] = c.chunks[c.played][n:]
	}
	return n, nil
}

func (c *tape) Write(b []byte) (int, error) {
	if !c.forget {
		c.answer = append(c.answer, b...)
	}
	return len(b), nil
}

func (c *tape) Close() error                     { c.played = len(c.chunks); return nil }
func (c *tape) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *tape) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *tape) SetDeadline(time.Time) error      { return nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }
