package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"smartconnect/telegram"
)

// tcpConn is a TCP source: ser2net, esp-link, another box.
type tcpConn struct {
	net.Conn
	hang time.Duration
}

func openTCP(ctx context.Context, s Source, _ telegram.Line, o Options) (conn, error) {
	d := net.Dialer{
		Timeout:         o.Dial,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &tcpConn{c, o.Hang}, nil
}

// Read fails when nothing came for a while: an adapter that was switched off,
// or one that forgot us, says nothing either, and only connecting again helps.
func (c *tcpConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.hang)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fmt.Errorf("nothing received for %v: %w", c.hang, err)
	case errors.Is(err, io.EOF):
		return n, fmt.Errorf("the other end closed the connection: %w", err)
	}
	return n, err
}
