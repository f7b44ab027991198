package dlms

import (
	"time"

	"smartconnect/telegram"
)

// fill sets the quantities and channels of the Measurement from the objects.
func (d *decoder) fill() {
	var nulls [telegram.NumQuantities]bool
	for i := range d.objects {
		o := &d.objects[i]
		if !o.named || o.attribute != 2 {
			d.channel(o)
			continue
		}
		q, ok := o.code.Quantity()
		switch {
		case !ok || o.code.B > 1:
			d.channel(o)
		case o.value.kind() == null:
			nulls[q] = true
		case q == telegram.Tariff:
			d.m.Set(q, o.tariff())
		default:
			d.set(q, o)
		}
	}
	d.unsaid(&nulls)
	d.magnitude()
	for i := range d.m.Channels { // a place without a meter says 0 everywhere
		if ch := &d.m.Channels[i]; ch.Device == 0 && ch.ID.Empty() && ch.Value.Or(0) == 0 {
			*ch = telegram.Channel{}
		}
	}
}

// unsaid marks what is null and not nothing: the meter cannot say at the moment. A
// phase that the meter does not have is null in everything, and one with a voltage
// has a current; a meter that knows no export sends null for it, and a house that
// imports nothing while currents flow may be exporting.
func (d *decoder) unsaid(nulls *[telegram.NumQuantities]bool) {
	none := func(q telegram.Quantity) bool { return nulls[q] && d.by[q] == 0 }
	for _, q := range [...]telegram.Quantity{telegram.ActivePower, telegram.ActivePowerImport} {
		if none(q) {
			d.m.SetUnreadable(q)
		}
	}
	if d.m.Get(telegram.ActivePowerImport).Or(-1) == 0 && none(telegram.ActivePowerExport) && d.flows() {
		d.m.SetUnreadable(telegram.ActivePowerExport)
	}
	for phase := range telegram.Quantity(3) {
		if d.m.Get(telegram.VoltageL1+phase).Or(0) > 0 && none(telegram.CurrentL1+phase) {
			d.m.SetUnreadable(telegram.CurrentL1 + phase)
		}
	}
}

// flows reports whether a current may flow: one does, or the meter sends none.
func (d *decoder) flows() bool {
	sent := false
	for q := telegram.CurrentL1; q <= telegram.CurrentL3; q++ {
		v, ok := d.m.Get(q).Get()
		if v != 0 {
			return true
		}
		sent = sent || ok
	}
	return !sent
}

// set gives q the value of o. A list may carry both channels of a register:
// then 1-1 counts for energies (it is the billing register) and 1-0 for
// everything else.
func (d *decoder) set(q telegram.Quantity, o *object) {
	wanted := uint8(0)
	if q.Kind() == telegram.Cumulative {
		wanted = 1
	}
	if d.by[q] != 0 && o.code.B != wanted {
		return
	}
	d.by[q] = o.code.B + 1
	if !o.result.OK() {
		d.m.SetUnreadable(q)
		return
	}
	d.m.Set(q, o.result)
}

// tariff returns the number of a tariff, which comes as a number or as a text
// that ends in one (RATE2).
func (o *object) tariff() telegram.Value {
	if o.result.OK() {
		return o.result
	}
	text, ok := o.value.text()
	if !ok && len(o.value.b) == 1 {
		return telegram.Of(float64(o.value.b[0]))
	}
	n, unit, any := 0, 1, false
	for i := len(text) - 1; i >= 0 && text[i] >= '0' && text[i] <= '9' && unit < 1000; i-- {
		n, unit, any = n+unit*int(text[i]-'0'), unit*10, true
	}
	if !any {
		return telegram.Value{}
	}
	return telegram.Of(float64(n))
}

// magnitude takes 1-0:130.7.0 of the smart-me lists for the reactive power where
// nothing else is sent. It is a magnitude: the sign of the quadrants is not in it.
func (d *decoder) magnitude() {
	if d.m.Get(telegram.ReactivePowerImport).OK() || d.m.Get(telegram.ReactivePowerExport).OK() {
		return
	}
	for i := range d.objects {
		if o := &d.objects[i]; o.named && o.code.A == 1 && o.code.C == 130 && o.code.D == 7 && o.code.E == 0 && o.code.F == 255 && o.attribute == 2 {
			d.m.Set(telegram.ReactivePower, o.result)
		}
	}
}

// deviceUnknown is the M-Bus device type of a meter that does not say what it
// measures (EN 13757-3, unknown medium).
const deviceUnknown = 0x0F

// channel reads what an object says of a sub-meter on M-Bus channel B: its
// reading 0-n:24.2.1, its serial number 0-n:96.1.0, and attributes 6
// (identification number) and 9 (device type) of the M-Bus client 0-n:24.1.0
// (IEC 62056-6-2, class 72). A channel without a sub-meter has the octet 00 for
// a serial number.
func (d *decoder) channel(o *object) {
	code := o.code
	if !o.named || code.A != 0 || code.B < 1 || code.B > telegram.NumChannels || code.F != 255 {
		return
	}
	ch := &d.m.Channels[code.B-1]
	n, isNumber := o.value.integer()
	switch key := [4]uint8{code.C, code.D, code.E, uint8(o.attribute)}; {
	case key == [4]uint8{96, 1, 0, 2}, key == [4]uint8{24, 1, 0, 6}:
		if id := o.id(); !id.Empty() {
			ch.ID = id
			if ch.Device == 0 {
				ch.Device = deviceUnknown
			}
		}
	case key == [4]uint8{24, 1, 0, 9} && isNumber && n > 0 && n <= 255:
		ch.Device = telegram.Device(n)
	case key == [4]uint8{24, 2, 1, 2}:
		ch.Value, ch.Unit, ch.Time = o.result, o.base, d.m.Time
	}
}

// period returns the nominal time between two lists of this kind. The push
// setups of a CII count: 0-8 is consumer information 1 with the moment, 0-9 the
// tariffs every minute, 0-11 the sub-meters every quarter of an hour. Energies
// alone come every minute wherever they are documented. A list with power or
// currents has the period of its meter, whatever its number.
func (d *decoder) period() time.Duration {
	moment := d.m.HasCurrent()
	for _, q := range [...]telegram.Quantity{telegram.ActivePower, telegram.ActivePowerImport, telegram.ActivePowerExport} {
		moment = moment || d.m.Get(q).OK() || d.m.Unreadable(q)
	}
	switch {
	case moment:
	case d.facts.setup.B == 11:
		return 15 * time.Minute
	default:
		return time.Minute
	}
	if d.model != nil {
		return d.model.period
	}
	return 5 * time.Second
}

// profile returns the scaler profile: the one set by hand, or that of the meter.
func (d *decoder) profile() *profile {
	if p := profileNamed(d.o.Profile); p != nil {
		return p
	}
	if d.model != nil {
		return profileNamed(d.model.profile)
	}
	return profileNamed(generic)
}
