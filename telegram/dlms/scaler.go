package dlms

import (
	"math"

	"smartconnect/telegram"
)

// powers are exact, so that a number times or through one of them is rounded
// once.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// scaled returns n * 10^exponent, rounded once.
func scaled(n float64, exponent int) float64 {
	if exponent < 0 {
		return n / powers[-exponent]
	}
	return n * powers[exponent]
}

// scale gives every object its value in base units. A scaler that was transmitted
// wins, if its unit is one for the object; then one set by hand, then the profile
// of the meter.
func (d *decoder) scale() {
	for i := range d.objects {
		if o := &d.objects[i]; o.named && o.attribute == 2 {
			o.measure, o.base = measured(o.code)
		}
	}
	p := d.profile()
	volts := p.voltage
	if !p.highVoltage {
		volts = d.voltageExponent(volts)
	}
	for i := range d.objects {
		o := &d.objects[i]
		if !o.named || o.attribute != 2 {
			continue
		}
		m, unit := o.measure, o.base
		var shift int8 // from the transmitted unit to the base unit
		if o.source == telegram.Transmitted {
			u, known := units[o.unit]
			o.base, shift = u.base, u.exponent
			o.unreadable = m != noMeasure && (!known || u.base != unit)
		} else if m != noMeasure {
			o.source, o.exponent = telegram.Profiled, p.exponent(m)
			if m == voltage {
				o.exponent = volts
			}
		}
		if exponent, ok := d.exponent(o.code); ok && (o.source != telegram.Transmitted || o.unreadable) {
			o.source, o.exponent, shift = telegram.Overridden, exponent, 0
			if m != noMeasure { // by hand, in the base unit, whatever was sent
				o.base, o.unreadable = unit, false
			}
		}
		o.evaluate(shift)
	}
}

// evaluate sets the result of an object from its number.
func (o *object) evaluate(shift int8) {
	number, isNumber := float64(0), false
	if n, ok := o.value.integer(); ok {
		number, isNumber = float64(n), true
	} else if o.value.kind() == float {
		number, isNumber = o.value.f, !math.IsNaN(o.value.f) && !math.IsInf(o.value.f, 0)
	}
	switch e := int(o.exponent) + int(shift); {
	case o.value.kind() == null:
		o.source = "" // a phase the meter does not have
		o.unreadable = false
	case o.unreadable:
	case !isNumber, o.exponent < -telegram.MaxExponent, o.exponent > telegram.MaxExponent:
		o.unreadable = o.source != ""
	default:
		o.result = telegram.Of(scaled(number, e))
	}
}

// voltageExponent finds the exponent of the voltages by their size: newer E450
// firmware and some grid operators have voltages sent in 0.1 V or mV. A mains
// voltage is between 150 and 300 V with one exponent only, so that the highest of
// the phases decides for all: one that is dead may float at 20 V, and what that is
// with another exponent says nothing. That of the profile is tried first, and stays
// where none fits.
func (d *decoder) voltageExponent(profile int8) int8 {
	highest := int64(0)
	for i := range d.objects {
		o := &d.objects[i]
		if n, ok := o.value.integer(); ok && o.measure == voltage && o.source != telegram.Transmitted {
			highest = max(highest, n)
		}
	}
	for _, e := range [...]int8{profile, 0, -1, -2, -3} {
		if v := scaled(float64(highest), int(e)); v >= 150 && v <= 300 {
			return e
		}
	}
	return profile
}

// exponent returns the scaler set by hand for the object, on whatever channel.
func (d *decoder) exponent(o telegram.OBIS) (int8, bool) {
	for _, s := range d.o.Scalers {
		s.OBIS.B = o.B
		if s.OBIS == o {
			return s.Exponent, true
		}
	}
	return 0, false
}
