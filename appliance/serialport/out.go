package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"smartconnect/telegram"
)

// Out is where a simulated meter speaks. Nobody has to listen: what finds no
// reader is lost, as on a wire.
type Out struct {
	// Source is what a reader opens to hear it: the path of a device, or
	// tcp://HOST:PORT; "" for standard output.
	Source string

	outer context.Context
	w     io.WriteCloser
	stop  func() bool
	shut  func() error // once
}

// OpenOut opens an output: "-" for standard output, "pty" for a new
// pseudo-terminal, tcp-listen:ADDR for a server to any number of readers, or
// the absolute path of a serial device. It closes with ctx.
func OpenOut(ctx context.Context, spec string, line telegram.Line, o Options) (*Out, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	source, w, err := openOut(spec, line, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("serialport: output %q: %w", spec, err)
	}
	out := &Out{Source: source, outer: ctx, w: w, shut: sync.OnceValue(w.Close)}
	out.stop = context.AfterFunc(ctx, func() { _ = out.shut() })
	return out, nil
}

func openOut(spec string, line telegram.Line, o Options) (source string, w io.WriteCloser, err error) {
	addr, listen := strings.CutPrefix(spec, "tcp-listen:")
	switch {
	case spec == "-":
		if o.Stdout == nil {
			return "", stdout{os.Stdout}, nil
		}
		return "", stdout{o.Stdout}, nil
	case spec == "pty":
		return openPTYOut()
	case listen:
		return listenOut(addr, o)
	case filepath.IsAbs(spec):
		return openDeviceOut(spec, line, o)
	}
	return "", nil, errors.New("want -, pty, tcp-listen:ADDR or the absolute path of a serial device")
}

// Write writes one telegram.
func (o *Out) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.outer.Err() != nil {
		return n, o.outer.Err()
	}
	return n, err
}

// Lost returns how many octets a device did not take in time.
func (o *Out) Lost() uint64 {
	if w, ok := o.w.(interface{ Lost() uint64 }); ok {
		return w.Lost()
	}
	return 0
}

// Close closes the output and waits for everything that belongs to it.
func (o *Out) Close() error {
	o.stop()
	return o.shut()
}

// stdout is not ours to close.
type stdout struct{ io.Writer }

func (stdout) Close() error { return nil }

// wire is a terminal or serial device that is written to with patience: what
// it does not take in time is thrown away.
type wire struct {
	file     *os.File
	patience func(n int) time.Duration
	also     io.Closer
	lost     atomic.Uint64
}

// Lost returns how many octets were thrown away.
func (w *wire) Lost() uint64 { return w.lost.Load() }

func (w *wire) Write(p []byte) (int, error) {
	_ = w.file.SetWriteDeadline(time.Now().Add(w.patience(len(p)))) // a device without poll just blocks
	n, err := w.file.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.lost.Add(uint64(len(p) - n))
		return len(p), nil
	}
	return n, err
}

func (w *wire) Close() error { return errors.Join(w.file.Close(), w.also.Close()) }

// terminal is a pseudo-terminal. The kernel keeps some 64 kB that nobody reads,
// a minute of telegrams: who comes to listen wants to hear what is said then,
// so an unread queue is emptied after a while.
type terminal struct {
	wire
	slave  *os.File
	stale  time.Duration
	unread int       // at the last Write
	moved  time.Time // when a reader was last seen to take something
}

func (w *terminal) Write(p []byte) (int, error) {
	now := time.Now()
	err := control(w.slave, func(fd int) error {
		unread, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		if err != nil {
			return err
		}
		if unread == 0 || unread < w.unread {
			w.moved = now
		}
		w.unread = unread
		if now.Sub(w.moved) < w.stale {
			return nil
		}
		w.unread, w.moved = 0, now
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
	if err != nil {
		return 0, err
	}
	return w.wire.Write(p)
}

func openPTYOut() (string, io.WriteCloser, error) {
	master, path, err := OpenPTY()
	if err != nil {
		return "", nil, err
	}
	// Held open, the slave keeps its mode and the master never sees a hang-up
	// while readers come and go.
	slave, err := os.OpenFile(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		_ = master.Close()
		return "", nil, err
	}
	patience := func(int) time.Duration { return 100 * time.Millisecond }
	return path, &terminal{
		wire:  wire{file: master, patience: patience, also: slave},
		slave: slave, stale: 2 * time.Second, moved: time.Now(),
	}, nil
}

func openDeviceOut(path string, line telegram.Line, o Options) (string, io.WriteCloser, error) {
	d, err := newDevice(path, line, o)
	if err != nil {
		return "", nil, err
	}
	patience := func(n int) time.Duration { return time.Second + time.Duration(n)*line.OctetTime() }
	// Written through the descriptor of the lock: a write of the library cannot be
	// interrupted.
	return path, &wire{file: d.lock, patience: patience, also: d.port}, nil
}
