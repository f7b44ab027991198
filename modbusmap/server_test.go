package modbusmap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Stop the feeder while a client polls ten times a second: the first refused
// answer comes within a second of the limit, the first good one within a tenth
// of a second of the next telegram.
func TestFreshnessAsAClientSeesIt(t *testing.T) {
	for _, c := range []struct {
		name          string
		period, limit time.Duration
		staleAfter    time.Duration
	}{
		{"a meter of 1 s", time.Second, 5 * time.Second, 0},
		{"a meter of 10 s", 10 * time.Second, 30 * time.Second, 0},
		{"a limit that the owner set", 10 * time.Second, 12 * time.Second, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.period = c.period
				ln := newPipes()
				startOn(t, ln, registers(t, h, Settings{StaleAfter: c.staleAfter}))
				conn := ln.dial()
				told := time.Now()
				tell := func() {
					h.tell(fixture(t).telegram())
					told = time.Now()
				}
				for range 20 {
					tell()
					for time.Since(told) < c.period {
						if !served(conn) {
							t.Fatalf("refused %v after a telegram", time.Since(told))
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				// poll asks at 10 Hz until the answers become good or refused.
				poll := func(good bool) {
					t.Helper()
					for served(conn) != good {
						if time.Since(told) > time.Minute {
							t.Fatalf("after a minute the answers are still not good: %v", good)
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				refusedInTime := func() {
					t.Helper()
					poll(false)
					if late := time.Since(told); late <= c.limit || late > c.limit+time.Second {
						t.Errorf("first refused %v after the last telegram, want %v and at most 1 s more", late, c.limit)
					}
				}
				refusedInTime()
				time.Sleep(4 * time.Minute)
				h.tell(says{registerOf["0x8100"]: 5}.telegram())
				if served(conn) {
					t.Error("an energy list passes for fresh power")
				}
				tell()
				poll(true)
				if late := time.Since(told); late > 100*time.Millisecond {
					t.Errorf("first good answer %v after the telegram", late)
				}
				refusedInTime() // the outage has not lengthened the limit
			})
		})
	}
}

func TestFullServerDropsTheLongestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.tell(fixture(t).telegram())
		ln := newPipes()
		server := startOn(t, ln, registers(t, h, long), func(s *Server) { s.MaxClients = 3 })
		var conns [3]net.Conn
		for i := range conns {
			conns[i] = ln.dial()
		}
		ask := func(which ...int) {
			t.Helper()
			for _, i := range which {
				if !served(conns[i]) {
					t.Fatalf("client %d is not served", i)
				}
			}
		}
		ask(0, 1, 2)
		time.Sleep(time.Second)
		ask(0, 2)
		time.Sleep(time.Second)
		ask(0)
		time.Sleep(12900 * time.Millisecond)
		if !closedSoon(ln.dial()) { // 1 has been silent for 14.9 s
			t.Fatal("a newcomer is let in for a client that may still poll")
		}
		time.Sleep(100 * time.Millisecond)
		newcomer := ln.dial() // now 15 s
		if !served(newcomer) || !closedSoon(conns[1]) {
			t.Error("the longest silent client is not the one to go")
		}
		ask(0, 2)
		// The garbage that a client sends is no request.
		other := request(1, 3, 0x8016, 2)
		other[2] = 1
		for range 15 {
			time.Sleep(time.Second)
			ask(0, 2)
			newcomer.Write(other)
		}
		if last := ln.dial(); !served(last) || !closedSoon(newcomer) {
			t.Error("a client that never asks a thing keeps its place")
		}
		stats := server.Stats()
		if stats.Accepted != 5 || stats.Refused != 1 || stats.Evicted != 2 || stats.Clients != 3 {
			t.Errorf("%+v, want 5 accepted, 1 refused, 2 evicted, 3 now", stats)
		}
	})
}

func TestDefaultTimeLimits(t *testing.T) {
	for _, c := range []struct {
		name     string
		send     []byte
		min, max time.Duration
	}{
		{"nothing", nil, 300 * time.Second, 320 * time.Second},
		{"a header and no more", power[:7], 10 * time.Second, 10 * time.Second},
		{"a request and a half", append(bytes.Clone(power), power[:6]...), 10 * time.Second, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse()
			h.tell(fixture(t).telegram())
			ln := newPipes()
			startOn(t, ln, registers(t, h, long))
			conn := ln.dial()
			began := time.Now()
			go conn.Write(c.send)
			n, _ := io.Copy(io.Discard, conn)
			if len(c.send) > len(power) && n != int64(len(minus1234)) {
				t.Errorf("%s: %d bytes of answer", c.name, n)
			}
			if took := time.Since(began); took < c.min || took > c.max {
				t.Errorf("%s: closed after %v, want %v", c.name, took, c.min)
			}
		})
	}
	t.Run("answers that are not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse()
			h.tell(fixture(t).telegram())
			ln := newPipes()
			server := startOn(t, ln, registers(t, h, long))
			conn := ln.dial()
			conn.Write(power)
			began := time.Now()
			for server.Stats().Clients > 0 {
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
				t.Errorf("closed after %v, want about 10 s", took)
			}
		})
	})
}

// faulty refuses to accept n times.
type faulty struct {
	net.Listener
	err  error
	left atomic.Int32
}

func (f *faulty) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", f.err)}
	}
	return f.Listener.Accept()
}

func TestAcceptErrorsAreWaitedOutQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h := newHouse()
		h.tell(fixture(t).telegram())
		pipes := newPipes()
		ln := &faulty{Listener: pipes, err: syscall.EMFILE}
		ln.left.Store(20)
		began := time.Now()
		startOn(t, ln, registers(t, h, long), func(s *Server) { s.log = slog.New(slog.NewTextHandler(&out, nil)) })
		conn := pipes.dial()
		// 5 ms, doubled up to 1 s: 1.275 s for eight, 12 s for the rest.
		if took := time.Since(began); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("20 failures took %v", took)
		}
		if !served(conn) {
			t.Error("does not recover")
		}
		if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), "too many open files") {
			t.Errorf("want one line about open files, got\n%s", out.String())
		}
	})
}

func TestListenerClosedByOthersIsAnError(t *testing.T) {
	ln := newPipes()
	ended := make(chan error)
	go func() { ended <- NewServer(registers(t, newHouse(), Settings{}), quiet()).Serve(t.Context(), ln) }()
	ln.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v, want %v", err, net.ErrClosed)
	}
}

// A task that failed is started again with a new listener.
func TestServeAgain(t *testing.T) {
	h := newHouse()
	h.tell(fixture(t).telegram())
	s := NewServer(registers(t, h, long), quiet())
	for range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Serve(ctx, ln) }()
		if !served(dial(t, here, ln.Addr().String())) {
			t.Error("not served")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// panicky panics at function 66.
type panicky struct{ Responder }

func (p panicky) Answer(dst, request []byte) []byte {
	if request[0] == 66 {
		panic("66")
	}
	return p.Responder.Answer(dst, request)
}

func TestPanicCostsOneConnection(t *testing.T) {
	h := newHouse()
	h.tell(fixture(t).telegram())
	var out bytes.Buffer
	server := start(t, panicky{registers(t, h, long)}, func(s *Server) { s.log = slog.New(slog.NewTextHandler(&out, nil)) })
	other := dial(t, here, server.addr)
	if !served(other) {
		t.Fatal("not served")
	}
	conn := dial(t, here, server.addr)
	conn.Write([]byte{0, 1, 0, 0, 0, 2, 1, 66})
	if !closedSoon(conn) {
		t.Error("the connection that panicked is not closed")
	}
	if !served(other) || !served(dial(t, here, server.addr)) {
		t.Error("the others are not served")
	}
	server.stop()
	if !strings.Contains(out.String(), "panic") {
		t.Errorf("the log does not say so:\n%s", out.String())
	}
}

// A client that reads nothing does not hold up a stop, nor do those that ask
// nothing; nothing is left running.
func TestStopIsBounded(t *testing.T) {
	before := runtime.NumGoroutine()
	server := serveFixture(t)
	slow := dialSmall(t, server.addr)
	go slow.Write(bytes.Repeat(request(1, 3, 0x8000, 88), 10_000))
	for range 5 {
		if !served(dial(t, here, server.addr)) {
			t.Fatal("not served")
		}
	}
	asked := uint64(0)
	eventually(t, "the slow reader holds up its answers", func() bool {
		last := asked
		asked = server.Stats().Requests
		time.Sleep(20 * time.Millisecond)
		return asked > 5 && asked == last
	})
	began := time.Now()
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 800*time.Millisecond {
		t.Errorf("stopping took %v", took)
	}
	slow.Close()
	eventually(t, "nothing is left running", func() bool { return runtime.NumGoroutine() <= before })
}

func TestStatsCountRequestsAndExceptions(t *testing.T) {
	server := serveFixture(t)
	conn := dial(t, here, server.addr)
	conn.Write(bytes.Join([][]byte{
		request(1, 3, 0x8006, 2),
		request(2, 6, 0x8006, 1),
		request(3, 3, 0x0000, 1), request(4, 3, 0x0000, 1),
		request(5, 3, 0x8006, 0),
	}, nil))
	for range 5 {
		if _, err := readFrame(conn); err != nil {
			t.Fatal(err)
		}
	}
	stats := server.Stats()
	for code, want := range map[byte]uint64{1: 1, 2: 2, 3: 1, 0x0B: 0} {
		if got, ok := stats.Exceptions[code]; !ok || got != want {
			t.Errorf("exception %02X: %d, want %d", code, got, want)
		}
	}
	if stats.Requests != 5 || stats.Clients != 1 || stats.Accepted != 1 {
		t.Errorf("%+v, want 5 requests of 1 client", stats)
	}
}

func TestRequestsAllocateNothing(t *testing.T) {
	h := newHouse()
	h.tell(fixture(t).telegram())
	s := NewServer(registers(t, h, long), quiet())
	serve := func(requests int) float64 {
		one, sixteen := request(1, 3, 0x8006, 30), bytes.Repeat(request(1, 3, 0x8000, 88), 16)
		chunks := make([][]byte, 2*requests)
		return testing.AllocsPerRun(10, func() {
			for i := range requests {
				chunks[2*i], chunks[2*i+1] = one, sixteen
			}
			s.newClient(&tape{chunks: chunks, forget: true}).serve()
		})
	}
	if few, many := serve(1), serve(1000); many > few {
		t.Errorf("%v allocations for 17000 requests, %v for 17: want no difference", many, few)
	}
}
