package share

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func telegram(i int) Telegram {
	return Telegram{"p1", fmt.Appendf(nil, "/TST%06d %s!\r\n", i, strings.Repeat("x", 900))}
}

// serving starts a server on a port of its own.
func serving(t *testing.T, stall time.Duration) (feed *Feed, addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	feed = &Feed{}
	s := &Server{Feed: feed, Log: slog.New(slog.DiscardHandler), Stall: stall}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	stop = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(3 * time.Second):
			t.Error("the server does not end")
		}
	}
	return feed, ln.Addr().String(), stop
}

func join(t *testing.T, feed *Feed, addr string) net.Conn {
	t.Helper()
	return joinFrom(t, feed, "127.0.0.1", addr)
}

func joinFrom(t *testing.T, feed *Feed, host, addr string) net.Conn {
	t.Helper()
	before := feed.Stats().Readers
	c := dial(t, host, addr)
	wait(t, "the reader is in", func() bool { return feed.Stats().Readers == before+1 })
	return c
}

func dial(t *testing.T, host, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}).Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 3 s: %s", what)
}

// A stalled reader beside a live one: the live one has every octet, at once, and
// the stalled one, once it reads again, telegrams that are whole.
func TestStalledReader(t *testing.T) {
	before := runtime.NumGoroutine()
	feed, addr, stop := serving(t, time.Minute)
	feed.Publish(telegram(-1)) // before anybody came
	live, stalled := join(t, feed, addr), join(t, feed, addr)
	_ = stalled.(*net.TCPConn).SetReadBuffer(4 << 10)

	var want bytes.Buffer
	const n = 3000
	began := time.Now()
	for i := range n {
		telegram := telegram(i)
		want.Write(telegram.Octets)
		feed.Publish(telegram)
		got := make([]byte, len(telegram.Octets))
		_ = live.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.ReadFull(live, got); err != nil || !bytes.Equal(got, telegram.Octets) {
			t.Fatalf("telegram %d came as %.40q: %v", i, got, err)
		}
	}
	t.Logf("%d telegrams to the live reader in %v, the stalled one lost %d", n, time.Since(began), feed.Stats().Lost)
	if feed.Stats().Lost == 0 {
		t.Error("the stalled reader lost nothing: who kept it?")
	}
	_ = stalled.SetReadDeadline(time.Now().Add(10 * time.Second))
	lines := bufio.NewReader(stalled)
	for last := -1; last < n-1; {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after telegram %d: %v", last, err)
		}
		i := 0
		if _, err := fmt.Sscanf(text, "/TST%d", &i); err != nil || i <= last || text != string(telegram(i).Octets) {
			t.Fatalf("a telegram came as %.60q...: %v", text, err)
		}
		last = i
	}
	stop()
	live.Close()
	stalled.Close()
	wait(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= before })
}

// A reader that never reads is dropped. What it reads then are whole telegrams, and
// after a part of one an error: an end would say that this was all.
func TestReaderThatNeverReads(t *testing.T) {
	feed, addr, stop := serving(t, 100*time.Millisecond)
	defer stop()
	c := join(t, feed, addr)
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	wait(t, "it is dropped", func() bool { feed.Publish(telegram(1)); return feed.Stats().Readers == 0 })
	whole := telegram(1).Octets
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	got, err := io.ReadAll(c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d telegrams and %d octets, then %v", len(got)/len(whole), len(got)%len(whole), err)
	}
	if want := bytes.Repeat(whole, len(got)/len(whole)+1); !bytes.HasPrefix(want, got) {
		t.Errorf("got %q", got)
	}
}

// A life of the box that ends while a reader is slow does the same.
func TestEndWhileAReaderIsSlow(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	c := join(t, feed, addr)
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	wait(t, "it is behind", func() bool { feed.Publish(telegram(1)); return feed.Stats().Lost > 0 })
	stop()
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d octets, then %v", len(got), err)
	}
}

// One that has read everything sees a plain end.
func TestEndWhileAReaderWaits(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	c := join(t, feed, addr)
	feed.Publish(telegram(1))
	got := make([]byte, len(telegram(1).Octets))
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	stop()
	if n, err := c.Read(got); n != 0 || err != io.EOF {
		t.Errorf("%d octets, then %v", n, err)
	}
}

func TestReaderThatHangsUp(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	defer stop()
	c := join(t, feed, addr)
	_, _ = c.Write([]byte("hello\r\n"))
	c.Close()
	wait(t, "it is gone without a telegram", func() bool { return feed.Stats().Readers == 0 })
}

// The port asks nobody who he is: one host, or all of them, must not take the places
// of others.
func TestTooManyReaders(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	defer stop()
	refused := func(what, host string) {
		t.Helper()
		c := dial(t, host, addr)
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: %v", what, err)
		}
	}
	var first net.Conn
	for i := range maxServed {
		if i == maxOfHost {
			refused("a host with one reader too many", "127.0.0.1")
		}
		c := joinFrom(t, feed, fmt.Sprintf("127.0.0.%d", 1+i/maxOfHost), addr)
		if i == 0 {
			first = c
		}
	}
	refused("another host, where all are taken", "127.0.0.99")
	for range maxReaders - maxServed {
		if _, err := feed.Join(); err != nil {
			t.Errorf("one of the API: %v", err)
		}
	}
	if _, err := feed.Join(); err != ErrFull {
		t.Errorf("one more than there may be: %v", err)
	}
	first.Close()
	wait(t, "its place is free", func() bool { return feed.Stats().Readers == maxReaders-1 })
	joinFrom(t, feed, "127.0.0.1", addr)
}

func TestNextEndsWithItsContext(t *testing.T) {
	var feed Feed
	r, err := feed.Join()
	if err != nil || !feed.Wanted() {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx); err != context.DeadlineExceeded {
		t.Errorf("%v", err)
	}
	r.Leave()
	if feed.Wanted() {
		t.Error("nobody reads, and somebody is wanted for")
	}
}

// A gateway that has held back a minute gives it all at once: a reader that reads gets
// it all.
func TestBurst(t *testing.T) {
	var f Feed
	r, err := f.Join()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Leave()
	for i := range 60 {
		f.Publish(Telegram{Format: "p1", Octets: bytes.Repeat([]byte{byte(i)}, 1000)})
	}
	for i := range 60 {
		if got, err := r.Next(t.Context()); err != nil || got.Octets[0] != byte(i) {
			t.Fatalf("telegram %d: %v, %v", i, got.Octets[:1], err)
		}
	}
	for range 100 { // and no more memory than that for one that does not
		f.Publish(Telegram{Format: "p1", Octets: make([]byte, 4000)})
	}
	if r.octets > maxOctets || r.Lost() != 100-maxOctets/4000 {
		t.Errorf("%d octets wait, %d telegrams are lost", r.octets, r.Lost())
	}
}
