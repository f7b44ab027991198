package appliance

import (
	"bytes"
	"context"
	"io"
	"iter"
	"math/bits"
	"slices"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/share"
	"smartconnect/telegram"
	"smartconnect/telegram/p1"
	"smartconnect/telegram/tic"
)

// pass hands a telegram on as it came to whoever reads the feed, also one that cannot
// be read for want of a key, or that the guard refuses: whoever has the key has the
// counter, and judges for himself.
func (m *meter) pass(r *telegram.Received) {
	if m.asP1 || r.Raw == nil || r.Err != nil && !cameWhole(r.Err) {
		return
	}
	m.feed.Publish(share.Telegram{Format: r.Format, Octets: withoutParity(r)})
}

// passText hands a telegram of P1 that is known to be the meter's on as plain text,
// which no longer shows that it was played again, or was never encrypted.
func (m *meter) passText(r *telegram.Received) {
	if !m.asP1 || r.Raw == nil {
		return
	}
	switch r.Format {
	case p1.Format.Name:
		m.feed.Publish(share.Telegram{Format: r.Format, Octets: withoutParity(r)})
	case p1.Encrypted.Name:
		if text, err := p1.Text(r.Raw, m.receiver.Options); err == nil {
			m.feed.Publish(share.Telegram{Format: p1.Format.Name, Octets: text})
		}
	}
}

// passValues hands on what is known after a telegram of another format than P1, as a
// text of P1. That has one time for all it says, so that a power past its limit is
// left out: an energy list would bring it back as that of now, for hours.
func (m *meter) passValues(r *telegram.Reading, now time.Time) {
	if !m.asP1 || r.Format == p1.Format.Name || r.Format == p1.Encrypted.Name || !m.feed.Wanted() {
		return
	}
	known := r.Measurement
	if now.Sub(r.At[telegram.Instantaneous]) > telegram.Limit(m.merge.Period()) {
		for q := range telegram.NumQuantities {
			if q.Kind() == telegram.Instantaneous {
				known.Set(q, telegram.Value{})
			}
		}
	}
	text := p1.Print(&known, now, m.receiver.Options.UTCOffset)
	m.feed.Publish(share.Telegram{Format: p1.Format.Name, Octets: text})
}

// cameWhole reports whether a telegram that was lost was all there.
func cameWhole(err error) bool {
	stage := telegram.Stage(err)
	return stage == "decrypt" || stage == "parse"
}

// isText reports whether the telegrams of a format are text, which has no frames
// around it.
func isText(format string) bool { return format == p1.Format.Name || format == tic.Format.Name }

// withoutParity returns the octets of a telegram. Text that is sent with even parity
// comes with it in bit 7 where the line is read with eight data bits; it belongs to
// the line and not to the telegram, and no reader expects it.
func withoutParity(r *telegram.Received) []byte {
	sent := bytes.TrimRight(r.Raw, "\r\n") // that of P1 is put back without
	if !isText(r.Format) || slices.ContainsFunc(sent, func(c byte) bool { return bits.OnesCount8(c)%2 != 0 }) {
		return r.Raw
	}
	text := bytes.Clone(r.Raw)
	for i := range text {
		text[i] &= 0x7f
	}
	return text
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
