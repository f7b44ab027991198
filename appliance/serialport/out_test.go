package serialport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram/sim"
)

func openTestOut(t *testing.T, ctx context.Context, spec string, o Options) *Out {
	t.Helper()
	out, err := OpenOut(ctx, spec, line, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestOpenOutRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                           "want -, pty, tcp-listen:ADDR or the absolute path",
		"ttyUSB0":                    "want -, pty, tcp-listen:ADDR or the absolute path",
		"tcp-listen:":                "missing port",
		"tcp-listen:127.0.0.1":       "missing port",
		"tcp-listen:127.0.0.1:99999": "invalid port",
		t.TempDir():                  "not a serial device but a directory",
		"/dev/null":                  "not a serial device",
		"/dev/ttyNone":               "is the cable plugged in?",
	} {
		_, err := OpenOut(t.Context(), spec, line, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "serialport: output ") {
			t.Errorf("%q: %v, want %q", spec, err, want)
		}
	}
}

func TestStdoutStaysOpen(t *testing.T) {
	var b bytes.Buffer
	out := openTestOut(t, t.Context(), "-", Options{Stdout: &b})
	if _, err := out.Write([]byte("telegram")); err != nil || b.String() != "telegram" || out.Source != "" {
		t.Errorf("wrote %q, source %q: %v", b.String(), out.Source, err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// A simulated meter on each kind of output is heard at the Source it names.
func TestOutIsHeardAtItsSource(t *testing.T) {
	master, slave := pty(t)
	for name, spec := range map[string]string{"pty": "pty", "tcp": "tcp-listen:127.0.0.1:0", "device": slave} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			out := openTestOut(t, ctx, spec, Options{})
			hear := func(b []byte) (int, error) { return master.Read(b) }
			if name != "device" {
				r := open(t, ctx, out.Source, Options{})
				defer r.Close()
				hear = r.Read
			} else if out.Source != slave {
				t.Errorf("source %q, want %q", out.Source, slave)
			}
			fed := make(chan error, 1)
			go func() {
				fed <- sim.Feed(ctx, out, sim.All[0], sim.Play{Interval: 20 * time.Millisecond})
			}()
			var heard []byte
			b := make([]byte, 4096)
			for bytes.Count(heard, []byte("\r\n!")) < 3 {
				n, err := hear(b)
				if err != nil {
					t.Fatal(err)
				}
				heard = append(heard, b[:n]...)
			}
			if !bytes.Contains(heard, []byte("/"+sim.All[0].Header+"\r\n\r\n1-3:0.2.8(50)\r\n")) {
				t.Errorf("heard %q", heard)
			}
			cancel()
			if err := <-fed; !errors.Is(err, context.Canceled) {
				t.Errorf("the feed ended with %v", err)
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
			if _, err := out.Write([]byte("x")); !errors.Is(err, context.Canceled) {
				t.Errorf("Write after the end: %v", err)
			}
			if name != "device" {
				noneLeft(t, before)
			}
		})
	}
}

// Nobody listens to the terminal for a while: writing goes on, and who comes
// then hears what is said then.
func TestPTYWithoutReader(t *testing.T) {
	out := openTestOut(t, t.Context(), "pty", Options{})
	out.w.(*terminal).stale = 50 * time.Millisecond
	start := time.Now()
	for range 40 { // 130 kB: more than the kernel keeps
		if n, err := out.Write(bytes.Repeat([]byte("old telegram\r\n"), 230)); n != 14*230 || err != nil {
			t.Fatalf("%d octets, %v", n, err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("40 telegrams that nobody read took %v", took)
	}
	time.Sleep(60 * time.Millisecond)
	r := open(t, t.Context(), out.Source, Options{})
	if _, err := out.Write([]byte("fresh")); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, r, 5)); got != "fresh" {
		t.Errorf("heard %q first", got)
	}
	// A reader that reads loses nothing, however long it goes on.
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		if _, err := out.Write(everyOctet()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, r, 256); !bytes.Equal(got, everyOctet()) {
			t.Fatalf("heard % X", got)
		}
	}
}

// A write that waits for a reader ends with the context.
func TestContextEndsWrite(t *testing.T) {
	_, slave := pty(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := openTestOut(t, ctx, slave, Options{})
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	var err error
	for err == nil {
		_, err = out.Write(make([]byte, 1000)) // until the queue of the terminal is full
	}
	if took := time.Since(start); !errors.Is(err, context.Canceled) || took > 500*time.Millisecond {
		t.Errorf("%v after %v", err, took)
	}
}

func TestListenDropsSlowReaders(t *testing.T) {
	out := openTestOut(t, t.Context(), "tcp-listen:127.0.0.1:0", Options{})
	addr := strings.TrimPrefix(out.Source, "tcp://")
	slow, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	good := open(t, t.Context(), out.Source, Options{Hang: 5 * time.Second})
	heard := make(chan int)
	go func() {
		b, n := make([]byte, 1<<16), 0
		for {
			m, err := good.Read(b)
			if err != nil {
				heard <- n
				return
			}
			n += m
		}
	}()
	l := out.w.(*listener)
	readers := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.readers)
	}
	for range 400 { // both are accepted
		if readers() == 2 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	chunk, sent := make([]byte, 1<<16), 0
	for readers() == 2 && sent < 64<<20 {
		if _, err := out.Write(chunk); err != nil {
			t.Fatal(err)
		}
		sent += len(chunk)
		time.Sleep(100 * time.Microsecond) // telegrams do not come without a pause either
	}
	if readers() != 1 {
		t.Errorf("%d readers after %d MB, want 1", readers(), sent>>20)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if n := <-heard; n != sent {
		t.Errorf("the good reader heard %d of %d octets", n, sent)
	}
}

func TestListenAddressInUse(t *testing.T) {
	out := openTestOut(t, t.Context(), "tcp-listen:127.0.0.1:0", Options{})
	_, err := OpenOut(t.Context(), "tcp-listen:"+strings.TrimPrefix(out.Source, "tcp://"), line, Options{})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("%v", err)
	}
}

func TestPTYIsRawFromTheStart(t *testing.T) {
	master, slave := pty(t)
	if _, err := master.Write([]byte("\r\n\x03\x04\x11\x7f\xff")); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(slave, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := string(read(t, f, 7)); got != "\r\n\x03\x04\x11\x7f\xff" {
		t.Errorf("read %q", got)
	}
	if _, err := f.Write([]byte("\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, master, 2)); got != "\r\n" {
		t.Errorf("the other way: read %q", got)
	}
}
