package serialport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/telegram"
)

var line = telegram.Line{Baud: 115200, DataBits: 8, Parity: telegram.NoParity, StopBits: 1}

// open opens a source that must open.
func open(t *testing.T, ctx context.Context, source string, o Options) io.ReadCloser {
	t.Helper()
	r, err := Open(ctx, source, line, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// read reads n octets.
func read(t *testing.T, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("after %d of %d octets: %v", got, n, err)
	}
	return b
}

// failing waits for the error of one Read, not for ever.
func failing(t *testing.T, r io.Reader) error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		n, err := r.Read(make([]byte, 100))
		if err == nil {
			err = fmt.Errorf("no error but %d octets", n)
		}
		failed <- err
	}()
	select {
	case err := <-failed:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("Read did not return")
		return nil
	}
}

// noneLeft fails if more goroutines remain than before.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// silent returns a server that accepts connections and hands them over.
func silent(t *testing.T) (addr string, accepted chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan net.Conn, 4)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		for c := range accepted {
			_ = c.Close()
		}
	})
	return ln.Addr().String(), accepted
}

// quiet gives each kind of source in a form that says nothing more.
func quiet(t *testing.T) map[string]string {
	t.Helper()
	master, slave := pty(t)
	t.Cleanup(func() { _ = master.Close() })
	addr, _ := silent(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"device": slave, "tcp": "tcp://" + addr, "file": "file:" + empty, "sim": "sim:han-se"}
}

func TestContextEndsRead(t *testing.T) {
	for kind, source := range quiet(t) {
		t.Run(kind, func(t *testing.T) {
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancelCause(t.Context())
			r := open(t, ctx, source, Options{})
			if kind == "sim" { // its first telegram comes at once
				read(t, r, 1)
				_, _ = r.Read(make([]byte, 4096))
			}
			var ended time.Time
			time.AfterFunc(50*time.Millisecond, func() { ended = time.Now(); cancel(nil) })
			err := failing(t, r)
			if took := time.Since(ended); took > 100*time.Millisecond {
				t.Errorf("Read returned %v after the end of the context", took)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that of the context", err)
			}
			if err := failing(t, r); !errors.Is(err, context.Canceled) {
				t.Errorf("the next error is %v", err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			noneLeft(t, before)
		})
	}
}

func TestCloseEndsRead(t *testing.T) {
	for kind, source := range quiet(t) {
		t.Run(kind, func(t *testing.T) {
			before := runtime.NumGoroutine()
			r := open(t, t.Context(), source, Options{})
			if kind == "sim" {
				read(t, r, 1)
				_, _ = r.Read(make([]byte, 4096))
			}
			time.AfterFunc(20*time.Millisecond, func() { _ = r.Close() })
			if err := failing(t, r); !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), source) {
				t.Errorf("error %v, want fs.ErrClosed with the source", err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			noneLeft(t, before)
		})
	}
}

func TestOpenWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for kind, source := range quiet(t) {
		if _, err := Open(ctx, source, line, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// panicking is what the serial library is at a descriptor beyond 1023.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("index out of range [18] with length 16") }
func (panicking) Close() error             { panic("index out of range [18] with length 16") }

func TestPanicIsAnError(t *testing.T) {
	s := Source{text: "/dev/ttyX", open: func(context.Context, Source, telegram.Line, Options) (conn, error) { return panicking{}, nil }}
	r, err := s.Open(t.Context(), line, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "/dev/ttyX: reading panicked: index out of range") {
		t.Errorf("Read: %v", err)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "closing panicked") {
		t.Errorf("Close: %v", err)
	}
}

func TestTCPFaults(t *testing.T) {
	addr, accepted := silent(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // nobody listens there now
	if _, err := Open(t.Context(), "tcp://"+ln.Addr().String(), line, Options{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}

	for _, c := range []struct {
		name string
		hang time.Duration
		do   func(net.Conn)
		want string
		is   error
	}{
		{"hangs up", 0, func(c net.Conn) { _ = c.Close() }, "the other end closed the connection", io.EOF},
		{"resets", 0, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, "reset by peer", nil},
		{"hangs", 60 * time.Millisecond, func(net.Conn) {}, "nothing received for 60ms", os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			r := open(t, t.Context(), "tcp://"+addr, Options{Hang: c.hang})
			peer := <-accepted
			defer peer.Close()
			fmt.Fprint(peer, "first this")
			if got := string(read(t, r, 10)); got != "first this" {
				t.Errorf("read %q", got)
			}
			start := time.Now()
			c.do(peer)
			err := failing(t, r)
			if took := time.Since(start); took < c.hang {
				t.Errorf("failed after %v", took)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), addr) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if telegram.IsEnd(err) != (c.is == io.EOF) {
				t.Errorf("%v passes for a plain end: %v", err, telegram.IsEnd(err))
			}
			_ = r.Close()
			noneLeft(t, before)
		})
	}
}

// What comes is passed on as it comes, whatever it is; a source that trickles
// is not one that hangs.
func TestTCPPassesGarbage(t *testing.T) {
	addr, accepted := silent(t)
	r := open(t, t.Context(), "tcp://"+addr, Options{Hang: 500 * time.Millisecond})
	peer := <-accepted
	defer peer.Close()
	all := everyOctet()
	go func() {
		for i := range 4 {
			time.Sleep(200 * time.Millisecond)
			_, _ = peer.Write(all[i*64 : i*64+64])
		}
	}()
	if got := read(t, r, len(all)); !bytes.Equal(got, all) {
		t.Errorf("read % X", got)
	}
}

func everyOctet() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// A file takes as long as it would on the line, and then there is silence.
func TestFilePace(t *testing.T) {
	content := bytes.Repeat(everyOctet(), 9) // 2304 octets
	path := filepath.Join(t.TempDir(), "telegrams.bin")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line telegram.Line
		want time.Duration
	}{
		{line, 200 * time.Millisecond}, // 2304 x 10 bit / 115200
		{telegram.Line{Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}, 2400 * time.Millisecond},
		{telegram.Line{Baud: 1200, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}, 19200 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			r, err := Open(ctx, "file:"+path, c.line, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got []byte
			b := make([]byte, 4096)
			for len(got) < len(content) {
				n, err := r.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b[:n]...)
				if pace := time.Since(start) - time.Duration(len(got))*c.line.OctetTime(); pace < 0 || pace > time.Millisecond {
					t.Fatalf("%v: octet %d came %v off its time", c.line, len(got), pace)
				}
			}
			if took := time.Since(start).Round(time.Millisecond); took != c.want || !bytes.Equal(got, content) {
				t.Errorf("%v: %d octets in %v, want %v", c.line, len(got), took, c.want)
			}
			if _, err := r.Read(b); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("after the file: %v after %v, want silence until the context ends", err, time.Since(start))
			}
		})
	}
}

func TestFileRefuses(t *testing.T) {
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "missing"): "no such file",
		t.TempDir():                           "not a plain file but a directory",
		"/dev/null":                           "not a plain file but a character device",
	} {
		if _, err := Open(t.Context(), "file:"+path, line, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Open(t.Context(), "file:/dev/null", telegram.Line{}, Options{}); err == nil || !strings.Contains(err.Error(), "no line settings") {
		t.Errorf("without line settings: %v", err)
	}
}

// The same seed at the same time says the same; reads may be of any size.
func TestSimulatorSource(t *testing.T) {
	hear := func(source string, size int) string {
		var all []byte
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
			defer cancel()
			r, err := Open(ctx, source, telegram.Line{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			b := make([]byte, size)
			for {
				n, err := r.Read(b)
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					return
				}
				all = append(all, b[:n]...)
			}
		})
		return string(all)
	}
	once := hear("sim:dsmr50?seed=3&lively=true", 4096)
	if n := strings.Count(once, "/ISK5"); n != 6 {
		t.Errorf("%d telegrams in 5.5 s, want 6", n)
	}
	if hear("sim:dsmr50?seed=3&lively=true", 7) != once {
		t.Error("the same seed said something else")
	}
	if hear("sim:dsmr50?seed=4&lively=true", 4096) == once {
		t.Error("another seed said the same")
	}
}
