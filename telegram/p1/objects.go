package p1

import (
	"bytes"

	"smartconnect/telegram"
)

// key names an object for the table below. For A = 0 the B field is the M-Bus
// channel (0 is the meter itself); channel objects are found with B = any.
type key struct{ a, b, c, d, e uint8 }

const channel = 255 // in the B field of a key: any M-Bus channel

func keyOf(o telegram.OBIS) key {
	k := key{o.A, o.B, o.C, o.D, o.E}
	if k.a == 0 && 1 <= k.b && k.b <= telegram.NumChannels {
		k.b = channel
	}
	return k
}

// reads says what the objects mean that are not plain quantities.
var reads = map[key]func(*decoder, telegram.OBIS, groups){
	{1, 3, 0, 2, 8}:        (*decoder).version, // DSMR version: 40, 42, 50
	{0, 0, 96, 1, 4}:       (*decoder).version, // E-MUCS version: 50213, 50217, 50221
	{0, 0, 1, 0, 0}:        (*decoder).time,
	{1, 0, 0, 9, 2}:        (*decoder).dateOnly, // the Swedish AM550 sends date
	{1, 0, 0, 9, 1}:        (*decoder).hourOnly, // and time apart
	{0, 0, 96, 1, 1}:       (*decoder).id,       // equipment identifier: NL, BE
	{0, 0, 96, 1, 0}:       (*decoder).id,       // SE, HU, IE
	{0, 0, 96, 1, 255}:     (*decoder).id,       // D0 heads
	{0, 0, 42, 0, 0}:       (*decoder).otherID,  // COSEM logical device name: LU, CH
	{1, 0, 0, 0, 0}:        (*decoder).otherID,
	{0, 0, 98, 1, 0}:       (*decoder).peaks,
	{0, channel, 24, 1, 0}: (*decoder).channelDevice,
	{0, channel, 96, 1, 0}: (*decoder).channelID,
	{0, channel, 96, 1, 1}: (*decoder).channelID,
	{0, channel, 24, 2, 1}: (*decoder).channelValue,
	{0, channel, 24, 2, 2}: (*decoder).channelValue,
	{0, channel, 24, 2, 3}: (*decoder).channelValue, // BE gas, not temperature corrected
	{0, channel, 24, 3, 0}: (*decoder).channelValue, // DSMR 2 and 3
}

func (d *decoder) version(_ telegram.OBIS, g groups) {
	v, _, _ := g.next()
	d.m.Meter.Version = telegram.TextOf(v)
	d.versioned = true
}

func (d *decoder) time(_ telegram.OBIS, g groups) {
	v, _, _ := g.next()
	d.m.Time = clock(v, d.o.UTCOffset)
	d.versioned = true
}

func (d *decoder) dateOnly(_ telegram.OBIS, g groups) { d.part(&d.date, g) }
func (d *decoder) hourOnly(_ telegram.OBIS, g groups) { d.part(&d.hour, g) }

// part keeps one half of a time sent in two objects; with both, the time is
// normal time all year, as the Swedish recommendation has it.
func (d *decoder) part(half *[6]byte, g groups) {
	v, _, _ := g.next()
	if len(v) != len(half) {
		return
	}
	copy(half[:], v)
	if d.date[0] == 0 || d.hour[0] == 0 || !d.m.Time.IsZero() {
		return
	}
	var both [13]byte
	copy(both[:], d.date[:])
	copy(both[6:], d.hour[:])
	both[12] = 'W'
	d.m.Time = clock(both[:], d.o.UTCOffset)
}

// id keeps the first equipment identifier that says something.
func (d *decoder) id(_ telegram.OBIS, g groups) {
	v, _, _ := g.next()
	if !d.identified && len(bytes.Trim(v, "0")) > 0 {
		d.m.Meter.ID, d.identified = telegram.TextOfHex(v), true
	}
}

// otherID keeps a name that will do where there is no equipment identifier.
func (d *decoder) otherID(_ telegram.OBIS, g groups) {
	v, _, _ := g.next()
	if d.m.Meter.ID.Empty() && len(bytes.Trim(v, "0")) > 0 {
		d.m.Meter.ID = telegram.TextOfHex(v)
	}
}

// peaks reads the thirteen monthly demand peaks of a Belgian meter:
// (n)(1-0:1.6.0)(1-0:1.6.0){(month end)(time of the peak)(kW)}. In Hungary the
// same code is a copy of registers at the month's end; the second group tells.
func (d *decoder) peaks(_ telegram.OBIS, g groups) {
	_, g, _ = g.next()
	of, g, _ := g.next()
	if !bytes.Equal(of, []byte("1-0:1.6.0")) {
		return
	}
	_, g, _ = g.next()
	for i := range d.m.Peaks {
		month, rest, _ := g.next()
		at, rest, _ := rest.next()
		w, rest, ok := rest.next()
		v, unit, isNumber := number(w)
		if !ok || !isNumber || unit != telegram.Watt {
			return
		}
		d.m.Peaks[i] = telegram.Peak{Month: clock(month, d.o.UTCOffset), Time: clock(at, d.o.UTCOffset), Value: v}
		g = rest
	}
}

func (d *decoder) channel(o telegram.OBIS) *telegram.Channel { return &d.m.Channels[o.B-1] }

func (d *decoder) channelDevice(o telegram.OBIS, g groups) {
	v, _, _ := g.next()
	if n, ok := small(v); ok && n <= 255 {
		d.channel(o).Device = telegram.Device(n)
	}
}

func (d *decoder) channelID(o telegram.OBIS, g groups) {
	v, _, _ := g.next()
	d.channel(o).ID = telegram.TextOfHex(v)
}

// channelValue reads (time)(value*unit), or the DSMR 2 form
// (time)(status)(60)(1)(code)(unit) with (value) on a line of its own.
func (d *decoder) channelValue(o telegram.OBIS, g groups) {
	c := d.channel(o)
	at, rest, _ := g.next()
	c.Time = clock(at, d.o.UTCOffset)
	last, _ := rest.last()
	v, unit, ok := number(last)
	if !ok {
		return
	}
	c.Value, c.Unit = v, unit
	for rest != nil && c.Unit == telegram.NoUnit {
		var symbol []byte
		symbol, rest, _ = rest.next()
		if u, exp, known := telegram.ParseUnit(symbol); known {
			c.Unit = u
			f, _ := v.Get()
			c.Value = telegram.Of(scale(f, exp))
		}
	}
}

// counts are the objects without a unit whose digits are a number; in all
// others digits are text (identifications, versions, times).
var counts = map[key]bool{
	{0, 0, 96, 7, 21}: true, {0, 0, 96, 7, 9}: true, {0, 0, 96, 7, 19}: true, // power failures
	{0, 0, 96, 3, 10}: true, {0, channel, 96, 3, 10}: true, {0, channel, 24, 4, 0}: true, // breaker, relays, valve
	{0, channel, 24, 1, 0}: true, // device type
}

// show hands an object that is no quantity to the visitor.
func (d *decoder) show(o telegram.OBIS, g groups) {
	if d.visit == nil {
		return
	}
	k := keyOf(o)
	last, many := g.last()
	if k.b == channel && k.c == 24 && (k.d == 2 || k.d == 3) { // an M-Bus reading: (time)(value)
		c := d.channel(o)
		d.visit(telegram.Object{OBIS: o, Value: c.Value, Unit: c.Unit, Text: last})
		return
	}
	if many {
		d.visit(telegram.Object{OBIS: o, Text: bytes.TrimSpace(g)})
		return
	}
	v, unit, ok := number(last)
	if ok && (unit != telegram.NoUnit || counts[k] || sagOrSwell(k) || bytes.IndexByte(last, '.') >= 0) {
		d.visit(telegram.Object{OBIS: o, Value: v, Unit: unit})
		return
	}
	text := last
	if k.c == 96 && (k.d == 1 || k.d == 13) || k.c == 42 {
		t := telegram.TextOfHex(last)
		text = []byte(t.String())
		if len(last) > 2*63 { // a long message: keep it all
			text = last
		}
	}
	d.visit(telegram.Object{OBIS: o, Text: text})
}

// sagOrSwell reports whether k counts voltage sags (32) or swells (36) of a
// phase; Luxembourg writes them with A = 0.
func sagOrSwell(k key) bool {
	return (k.c == 32 || k.c == 52 || k.c == 72) && (k.d == 32 || k.d == 36)
}
