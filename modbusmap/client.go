package modbusmap

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// client is one connection. Times are counted from the epoch of its server.
type client struct {
	s    *Server
	conn net.Conn
	addr string // without the port
	from string // with it

	asked atomic.Int64 // when the last complete request came, or the connection

	in, out   []byte
	have      int           // bytes of in that wait for the rest of their frame
	ready     int           // answers in out
	came      time.Duration // when the first of their requests did
	noted     []question    // the last of these requests, not in the log yet
	midFrame  bool          // the read deadline is that of a frame
	readFrom  time.Duration // when the read deadline was set
	writeFrom time.Duration // when the write deadline was set
}

const (
	readSize  = 4 << 10 // some 340 requests, more than any client pipelines
	writeSize = 8 << 10
	batchSize = 16 // requests that go to the log together
	// slack is the part of a time limit, as a divisor, by which it may be
	// exceeded. Two new deadlines are 2 % of what a request costs; set only when
	// this much of the last one has gone by, they cost nothing.
	slack = 16
)

func (s *Server) newClient(conn net.Conn) *client {
	c := &client{s: s, conn: conn, addr: addrOf(conn), from: conn.RemoteAddr().String(), in: make([]byte, readSize), out: make([]byte, 0, writeSize), noted: make([]question, 0, batchSize)}
	c.readFrom, c.writeFrom = -s.IdleTimeout, -s.WriteTimeout
	c.asked.Store(int64(c.now()))
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetKeepAliveConfig(s.KeepAlive)
		tcp.SetWriteBuffer(writeBuffer)
	}
	return c
}

func (c *client) now() time.Duration  { return time.Since(c.s.epoch) }
func (c *client) last() time.Duration { return time.Duration(c.asked.Load()) }

// serve answers the requests of the client until it leaves, breaks a rule or
// is no longer wanted, and closes the connection.
func (c *client) serve() {
	defer c.conn.Close()
	defer func() {
		if p := recover(); p != nil {
			c.s.log.Error("modbus: panic, closing this client", "client", c.addr, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	c.s.log.Debug("modbus: client", "client", c.addr)
	for {
		c.armRead(c.now())
		n, err := c.conn.Read(c.in[c.have:])
		c.have += n
		framing, unsent := c.answer()
		switch {
		case unsent != nil:
			c.s.log.Debug("modbus: client does not take its answers", "client", c.addr, "error", unsent)
			return
		case framing != nil, c.s.draining.Load():
			c.linger()
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.s.log.Debug("modbus: client timed out", "client", c.addr, "in_frame", c.midFrame)
			return
		case err != nil:
			return
		}
	}
}

// answer answers every complete frame in c.in, many with one write, and keeps
// the beginning of the next. framing says that what follows is no frame.
func (c *client) answer() (framing, unsent error) {
	pending := c.in[:c.have]
	for framing == nil && unsent == nil {
		var frame []byte
		if frame, pending, framing = cutFrame(pending); frame == nil {
			break
		}
		c.frameEnd()
		if !isModbus(frame) {
			continue
		}
		if c.ready == 0 {
			c.came = c.now()
		}
		start := len(c.out)
		c.out = appendReply(c.out, frame, c.s.responder)
		c.s.counters.exception(c.out[start:])
		c.note(ask(frame, c.out[start:]))
		c.ready++
		if len(c.out) > writeSize-maxFrame {
			unsent = c.flush()
		}
	}
	c.have = copy(c.in, pending)
	if unsent == nil {
		unsent = c.flush()
	}
	return framing, unsent
}

// flush sends the answers that are ready. While the client does not read, this
// waits, and nothing more is read from it.
func (c *client) flush() error {
	if c.ready == 0 {
		return nil
	}
	c.asked.Store(int64(c.came))
	c.s.counters.requests.Add(uint64(c.ready))
	c.log()
	c.armWrite(c.came)
	_, err := c.conn.Write(c.out)
	c.out, c.ready = c.out[:0], 0
	return err
}

// note keeps a request for the log until a number of them is worth its lock.
func (c *client) note(q question) {
	if len(c.noted) == cap(c.noted) {
		c.log()
	}
	c.noted = append(c.noted, q)
}

func (c *client) log() {
	c.s.requests.add(c.from, c.came, c.noted)
	c.noted = c.noted[:0]
}

// frameEnd makes the next armRead set a new deadline where the last one was
// that of a frame.
func (c *client) frameEnd() {
	if c.midFrame {
		c.midFrame = false
		c.readFrom = -c.s.IdleTimeout
	}
}

// armRead sets how long the client may be silent: the frame time-out from the
// first byte of a request, the idle time-out between requests. A client that
// sends a byte every few seconds does not move the former.
func (c *client) armRead(now time.Duration) {
	var limit time.Duration
	switch {
	case c.have > 0 && !c.midFrame:
		c.midFrame = true
		limit = c.s.FrameTimeout
	case c.have == 0 && now-c.readFrom >= c.s.IdleTimeout/slack:
		limit = c.s.IdleTimeout + c.s.IdleTimeout/slack
	default:
		return
	}
	c.readFrom = now
	c.conn.SetReadDeadline(time.Now().Add(limit))
	if c.s.draining.Load() { // drain may have set its deadline before this one
		c.conn.SetReadDeadline(time.Now())
	}
}

func (c *client) armWrite(now time.Duration) {
	limit := c.s.WriteTimeout
	if now-c.writeFrom < limit/slack {
		return
	}
	c.writeFrom = now
	c.conn.SetWriteDeadline(time.Now().Add(limit + limit/slack))
	if c.s.draining.Load() {
		c.conn.SetWriteDeadline(time.Now().Add(drainTimeout))
	}
}

// linger ends the connection so that the client gets its last answer: closing
// with unread requests in the buffer would reset the connection, and a reset
// overtakes what was sent before it.
func (c *client) linger() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	for {
		if _, err := c.conn.Read(c.in); err != nil {
			return
		}
	}
}
