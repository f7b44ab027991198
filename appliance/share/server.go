package share

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Server serves a feed over TCP: the octets of the line, from the start of a
// telegram on. What a reader says is read and forgotten; DSMR-reader says nothing,
// some terminals send a line end. Nobody has to say who he is, so that one host has a
// few places and all of them leave some for those of the feed who do.
type Server struct {
	Feed *Feed
	Log  *slog.Logger

	// Stall is how long a reader may take nothing before it is dropped; 0: 10 s.
	Stall time.Duration

	mu    sync.Mutex
	hosts map[netip.Addr]int // readers of each
	all   int
}

const (
	stall       = 10 * time.Second
	acceptPause = 100 * time.Millisecond // after an Accept that failed

	maxServed = 16
	maxOfHost = 4 // evcc, Home Assistant and DSMR-reader live on one

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
		readers.Go(func() {
			defer c.Close()
			host := hostOf(c)
			if !s.enter(host) {
				return
			}
			r, err := s.Feed.Join()
			if err != nil {
				s.exit(host)
				return
			}
			defer r.Leave()
			defer s.exit(host)
			s.serve(ctx, c, r)
		})
	}
}

// enter takes a place for a reader of a host, if there is one.
func (s *Server) enter(host netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == maxServed || s.hosts[host] == maxOfHost {
		return false
	}
	if s.hosts == nil {
		s.hosts = map[netip.Addr]int{}
	}
	s.all++
	s.hosts[host]++
	return true
}

func (s *Server) exit(host netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.hosts[host]--; s.hosts[host] == 0 {
		delete(s.hosts, host)
	}
}

// hostOf returns where a connection comes from, an invalid address where that is no
// network.
func hostOf(c net.Conn) netip.Addr {
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return from.Addr().Unmap()
}

// serve hands telegrams to one reader until it has gone. What it has written ends with
// a telegram, or the connection with an error: where one could not be written whole,
// it is reset, and nobody takes the half for all of it.
func (s *Server) serve(ctx context.Context, c net.Conn, r *Reader) {
	ctx, cancel := context.WithCancel(ctx)
	tcp, _ := c.(*net.TCPConn)
	if tcp != nil {
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
	context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // what it waits for ends
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
		if ctx.Err() != nil { // the deadline of its end may have been set before this one
			return
		}
		if _, err := c.Write(t.Octets); err != nil {
			if tcp != nil {
				_ = tcp.SetLinger(0)
			}
			if ctx.Err() == nil {
				s.Log.Info("reader of telegrams dropped", "reader", c.RemoteAddr().String(), "error", err, "lost", r.Lost())
			}
			return
		}
	}
}
