package tic

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"smartconnect/telegram"
)

// decode is the Decode of the format.
func decode(raw []byte, o telegram.Options, visit func(telegram.Object)) (telegram.Measurement, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	*d = decoder{buf: d.buf[:0], o: o, visit: visit}
	err := d.frame(raw)
	return d.m, err
}

// decoders keeps decoders with their buffers between frames.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

type decoder struct {
	m     telegram.Measurement
	o     telegram.Options
	visit func(telegram.Object)
	buf   []byte // the frame without parity

	standard bool
	status   uint64         // STGE
	drawn    telegram.Value // SINST1
	bad      int            // groups that cannot be used
	firstBad []byte         // the label of the first of them, as far as it can be read
	nameless bool           // one of them may have been any, a counter among others
}

func (d *decoder) frame(raw []byte) error {
	d.m.Format = name
	for _, c := range raw {
		d.buf = append(d.buf, c&sevenBits)
	}
	b := d.buf
	if len(b) < 2 || b[0] != stx || b[len(b)-1] != etx {
		return fmt.Errorf("tic: %w: no frame from STX to ETX", telegram.ErrMalformed)
	}
	good := 0
	for b = b[1 : len(b)-1]; ; {
		g, rest, stray, ok := nextGroup(b)
		if stray {
			d.lose(nil)
			d.nameless = true
		}
		if !ok {
			break
		}
		b = rest
		if g.valid || d.o.NoChecksum && g.data != nil {
			d.group(&g)
			good++
		} else {
			d.lose(g.label)
			l, known := labels[string(g.label)]
			d.nameless = d.nameless || !known && !others[string(g.label)] ||
				l.quantity.Kind() == telegram.Cumulative || bytes.IndexByte(g.data, lf) >= 0
			if known && (l.means == quantity || l.means == drawn) {
				d.m.SetUnreadable(l.quantity)
			}
		}
	}
	switch {
	case d.bad > maxBad:
		return fmt.Errorf("tic: %w: %d of %d groups, the first one %q", telegram.ErrChecksum, d.bad, d.bad+good, d.firstBad)
	case good == 0:
		return fmt.Errorf("tic: %w: a frame without groups", telegram.ErrMalformed)
	}
	d.finish()
	return nil
}

func (d *decoder) lose(label []byte) {
	if d.bad++; d.bad == 1 {
		d.firstBad = label
	}
}

// group takes what a group says.
func (d *decoder) group(g *group) {
	d.standard = d.standard || g.standard
	l := labels[string(g.label)]
	var v telegram.Value
	switch l.means {
	case quantity:
		v = d.number(g.data)
		d.set(l.quantity, v)
	case drawn:
		v = d.number(g.data)
		d.drawn = v
	case meter:
		d.m.Meter.ID = telegram.TextOf(bytes.TrimSpace(g.data))
	case version:
		d.m.Meter.Version = telegram.TextOf(g.data)
	case clock:
		d.m.Time = horodate(g.horodate, d.o.UTCOffset)
	case tariff:
		if n, known := tariffs[string(g.data)]; known {
			d.m.Set(telegram.Tariff, telegram.Of(n))
		}
	case flags:
		d.status, _ = strconv.ParseUint(string(g.data), 16, 32)
	}
	if d.visit != nil {
		d.visit(telegram.Object{
			Label: string(g.label), Stamp: string(g.horodate), Text: g.data,
			Value: v, Unit: l.quantity.Unit(), Unreadable: l.means == quantity && !v.OK(),
		})
	}
}

func (d *decoder) set(q telegram.Quantity, v telegram.Value) {
	if v.OK() {
		d.m.Set(q, v)
	} else {
		d.m.SetUnreadable(q)
	}
}

// number reads digits; a sign has not been seen.
func (d *decoder) number(b []byte) telegram.Value {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 40)
	if err != nil {
		return telegram.Value{}
	}
	return telegram.Of(float64(n))
}

// horodate reads SAAMMJJhhmmss: E in summer and H in winter, in lower case while
// the meter's clock is not in step. A time without season is none.
func horodate(b []byte, offset time.Duration) time.Time {
	if len(b) != 13 {
		return time.Time{}
	}
	t, err := time.Parse("060102150405", string(b[1:]))
	if err != nil {
		return time.Time{}
	}
	switch b[0] {
	case 'E', 'e':
		t = t.Add(-time.Hour)
	case 'H', 'h':
	default:
		return time.Time{}
	}
	if t = t.Add(-offset); !telegram.Plausible(t) {
		return time.Time{}
	}
	return t
}
