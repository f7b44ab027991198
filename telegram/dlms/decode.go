package dlms

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"smartconnect/telegram"
)

// decode is the Decode of the format. The seal of an encrypted push is set even
// where it cannot be read, so that a status can say whose key is missing.
func decode(raw []byte, o telegram.Options, visit func(telegram.Object)) (telegram.Measurement, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.reset(o)
	err := d.telegram(raw)
	if visit != nil {
		for i := range d.objects {
			if o := d.objects[i].show(o.UTCOffset); o.OBIS != (telegram.OBIS{}) {
				visit(o)
			}
		}
	}
	return d.m, err
}

// decoders keeps decoders with their buffers between telegrams: there is one
// every five seconds for years.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

type decoder struct {
	m       telegram.Measurement
	o       telegram.Options
	push    assembly
	clear   [maxMessages][]byte // the plaintext of each message
	msgs    []message
	objects []object // what the messages of the last instant hold
	facts   facts
	model   *model // nil for a meter that is not known
	scratch [32]byte
	by      [telegram.NumQuantities]uint8 // 1 + channel B of the object that gave a value
}

// maxObjects bounds a list; the longest real one has 33.
const maxObjects = 128

func (d *decoder) reset(o telegram.Options) {
	d.m = telegram.Measurement{Format: name}
	d.o = o
	d.msgs, d.objects = d.msgs[:0], d.objects[:0]
	d.facts, d.model = facts{}, nil
	clear(d.by[:])
}

func (d *decoder) telegram(raw []byte) error {
	got, _, lost := d.push.cut(raw, true)
	switch {
	case lost.Err != nil:
		return lost.Err
	case len(got) == 0 || len(got) != len(raw):
		return fmt.Errorf("dlms: %w: %d of %d octets are a push", telegram.ErrMalformed, len(got), len(raw))
	case d.push.mode == foreign:
		return fmt.Errorf("dlms: %w: M-Bus application %02X is not DLMS", telegram.ErrUnsupported, d.push.link.ci)
	}
	d.facts.link = d.push.link
	if err := d.messages(d.push.apdu); err != nil {
		return err
	}
	return d.instant()
}

// instant reads the messages that belong to the time of the last one.
func (d *decoder) instant() error {
	last := &d.msgs[len(d.msgs)-1]
	var unknown error
	for i := range d.msgs {
		m := &d.msgs[i]
		if err := m.together(last, i > 0 && d.msgs[i-1].seal.Counter >= m.seal.Counter); err != nil {
			return err
		}
		if !bytes.Equal(m.when, last.when) {
			continue
		}
		if err := d.list(m); err != nil {
			unknown = err
		}
	}
	d.m.Seal = last.seal
	d.m.Seal.Spread = last.seal.Counter - d.msgs[0].seal.Counter
	d.m.Time = d.time(last)
	d.identify()
	if unknown != nil {
		return unknown
	}
	d.scale()
	d.fill()
	d.m.Period = d.period()
	d.m.Complete(&d.o)
	return nil
}

// together reports why m must not count in one push with last: what protects one
// does not protect the other, so that somebody could have added it.
func (m *message) together(last *message, again bool) error {
	switch a, b := m.seal, last.seal; {
	case a.Title != b.Title && !a.Title.Empty() && !b.Title.Empty():
		return fmt.Errorf("dlms: %w: APDUs of two senders in one push (%s, %s)", telegram.ErrDamaged, a.Title, b.Title)
	case a.Title != b.Title, a.Encrypted != b.Encrypted, a.Authenticated != b.Authenticated:
		return fmt.Errorf("dlms: %w: APDUs of one push are not protected alike", telegram.ErrUntagged)
	case again && !a.Title.Empty():
		return fmt.Errorf("dlms: %w: counter %d behind another in one push", telegram.ErrReplay, a.Counter)
	}
	return nil
}

// time returns when the message was made: its date-time or, where it sends
// none, the clock in its list. Zero where neither names a possible instant.
func (d *decoder) time(m *message) time.Time {
	header, ok := readClock(m.when)
	var said season
	for i := range d.objects {
		o := &d.objects[i]
		if !o.clock() {
			continue
		}
		c, valid := readClock(o.value.b)
		if !valid {
			continue
		}
		if !ok {
			header, ok = c, true
		}
		if o.named {
			said = c.season()
		}
		break
	}
	if !ok || !telegram.Plausible(header.local) {
		return time.Time{}
	}
	return header.utc(d.o.UTCOffset, said)
}
