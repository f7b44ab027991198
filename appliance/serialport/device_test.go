package serialport

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// pty opens a pseudo-terminal that is closed with the test, if not before.
func pty(t *testing.T) (master *os.File, slave string) {
	t.Helper()
	master, slave, err := OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	return master, slave
}

func TestWrongDevice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, slave := pty(t)
	for _, c := range []struct {
		path string
		line telegram.Line
		want string
		is   error
	}{
		{filepath.Join(dir, "ttyUSB0"), line, "is the cable plugged in?", fs.ErrNotExist},
		{dir, line, "not a serial device but a directory", nil},
		{file, line, "not a serial device but a file", nil},
		{"/dev/null", line, "not a serial device: inappropriate ioctl", nil},
		{slave, telegram.Line{}, "no line settings", nil},
		{slave, telegram.Line{Baud: 9600, DataBits: 9, Parity: telegram.EvenParity, StopBits: 1}, "cannot be used", nil},
		{slave, telegram.Line{Baud: 9600, DataBits: 8, Parity: 'M', StopBits: 1}, "cannot be used", nil},
	} {
		_, err := Open(t.Context(), c.path, c.line, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "serialport: "+c.path) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s %v: %v, want %q", c.path, c.line, err, c.want)
		}
	}
}

func TestDeviceInUse(t *testing.T) {
	_, slave := pty(t)
	first := open(t, t.Context(), slave, Options{})
	if _, err := Open(t.Context(), slave, line, Options{}); !errors.Is(err, errBusy) {
		t.Errorf("a second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, t.Context(), slave, Options{})
}

// Every octet comes through as it was sent, in 8N1 and (a pseudo-terminal has
// no parity) in 7E1, and also what was sent before anybody opened the port.
func TestDevicePassesEveryOctet(t *testing.T) {
	for _, l := range []telegram.Line{line, {Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}} {
		master, slave := pty(t)
		all := everyOctet()
		if _, err := master.Write(all); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), slave, l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := read(t, r, len(all)); !bytes.Equal(got, all) {
			t.Errorf("%v: before the open: % X", l, got)
		}
		if _, err := master.Write(all); err != nil {
			t.Fatal(err)
		}
		if got := read(t, r, len(all)); !bytes.Equal(got, all) {
			t.Errorf("%v: after the open: % X", l, got)
		}
	}
}

// The data request of a P1 port may hang on DTR or RTS: both are asserted on open. A
// device that has none is read all the same.
func TestDeviceWithoutModemLines(t *testing.T) {
	master, slave := pty(t)
	var said bytes.Buffer
	r, err := Open(t.Context(), slave, line, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := said.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "cannot set DTR and RTS") || strings.Count(got, "inappropriate ioctl for device") != 2 {
		t.Errorf("the log says %q", got)
	}
	if _, err := master.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, 1); string(got) != "x" {
		t.Errorf("read %q", got)
	}
}

// The plug is pulled, and put back: another device at the same path.
func TestUnplugAndReplug(t *testing.T) {
	byID := filepath.Join(t.TempDir(), "usb-P1-if00-port0")
	master, slave := pty(t)
	if err := os.Symlink(slave, byID); err != nil {
		t.Fatal(err)
	}
	r := open(t, t.Context(), byID, Options{})
	if _, err := master.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, r, 6)); got != "before" {
		t.Errorf("read %q", got)
	}

	pulled := make(chan struct{})
	go func(plug *os.File) {
		defer close(pulled)
		time.Sleep(20 * time.Millisecond) // let Read wait
		_ = plug.Close()
		_ = os.Remove(byID)
	}(master)
	for range 2 {
		if err := failing(t, r); !errors.Is(err, errGone) || !strings.Contains(err.Error(), byID) {
			t.Errorf("unplugged: %v", err)
		}
	}
	<-pulled
	if err := r.Close(); err != nil {
		t.Errorf("Close of a port that is gone: %v", err)
	}
	if _, err := Open(t.Context(), byID, line, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("while unplugged: %v", err)
	}

	master, slave = pty(t)
	if err := os.Symlink(slave, byID); err != nil {
		t.Fatal(err)
	}
	r = open(t, t.Context(), byID, Options{})
	if _, err := master.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, r, 5)); got != "after" {
		t.Errorf("replugged: read %q", got)
	}
}

// Opening and ending again and again while octets stream in leaves nothing open.
func TestOpenManyTimes(t *testing.T) {
	master, slave := pty(t)
	ctx, cancel := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for ctx.Err() == nil {
			_ = master.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
			_, _ = master.Write([]byte("0123456789\r\n"))
		}
	}()
	before := descriptors(t)
	for range 100 {
		inner, end := context.WithCancel(ctx)
		r := open(t, inner, slave, Options{})
		read(t, r, 100)
		end()
		if err := failing(t, r); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if now := descriptors(t); now > before {
		t.Errorf("%d descriptors open, %d before", now, before)
	}
	cancel()
	<-fed
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
