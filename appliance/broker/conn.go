package broker

import (
	"errors"
	"net"
	"sync"
	"time"
)

// conn is a client's connection whose Write never waits for the client.
//
// The library writes to the socket while it holds the client's lock, and takes
// that lock when it hands a QoS 1 message to the client or replaces it by a
// newcomer. One client that stops reading would so stop the publisher and
// everybody behind it. Here Write puts the octets into a buffer that a goroutine
// of the connection empties; a client that lets it overflow, or takes nothing
// for a while, is cut off.
type conn struct {
	net.Conn          // a socket, or TLS over one
	socket   net.Conn // the socket itself
	limits   Limits
	onCut    func() // told when the client is cut off for being slow

	mu      sync.Mutex
	pending []byte        // octets not yet handed to the socket
	wake    chan struct{} // says that pending or closing has changed
	closing bool
}

// flushLimit is how long what was written before Close may take to leave: the
// refusal of a login, the last words at a stop.
const flushLimit = 250 * time.Millisecond

// keptBuffer is how much of a buffer that a burst has grown stays for the next.
const keptBuffer = 16 << 10

var errSlow = errors.New("broker: client does not read")

func newConn(c, socket net.Conn, limits Limits, onCut func()) *conn {
	return &conn{Conn: c, socket: socket, limits: limits, onCut: onCut, wake: make(chan struct{}, 1)}
}

// Write takes all of p or cuts the connection.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return 0, net.ErrClosed
	}
	if len(c.pending)+len(p) > c.limits.Pending {
		c.closing, c.pending = true, nil
		c.onCut()
		_ = c.socket.Close() // without the goodbye of TLS, which might wait
		c.signal()
		return 0, errSlow
	}
	c.pending = append(c.pending, p...)
	c.signal()
	return len(p), nil
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pump writes what is pending until the connection is closed, and then closes
// the socket. It runs once, beside the reader.
func (c *conn) pump() {
	defer c.Conn.Close()
	var out []byte
	for range c.wake {
		for {
			c.mu.Lock()
			out, c.pending = c.pending, out[:0]
			closing := c.closing
			if !closing {
				_ = c.Conn.SetWriteDeadline(time.Now().Add(c.limits.Stall))
			}
			c.mu.Unlock()
			if len(out) == 0 {
				if closing {
					return
				}
				break
			}
			if _, err := c.Conn.Write(out); err != nil {
				c.fail(err)
				return
			}
			if cap(out) > keptBuffer {
				out = nil
			}
		}
	}
}

// fail ends a connection that could not be written to.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() && !c.closing {
		c.onCut()
	}
	c.closing, c.pending = true, nil
	_ = c.socket.Close() // TLS would try to say goodbye
}

// SetDeadline sets the deadline of reading. The library sets it to one and a
// half keep-alives after each packet; writing has limits of its own.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

// SetReadDeadline is SetDeadline.
func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline does nothing: a Write takes no time.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Close ends reading at once and the connection as soon as what was written has
// left, or could not leave in time.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return nil
	}
	c.closing = true
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	_ = c.Conn.SetWriteDeadline(time.Now().Add(flushLimit))
	c.signal()
	return nil
}
