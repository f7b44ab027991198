package appliance

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/share"
	"smartconnect/telegram"
	"smartconnect/telegram/p1"
)

// pass hands a telegram on to whoever reads the feed, as it came or as a text of P1.
// One that cannot be read for want of a key is passed as it came, too: the reader may
// have the key.
func (m *meter) pass(r *telegram.Received) {
	stage := ""
	if r.Err != nil {
		stage = telegram.Stage(r.Err)
	}
	if r.Raw == nil || stage != "" && stage != "decrypt" && stage != "parse" {
		return
	}
	switch {
	case !m.asP1 || r.Format == p1.Format.Name:
		m.feed.Publish(share.Telegram{Format: r.Format, Octets: r.Raw})
	case r.Format == p1.Encrypted.Name:
		if text, err := p1.Text(r.Raw, m.receiver.Options); err == nil {
			m.feed.Publish(share.Telegram{Format: p1.Format.Name, Octets: text})
		}
	}
}

// passValues hands on what is known after a telegram of another format than P1, as a
// text of P1.
func (m *meter) passValues(r *telegram.Reading, now time.Time) {
	if m.asP1 && r.Format != p1.Format.Name && r.Format != p1.Encrypted.Name && m.feed.Wanted() {
		text := p1.Print(&r.Measurement, now, m.receiver.Options.UTCOffset)
		m.feed.Publish(share.Telegram{Format: p1.Format.Name, Octets: text})
	}
}

// beat is how often a stream of the API shows that it is alive while the meter says
// nothing.
const beat = 15 * time.Second

// telegrams is the feed as the API wants it.
func (m *meter) telegrams(ctx context.Context) (iter.Seq[api.Telegram], error) {
	r, err := m.feed.Join()
	if err != nil {
		return nil, err
	}
	return func(yield func(api.Telegram) bool) {
		defer r.Leave()
		for {
			wait, cancel := context.WithTimeout(ctx, beat)
			t, _ := r.Next(wait) // an empty one where wait has ended
			cancel()
			if ctx.Err() != nil || !yield(api.Telegram(t)) {
				return
			}
		}
	}, nil
}

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
