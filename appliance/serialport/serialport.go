// Package serialport opens what a meter speaks on, a serial device above all,
// as a reader that ends with its context: whoever ends the context gets every
// pending Read back at once, and whoever loses the meter gets an error that
// says why and opens again.
//
// # Adding a kind of source
//
// Add a row to the table in source.go: how its text begins, how the rest is
// checked, and how it is opened.
package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"smartconnect/telegram"
)

// Options are the time limits of a source, and where it complains. The zero
// Options have the defaults.
type Options struct {
	Dial   time.Duration    // to connect to a tcp:// source; 0: 10 s
	Hang   time.Duration    // silence after which a tcp:// source counts as dead; 0: 60 s
	Now    func() time.Time // the clock of a sim: meter; nil: time.Now
	Log    *slog.Logger     // nil: nowhere
	Stdout io.Writer        // where OpenOut "-" writes; nil: the process's own
}

func (o Options) withDefaults() Options {
	if o.Dial <= 0 {
		o.Dial = 10 * time.Second
	}
	if o.Hang <= 0 {
		o.Hang = 60 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Open opens a source: the absolute path of a serial device, tcp://HOST:PORT,
// file:PATH or sim:NAME[?seed=N&lively=true].
//
// Reading blocks until there is something to read. It ends with the error of
// ctx once ctx is done, with fs.ErrClosed after Close, and otherwise with an
// error that names the source and what befell it; a TCP peer that hangs up is
// an error that wraps io.EOF. Close waits until nothing of the source is left.
func Open(ctx context.Context, source string, line telegram.Line, o Options) (io.ReadCloser, error) {
	s, err := ParseSource(source)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, line, o)
}

// Open opens the source; see [Open].
func (s Source) Open(ctx context.Context, line telegram.Line, o Options) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.open == nil {
		return nil, errors.New("serialport: no source given")
	}
	inner, cancel := context.WithCancel(ctx)
	c, err := s.open(inner, s, line, o.withDefaults())
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("serialport: %s: %w", s, err)
	}
	r := &reader{name: s.String(), outer: ctx, inner: inner, cancel: cancel, conn: c}
	r.stop = context.AfterFunc(ctx, func() { _ = r.shut() })
	return r, nil
}

// conn is an open source. Close interrupts a pending Read.
type conn interface {
	Read(p []byte) (int, error)
	Close() error
}

// reader closes a conn with its context and names it in errors.
type reader struct {
	name   string
	outer  context.Context // of the caller
	inner  context.Context // ends with the caller's, and with Close
	cancel context.CancelFunc
	conn   conn
	stop   func() bool

	once   sync.Once
	closed error
}

func (r *reader) Read(p []byte) (n int, err error) {
	defer func() {
		// The library keeps descriptors in a set of 1024 and panics beyond.
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("serialport: %s: reading panicked: %v", r.name, v)
		}
	}()
	if r.inner.Err() == nil { // a line that never pauses must end too
		if n, err = r.conn.Read(p); err == nil || n > 0 {
			return n, nil
		}
	}
	switch { // whatever the error is, an end that was wanted is why
	case r.outer.Err() != nil:
		return 0, r.outer.Err()
	case r.inner.Err() != nil:
		return 0, fmt.Errorf("serialport: %s: %w", r.name, fs.ErrClosed)
	}
	return 0, fmt.Errorf("serialport: %s: %w", r.name, err)
}

func (r *reader) Close() error {
	r.stop()
	return r.shut()
}

// shut closes once; who comes second waits until the first is through.
func (r *reader) shut() error {
	r.once.Do(func() {
		r.cancel()
		r.closed = closeGuarded(r.conn)
	})
	return r.closed
}

func closeGuarded(c io.Closer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("serialport: closing panicked: %v", v)
		}
	}()
	return c.Close()
}
