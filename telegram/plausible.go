package telegram

import (
	"fmt"
	"math"
)

// Plausibility compares what a meter says with itself, to find a wrong scaler: the
// power against the sum of U·I, and the voltages against those of a mains. It
// corrects nothing. One telegram proves nothing either, since meters average powers
// and currents over different times: a doubt has to last. The zero Plausibility is
// ready; Ratios are those that its telegrams have been through.
type Plausibility struct {
	Ratios Ratios

	much, volts int // telegrams in a row that were too high
	tenth       int // and around a tenth or a hundredth
	doubt       string
}

const (
	loaded = 500 // VA, below which rounding decides

	// How many telegrams it takes: for what is impossible, for what would be a
	// strange load, and for what a balanced house does for a while: one that
	// exports on one phase what another imports has hardly any power in total.
	soon, later, late = 5, 60, 600
)

// Check is told the next telegram with new instantaneous values and returns what
// cannot be right in one sentence, "" if nothing.
func (p *Plausibility) Check(m *Measurement) string {
	if power, va, phased, ok := m.load(); ok && va > loaded*p.Ratios.of(Watt) && !m.Delta() {
		ratio := power / va
		enough, tenth := late, within(ratio, 0.085, 0.115) || within(ratio, 0.0085, 0.0115)
		if phased {
			enough, tenth = later, within(ratio, 0.05, 0.2) || within(ratio, 0.005, 0.02)
		}
		p.much = countIf(p.much, ratio > 2)
		p.tenth = countIf(p.tenth, tenth)
		switch {
		case p.much >= soon, p.tenth >= enough:
			p.doubt = fmt.Sprintf("the power of the meter (%.0f W) is %.2g times what its voltages and currents make (%.0f VA): a scaler is wrong", power, ratio, va)
		case within(ratio, 0.2, 1.1):
			p.doubt = ""
		}
	}
	if u, any := m.strangeVoltage(p.Ratios.of(Volt)); any {
		if p.volts = countIf(p.volts, u > 0); p.volts >= soon {
			return fmt.Sprintf("the meter says %v V, which no mains has: the scaler of the voltage is wrong, unless it measures a high voltage", u)
		}
	}
	return p.doubt
}

func within(v, least, most float64) bool { return least <= v && v <= most }

func countIf(n int, yes bool) int {
	if yes {
		return n + 1
	}
	return 0
}

// load returns the active power without regard to where it flows and the sum of
// U·I, where the meter says all three of P, U and I and computes nothing of it from
// another. phased says that the power is that of the phases, each by itself.
func (m *Measurement) load() (power, va float64, phased, ok bool) {
	total, ok := m.values[ActivePower].Get()
	if !ok {
		return 0, 0, false, false
	}
	phased = true
	for i := range Quantity(3) {
		u, okU := m.values[VoltageL1+i].Get()
		a, okI := m.values[CurrentL1+i].Get()
		if okU != okI || okI && m.derived.has(CurrentL1+i) {
			return 0, 0, false, false
		}
		va += u * math.Abs(a)
		if p, sent := m.values[ActivePowerL1+i].Get(); sent && !m.derived.has(ActivePowerL1+i) {
			power += math.Abs(p)
		} else if okU {
			phased = false
		}
	}
	if phased = phased || !m.polyphase(); !phased || power == 0 {
		power = math.Abs(total)
	}
	return power, va, phased, true
}

// strangeVoltage returns a voltage that is none of a mains, 0 if one of them is:
// a phase that is not connected floats. any is false if the meter sends none.
// 57.7 V and 100 V are those behind voltage transformers, which ratio has undone.
func (m *Measurement) strangeVoltage(ratio float64) (volts float64, any bool) {
	for q := VoltageL1; q <= VoltageL3; q++ {
		u, ok := m.values[q].Get()
		if !ok || u == 0 {
			continue
		}
		if any = true; within(u/ratio, 40, 500) {
			return 0, true
		}
		volts = u / ratio
	}
	return volts, any
}
