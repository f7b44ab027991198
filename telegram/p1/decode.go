package p1

import (
	"bytes"
	"fmt"
	"sync"

	"smartconnect/telegram"
)

// decode is the Decode of the format.
//
// Under a checksum that matches, an object that cannot be read costs only
// itself. A telegram without checksum (DSMR 2 and 3, D0) has nothing but its
// form to vouch for it, so there every line must be readable; and one that names
// a version or a time must have a checksum (DSMR 4 and later always do).
func decode(raw []byte, o telegram.Options, visit func(telegram.Object)) (telegram.Measurement, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	*d = decoder{o: o, visit: visit}
	err := d.telegram(raw)
	return d.m, err
}

// decoders keeps decoders between telegrams: the tables of functions make one
// escape to the heap, and there is a telegram every second for years.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) telegram(raw []byte) error {
	d.m.Format = name
	if len(raw) == 0 || raw[0]&^parityBit != '/' {
		return fmt.Errorf("p1: %w: no '/' at the start", telegram.ErrMalformed)
	}
	raw = unparity(raw)
	body, sum, err := split(raw)
	if err != nil {
		return err
	}
	unchecked := len(sum) == 0
	if !unchecked && !d.o.NoChecksum {
		if err := verify(raw[:len(body)+1], sum); err != nil {
			return err
		}
	}
	header, rest := line(body[1:])
	d.m.Meter.Header = telegram.TextOf(header)
	if err := d.objects(rest, unchecked && !d.o.NoChecksum); err != nil {
		return err
	}
	if unchecked && !d.o.NoChecksum && d.versioned {
		return fmt.Errorf("p1: %w: none was sent, but a telegram with a version or a time has one", telegram.ErrChecksum)
	}
	d.m.Period = nominalPeriod(d.m.Meter.Header.String(), d.m.Meter.Version.String())
	d.m.Complete(&d.o)
	return nil
}

// split separates the telegram from its checksum digits. A telegram that never
// got its '!' has none.
func split(raw []byte) (body, sum []byte, err error) {
	end := findEnd(raw)
	if end < 0 {
		return raw, nil, nil
	}
	n, _ := checksumDigits(raw[end+1:])
	if len(trimLineEnds(raw[end+1+n:])) > 0 {
		return nil, nil, fmt.Errorf("p1: %w: %d octets behind the end at octet %d", telegram.ErrMalformed, len(raw)-end-1-n, end)
	}
	return raw[:end], raw[end+1 : end+1+n], nil
}

func verify(checked, sum []byte) error {
	var sent uint16
	for _, c := range sum {
		v, _ := hexDigit(c)
		sent = sent<<4 | v
	}
	if computed := crc16(checked); sent != computed {
		return fmt.Errorf("p1: %w: sent %s, computed %04X", telegram.ErrChecksum, sum, computed)
	}
	return nil
}

// line returns the first line of b without its end, and what follows it.
func line(b []byte) (first, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimRight(b, "\r"), nil
	}
	return bytes.TrimRight(b[:i], "\r"), b[i+1:]
}

type decoder struct {
	m         telegram.Measurement
	o         telegram.Options
	visit     func(telegram.Object)
	versioned bool // a version or time object was seen

	identified bool // Meter.ID is an equipment identifier

	// The Swedish AM550 sends its time in two objects.
	date, hour [6]byte
}

// objects reads the lines behind the header. A line that begins with '(' goes
// on with the one before: DSMR 2 and 3 put the gas value there.
func (d *decoder) objects(b []byte, strict bool) error {
	for len(b) > 0 {
		l, rest := line(b)
		for len(rest) > 0 && rest[0] == '(' {
			more, after := line(rest)
			l = b[:len(b)-len(rest)+len(more)]
			rest = after
		}
		if len(l) > 0 {
			if err := d.object(l, strict); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

func (d *decoder) object(l []byte, strict bool) error {
	code, n, err := telegram.ParseOBIS(l)
	if err == nil && strict {
		err = wellFormed(l[n:])
	}
	if err != nil {
		if strict {
			return fmt.Errorf("p1: %w: line %.60q: %w", telegram.ErrDamaged, l, err)
		}
		return nil
	}
	g := groups(l[n:])
	if q, ok := code.Quantity(); ok {
		if !d.quantity(code, q, g) && strict {
			return fmt.Errorf("p1: %w: line %.60q: not a number in %s", telegram.ErrDamaged, l, q.Unit())
		}
		return nil
	}
	if read, ok := reads[keyOf(code)]; ok {
		read(d, code, g)
	}
	d.show(code, g)
	return nil
}

// quantity reads an electricity object: its last group is the number, a group
// before it the time of a demand peak.
func (d *decoder) quantity(code telegram.OBIS, q telegram.Quantity, g groups) bool {
	last, _ := g.last()
	v, unit, ok := number(last)
	if !ok || unit != q.Unit() {
		d.m.SetUnreadable(q)
		if d.visit != nil {
			d.visit(telegram.Object{OBIS: code, Text: last, Unreadable: true})
		}
		return false
	}
	if q == telegram.ActiveDemandMonthPeak {
		first, _, _ := g.next()
		d.m.PeakTime = clock(first, d.o.UTCOffset)
	}
	d.m.Set(q, v)
	if d.visit != nil {
		d.visit(telegram.Object{OBIS: code, Value: v, Unit: unit})
	}
	return true
}

// groups are the bracketed values of an object: "(a)(b)(c)".
type groups []byte

// next returns the first group and what follows it; ok is false at the end.
func (g groups) next() (group []byte, rest groups, ok bool) {
	i := bytes.IndexByte(g, '(')
	if i < 0 {
		return nil, nil, false
	}
	j := bytes.IndexByte(g[i:], ')')
	if j < 0 {
		return g[i+1:], nil, true
	}
	// 1-0:0.2.0((ER11)) has been seen: the inner bracket is the value.
	return bytes.TrimLeft(g[i+1:i+j], "("), g[i+j+1:], true
}

// last returns the last group; many is whether others stand before it.
func (g groups) last() (group []byte, many bool) {
	i := bytes.LastIndexByte(g, '(')
	if i < 0 {
		return nil, false
	}
	group, _, _ = g[i:].next()
	return group, i > 0
}

// wellFormed reports what is wrong with the groups of a line that no checksum
// vouches for.
func wellFormed(g []byte) error {
	depth, count := 0, 0
	for _, c := range g {
		switch {
		case c == '(' && depth == 0:
			depth, count = 1, count+1
		case c == ')' && depth == 1:
			depth = 0
		case c == '(' || c == ')':
			return fmt.Errorf("unpaired %q", c)
		case depth == 0 && !lineEnd(c):
			return fmt.Errorf("%q outside the brackets", c)
		case c < 0x20 && !lineEnd(c) || c > 0x7e:
			return fmt.Errorf("unprintable %#02x", c)
		}
	}
	if depth != 0 || count == 0 {
		return fmt.Errorf("no closed value")
	}
	return nil
}
