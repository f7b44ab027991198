package modbusmap

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a Modbus TCP server. Its time limits may be changed before Serve.
//
// It exists beside the one of the library because chargers live for years on
// one port: a request of quantity 0 is answered and not hung up on, a client
// that stops in the middle of a frame or does not read its answers is let go, a
// full server and a lack of descriptors are survived, and it stops cleanly.
type Server struct {
	MaxClients int            // connections served at once
	AllowFrom  []netip.Prefix // whose connections are taken; none: everybody's

	FrameTimeout time.Duration // from the first byte of a request to its last
	IdleTimeout  time.Duration // without any request
	WriteTimeout time.Duration // for an answer to leave
	EvictAfter   time.Duration // without a complete request, after which a full server may drop a client for a newer one
	KeepAlive    net.KeepAliveConfig

	responder Responder
	log       *slog.Logger
	epoch     time.Time // times of clients count from here
	counters  counters
	requests  requestLog
	draining  atomic.Bool
	left      chan struct{} // a client has gone

	mu      sync.Mutex
	clients map[*client]struct{}
}

const (
	// grace is how long a newcomer to a full server waits for somebody to be
	// gone: a client that opens a connection for every poll is often back before
	// its last goodbye has been read.
	grace = 50 * time.Millisecond
	// drainTimeout is how long a client may take to read its last answer when
	// the server stops, and lingerTimeout how long to take note of it.
	drainTimeout  = 250 * time.Millisecond
	lingerTimeout = 100 * time.Millisecond
	// writeBuffer bounds what the kernel keeps for a client that does not read.
	writeBuffer = 64 << 10

	// firstPause and maxPause bound the wait after a failed accept.
	firstPause, maxPause = 5 * time.Millisecond, time.Second
	// warnEvery keeps a client that tries all day from filling the log; the
	// counters see every try.
	warnEvery = time.Minute
)

// NewServer returns a server of 16 clients with the usual time limits.
func NewServer(r Responder, log *slog.Logger) *Server {
	return &Server{
		MaxClients:   16,
		FrameTimeout: 10 * time.Second,
		IdleTimeout:  300 * time.Second,
		WriteTimeout: 10 * time.Second,
		EvictAfter:   15 * time.Second,
		KeepAlive:    net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
		responder:    r,
		log:          log,
		epoch:        time.Now(),
		left:         make(chan struct{}, 1),
		clients:      make(map[*client]struct{}),
	}
}

// Serve answers the clients of ln, which it closes, until ctx is done or ln is
// closed by somebody else, which is an error. Every answer begun is finished
// where the client reads it within a moment, and nothing of Serve runs on when
// it returns. It may be called again then, not at the same time.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	s.draining.Store(false)
	var all sync.WaitGroup
	all.Go(func() {
		<-ctx.Done()
		ln.Close()
	})
	err := s.accept(ctx, ln, &all)
	cancel()
	s.drain()
	all.Wait()
	return err
}

// accept serves newcomers, each on a goroutine of all.
func (s *Server) accept(ctx context.Context, ln net.Listener, all *sync.WaitGroup) error {
	pause := firstPause
	var warned time.Time
	warn := func(message string, args ...any) {
		level := slog.LevelDebug
		if time.Since(warned) > warnEvery {
			level, warned = slog.LevelWarn, time.Now()
		}
		s.log.Log(ctx, level, message, args...)
	}
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			// Out of descriptors, mostly. Trying again at once would burn a core
			// and fill the log until somebody hangs up.
			warn("modbus: cannot accept clients, trying again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, maxPause)
			continue
		}
		pause = firstPause
		if !s.allowed(conn) {
			s.counters.refused.Add(1)
			warn("modbus: refusing a client that is not in the list of those allowed", "client", conn.RemoteAddr())
			conn.Close()
			continue
		}
		c := s.admit(ctx, conn)
		if c == nil {
			s.counters.refused.Add(1)
			warn("modbus: all connections are taken, refusing newcomers", "client", conn.RemoteAddr(), "max", s.MaxClients)
			conn.Close()
			continue
		}
		s.counters.accepted.Add(1)
		all.Go(func() {
			defer s.leave(c)
			c.serve()
		})
	}
}

// drain lets every client finish the answer it is at.
func (s *Server) drain() {
	s.draining.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.conn.SetReadDeadline(time.Now())
		c.conn.SetWriteDeadline(time.Now().Add(drainTimeout))
	}
}
