package appliance

import (
	"context"
	"io"
	"sync"

	"smartconnect/telegram"
)

// lineOut writes an exact copy of the octets of the meter to a second serial device,
// with the same line settings. It never delays the meter: a device that is slow or
// gone loses octets, which are counted, and is opened again.
type lineOut struct {
	device string
	open   func(ctx context.Context, line telegram.Line) (lossy, error)
	chunks chan chunk

	mu    sync.Mutex
	count outCount
}

// lossy is a device that throws away what it cannot take in time.
type lossy interface {
	io.WriteCloser
	Lost() uint64
}

type chunk struct {
	b    []byte
	line telegram.Line
}

type outCount struct {
	up     bool
	fault  error
	octets uint64
	lost   uint64
}

// outChunks is how much waits for a slow device: about a telegram.
const outChunks = 64

func newLineOut(device string, open func(context.Context, telegram.Line) (lossy, error)) *lineOut {
	return &lineOut{device: device, open: open, chunks: make(chan chunk, outChunks)}
}

// write takes octets that came on a line, or loses them.
func (o *lineOut) write(b []byte, line telegram.Line) {
	select {
	case o.chunks <- chunk{append([]byte(nil), b...), line}:
	default:
		o.lose(len(b))
	}
}

func (o *lineOut) lose(n int) { o.note(func(c *outCount) { c.lost += uint64(n) }) }

func (o *lineOut) note(change func(*outCount)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.count)
}

// run writes until ctx is done or the device fails. What waited for a device that was
// not there is too old.
func (o *lineOut) run(ctx context.Context) error {
	for n := len(o.chunks); n > 0; n-- {
		o.lose(len((<-o.chunks).b))
	}
	var w lossy
	var line telegram.Line
	defer func() {
		if w != nil {
			w.Close()
		}
	}()
	for {
		var c chunk
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c = <-o.chunks:
		}
		if w == nil || c.line != line {
			if w != nil {
				w.Close()
				w = nil
			}
			var err error
			if w, err = o.open(ctx, c.line); err != nil {
				o.lose(len(c.b))
				return err
			}
			line = c.line
			o.note(func(count *outCount) { count.up, count.fault = true, nil })
		}
		before := w.Lost()
		n, err := w.Write(c.b)
		lost := w.Lost() - before + uint64(len(c.b)-n)
		o.note(func(count *outCount) {
			count.octets += uint64(len(c.b)) - lost
			count.lost += lost
		})
		if err != nil {
			return err
		}
	}
}

func (o *lineOut) failed(err error) {
	o.note(func(c *outCount) { c.up, c.fault = false, err })
}
