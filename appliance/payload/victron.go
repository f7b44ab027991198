package payload

import (
	"fmt"
	"math"
	"strconv"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// victronBase takes the serial number of the box.
func victronBase(id string) (string, error) {
	if !legalLevel(id) {
		return "", fmt.Errorf("%q is not one level of a topic", id)
	}
	return "compat/victron-grid/" + id, nil
}

// writeVictron writes what venus-os_dbus-mqtt-grid makes a grid meter of: W, V, A,
// Hz and kWh, power and current negative for export. It wants a power; a phase is
// there only with a power of its own, for it takes the voltage for 230 V and
// computes a current where none is said. The message is retained, so that its
// driver, which waits for a first one and gives up, starts at once: on the broker of
// the box, which keeps nothing when the box is gone. A driver that hears nothing for
// a minute ends, and the grid meter with it.
func (c *Compat) writeVictron(s *snapshot.Snapshot) {
	powers, currents, voltages := phasePowers(s), signedCurrents(s), phaseValues(s, telegram.VoltageL1)
	b := append(c.sheet.octets, `{"grid":{"power":`...)
	b = snapshot.AppendValue(b, s.Get(telegram.ActivePower))
	b = appendKnown(b, "voltage", mean(voltages))
	b = appendKnown(b, "current", sum(currents, powers))
	b = appendKnown(b, "energy_forward", kilo(s.Get(telegram.ActiveEnergyImport)))
	b = appendKnown(b, "energy_reverse", kilo(s.Get(telegram.ActiveEnergyExport)))
	for i := range powers {
		if !powers[i].OK() {
			continue
		}
		b = strconv.AppendInt(append(b, `,"L`...), int64(i+1), 10)
		b = snapshot.AppendValue(append(b, `":{"power":`...), powers[i])
		b = appendKnown(b, "voltage", voltages[i])
		b = appendKnown(b, "current", currents[i])
		b = appendKnown(b, "frequency", s.Get(telegram.Frequency))
		b = append(b, '}')
	}
	c.sheet.octets = append(b, "}}"...)
	c.sheet.end(c.base)
}

// appendKnown appends a key and its number, nothing where there is none: the
// reader takes every key it finds for a number.
func appendKnown(b []byte, key string, v telegram.Value) []byte {
	if !v.OK() {
		return b
	}
	return snapshot.AppendValue(append(append(append(b, `,"`...), key...), `":`...), v)
}

func kilo(v telegram.Value) telegram.Value {
	f, ok := v.Get()
	if !ok {
		return v
	}
	return telegram.Of(f / 1000)
}

// mean returns the mean of the voltages there are. The middle one of a net without
// neutral is sent as 0.
func mean(v [3]telegram.Value) telegram.Value {
	total, n := 0.0, 0.0
	for _, x := range v {
		if f := x.Or(0); f > 0 {
			total, n = total+f, n+1
		}
	}
	if n == 0 {
		return telegram.Value{}
	}
	return telegram.Of(hundredths(total / n))
}

// sum returns the sum of the currents, missing where that of a phase with a power
// is, or where the phases have none to take the sign from.
func sum(currents, powers [3]telegram.Value) telegram.Value {
	total, any := 0.0, false
	for i, c := range currents {
		if c.OK() != powers[i].OK() {
			return telegram.Value{}
		}
		total, any = total+c.Or(0), any || c.OK()
	}
	if !any {
		return telegram.Value{}
	}
	return telegram.Of(hundredths(total))
}

func hundredths(f float64) float64 { return math.Round(f*100) / 100 }
