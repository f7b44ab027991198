package share

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Server serves a feed over TCP: the octets of the line, from the start of a
// telegram on. What a reader says is read and forgotten; DSMR-reader says nothing,
// some terminals send a line end.
type Server struct {
	Feed *Feed
	Log  *slog.Logger

	// Stall is how long a reader may take nothing before it is dropped; 0: 10 s.
	Stall time.Duration
}

const (
	stall       = 10 * time.Second
	acceptPause = 100 * time.Millisecond // after an Accept that failed

	// What the system keeps for a reader that does not read would come out of it
	// later, minutes old.
	unread = 8 << 10
)

// Serve answers on ln until ctx is done, and then returns nil, or until ln fails. It
// closes ln; when it returns every reader has gone.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = ln.Close() })
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	for {
		c, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, mostly: it passes
			s.Log.Warn("cannot accept a reader of telegrams", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		r, err := s.Feed.Join()
		if err != nil {
			_ = c.Close()
			continue
		}
		readers.Go(func() {
			defer r.Leave()
			s.serve(ctx, c, r)
		})
	}
}

// serve hands telegrams to one reader until it has gone.
func (s *Server) serve(ctx context.Context, c net.Conn, r *Reader) {
	ctx, cancel := context.WithCancel(ctx)
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(unread)
	}
	var hearing sync.WaitGroup
	hearing.Go(func() { // a reader that hangs up says so by its end
		defer cancel()
		b := make([]byte, 256)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	})
	context.AfterFunc(ctx, func() { _ = c.Close() })
	defer hearing.Wait()
	defer cancel()
	patience := s.Stall
	if patience == 0 {
		patience = stall
	}
	for {
		t, err := r.Next(ctx)
		if err != nil {
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(t.Octets); err != nil {
			if ctx.Err() == nil {
				s.Log.Info("reader of telegrams dropped", "reader", c.RemoteAddr().String(), "error", err, "lost", r.Lost())
			}
			return
		}
	}
}
