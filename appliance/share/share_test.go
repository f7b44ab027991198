package share

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
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
	before := feed.Stats().Readers
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	wait(t, "the reader is in", func() bool { return feed.Stats().Readers == before+1 })
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

func TestReaderThatNeverReads(t *testing.T) {
	feed, addr, stop := serving(t, 100*time.Millisecond)
	defer stop()
	c := join(t, feed, addr)
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	wait(t, "it is dropped", func() bool { feed.Publish(telegram(1)); return feed.Stats().Readers == 0 })
}

func TestReaderThatHangsUp(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	defer stop()
	c := join(t, feed, addr)
	_, _ = c.Write([]byte("hello\r\n"))
	c.Close()
	wait(t, "it is gone without a telegram", func() bool { return feed.Stats().Readers == 0 })
}

func TestTooManyReaders(t *testing.T) {
	feed, addr, stop := serving(t, time.Minute)
	defer stop()
	for range maxReaders {
		join(t, feed, addr)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("one reader more: %v", err)
	}
	if _, err := feed.Join(); err != ErrFull {
		t.Errorf("%v", err)
	}
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
