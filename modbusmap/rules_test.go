package modbusmap

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var rules = map[string]func(*testing.T){
	"slowloris_partial_header":   slowloris,
	"idle_keepalive":             idle,
	"second_client_policy":       secondClient,
	"dead_first_client_takeover": deadFirstClient,
	"reconnect_storm":            reconnectStorm,
	"rst_mid_response":           resetMidResponse,
	"slow_reader":                slowReader,
	"snapshot_consistency":       func(t *testing.T) { pollUnderWriter(t, 64, 100_000) },
	"snapshot_monotonic":         func(t *testing.T) { pollUnderWriter(t, 4, 20_000) },
	"stale_data_policy":          staleData,
	"fd_exhaustion":              outOfDescriptors,
	"shutdown":                   shutdown,
}

func slowloris(t *testing.T) {
	const limit = 200 * time.Millisecond
	server := serveFixture(t, func(s *Server) { s.MaxClients, s.FrameTimeout = 1, limit })
	began := time.Now()
	conn := dial(t, here, server.addr)
	conn.Write(power[:3])
	if !closedSoon(conn) {
		t.Fatal("three bytes keep the connection")
	}
	if took := time.Since(began); took < limit || took > limit+2*time.Second {
		t.Errorf("closed after %v, want %v", took, limit)
	}
	if !served(dial(t, there, server.addr)) {
		t.Error("the place is not free again")
	}

	// One byte at a time, each well within the limit.
	began = time.Now()
	conn = dial(t, there, server.addr)
	closed := make(chan bool)
	go func() { closed <- closedSoon(conn) }()
	for range len(power) - 1 {
		conn.Write(power[:1])
		time.Sleep(limit / 4)
	}
	if !<-closed {
		t.Error("dripping bytes keep the connection")
	}
	if took := time.Since(began); took > limit+2*time.Second {
		t.Errorf("closed after %v, want %v from the first byte", took, limit)
	}
}

// The full lengths, on a clock of its own.
func idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.tell(fixture(t).telegram())
		ln := newPipes()
		startOn(t, ln, registers(t, h, long))
		conn := ln.dial()
		for range 3 {
			time.Sleep(60 * time.Second)
			if !served(conn) {
				t.Fatal("no answer after 60 s without a request")
			}
		}
		time.Sleep(299 * time.Second)
		if !served(conn) {
			t.Fatal("no answer after 299 s without a request")
		}
		began := time.Now()
		if !closedSoon(conn) {
			t.Fatal("never closed")
		}
		if took := time.Since(began); took < 300*time.Second || took > 320*time.Second {
			t.Errorf("closed after %v, want about 300 s", took)
		}
	})
}

func secondClient(t *testing.T) {
	server := serveFixture(t, func(s *Server) { s.MaxClients = 1 })
	first := dial(t, here, server.addr)
	for range 5 {
		if !served(first) {
			t.Fatal("the first client is starved")
		}
		if !closedSoon(dial(t, there, server.addr)) {
			t.Error("a second client is let in")
		}
	}
	if stats := server.Stats(); stats.Refused != 5 || stats.Clients != 1 || stats.Evicted != 0 {
		t.Errorf("%+v, want 5 refused, 1 connected, none evicted", stats)
	}

	again := dial(t, here, server.addr)
	if !served(again) {
		t.Error("the same client, come back, is not let in")
	}
	if !closedSoon(first) {
		t.Error("its old connection is kept")
	}
}

func deadFirstClient(t *testing.T) {
	const limit = 300 * time.Millisecond
	server := serveFixture(t, func(s *Server) { s.MaxClients, s.EvictAfter = 2, limit })
	dead := dial(t, here, server.addr)
	if !served(dead) {
		t.Fatal("the first client is not served")
	}
	died := time.Now()
	alive := dial(t, here, server.addr)
	for !served(dial(t, there, server.addr)) {
		if !served(alive) {
			t.Fatal("the client that polls is starved")
		}
		if time.Since(died) > limit+3*time.Second {
			t.Fatal("the dead client keeps the newcomer out")
		}
	}
	if took := time.Since(died); took < limit {
		t.Errorf("dropped after %v, want not before %v", took, limit)
	}
	if !closedSoon(dead) {
		t.Error("it was not the dead client that had to go")
	}
	if !served(alive) {
		t.Error("the client that polls had to go")
	}
	if stats := server.Stats(); stats.Evicted != 1 {
		t.Errorf("%d evicted, want 1", stats.Evicted)
	}
}

func reconnectStorm(t *testing.T) {
	for _, c := range []struct {
		name       string
		maxClients int
		stays      bool
	}{{"one place", 1, false}, {"one place beside a client that stays", 2, true}} {
		t.Run(c.name, func(t *testing.T) {
			server := serveFixture(t, func(s *Server) { s.MaxClients = c.maxClients })
			stays := dial(t, there, server.addr)
			if !c.stays {
				stays.Close()
			} else if !served(stays) {
				t.Fatal("the client that stays is not served")
			}
			for i := range 1000 {
				conn, err := net.Dial("tcp", server.addr)
				if err != nil {
					t.Fatal(err)
				}
				if !served(conn) {
					t.Fatalf("connection %d is not served", i+1)
				}
				conn.Close()
			}
			if c.stays && !served(stays) {
				t.Error("the client that stays is gone")
			}
		})
	}
}

func resetMidResponse(t *testing.T) {
	server := serveFixture(t, func(s *Server) { s.MaxClients = 1 })
	many := bytes.Repeat(request(1, 3, 0x8000, 88), 300)
	for range 50 {
		conn := dial(t, here, server.addr)
		conn.Write(many)
		io.ReadFull(conn, make([]byte, 100))
		conn.SetLinger(0)
		conn.Close()
	}
	eventually(t, "every place is free", func() bool { return server.Stats().Clients == 0 })
	if !served(dial(t, there, server.addr)) {
		t.Error("the next client is not served")
	}
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("still not true that %s", what)
		}
	}
}

// dialSmall connects with so small a receive buffer that answers which are not
// read soon fill it.
func dialSmall(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

func slowReader(t *testing.T) {
	const limit, requests = 300 * time.Millisecond, 10_000
	server := serveFixture(t, func(s *Server) { s.MaxClients, s.WriteTimeout = 1, limit })
	conn := dialSmall(t, server.addr)
	began := time.Now()
	conn.Write(bytes.Repeat(request(1, 3, 0x8000, 88), requests))
	eventually(t, "the client is answered", func() bool { return server.Stats().Requests > 0 })
	eventually(t, "the connection is closed", func() bool { return server.Stats().Clients == 0 })
	if took := time.Since(began); took < limit {
		t.Errorf("closed after %v, want not before %v", took, limit)
	}
	if n := server.Stats().Requests; n >= requests {
		t.Errorf("%d of %d requests were answered to a client that reads nothing", n, requests)
	}
	if !served(dial(t, there, server.addr)) {
		t.Error("the next client is not served")
	}
}

func staleData(t *testing.T) {
	h := newHouse()
	const limit = 200 * time.Millisecond
	server := start(t, registers(t, h, Settings{StaleAfter: limit}))
	conn := dial(t, here, server.addr)
	refused := func() bool {
		conn.Write(power)
		frame, err := readFrame(conn)
		return err == nil && bytes.Equal(frame, []byte{0x7e, 0x57, 0, 0, 0, 3, 1, 0x83, 0x0b})
	}
	if !refused() {
		t.Error("power before the first telegram")
	}
	for range 3 {
		began := time.Now()
		h.tell(fixture(t).telegram())
		told := time.Now()
		if !served(conn) && time.Since(began) < limit {
			t.Error("no power after a telegram")
		}
		time.Sleep(time.Until(told.Add(limit + time.Millisecond)))
		if !refused() {
			t.Error("power past the limit")
		}
	}
	if n := server.Stats().Exceptions[0x0B]; n != 4 {
		t.Errorf("%d exceptions 0B counted, want 4", n)
	}
}

func shutdown(t *testing.T) {
	const pipelined = 8
	ask := bytes.Repeat(append(request(1, 3, 0x8006, 30), request(2, 3, 0x8000, 88)...), pipelined)
	for range 5 {
		server := serveFixture(t, func(s *Server) { s.MaxClients = 64 })
		var all, busy sync.WaitGroup
		var cut atomic.Int64
		for range 64 {
			conn := dial(t, here, server.addr)
			busy.Add(1)
			all.Go(func() {
				in := bufio.NewReader(conn)
				for round := 0; ; round++ {
					if round == 3 {
						busy.Done()
					}
					conn.Write(ask) // an error here may come before answers that are still to be read
					for range 2 * pipelined {
						if _, err := in.Peek(1); err != nil {
							return
						}
						if _, err := readFrame(in); err != nil {
							cut.Add(1)
							return
						}
					}
				}
			})
		}
		busy.Wait()
		began := time.Now()
		if err := server.stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		all.Wait()
		if n := cut.Load(); n != 0 {
			t.Errorf("%d answers were cut short", n)
		}
		if n := server.Stats().Clients; n != 0 {
			t.Errorf("%d clients after the end", n)
		}
	}
}
