package appliance

import (
	"bytes"
	"context"
	"iter"
	"math/bits"
	"slices"
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
	if !m.store.Latest().Fresh(now, 0) {
		for q := range telegram.NumQuantities {
			if q.Momentary() {
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
