package telegram

import (
	"fmt"
	"math"
)

// Plausibility compares what a meter says with itself, to find a wrong scaler or
// transformer ratio: |P| against the sum of U·I, and the voltages against those
// of a mains. It corrects nothing. One telegram proves nothing either, since
// meters average powers and currents over different times: a doubt has to last.
// The zero Plausibility is ready.
type Plausibility struct {
	much, volts int // telegrams in a row that were too high
	tenth       int // and around a tenth or a hundredth
	doubt       string
}

const (
	loaded = 500 // VA, below which rounding decides

	soon  = 5  // telegrams until something impossible is believed
	later = 60 // and something that may happen: a balanced house exports what another phase imports
)

// Check is told the next telegram with new instantaneous values and returns what
// cannot be right in one sentence, "" if nothing.
func (p *Plausibility) Check(m *Measurement) string {
	if sum, ok := m.apparent(); ok && sum > loaded && !m.Delta() {
		ratio := math.Abs(m.values[ActivePower].v) / sum
		p.much = countIf(p.much, ratio > 2)
		p.tenth = countIf(p.tenth, 0.05 < ratio && ratio < 0.2 || 0.005 < ratio && ratio < 0.02)
		switch {
		case p.much >= soon, p.tenth >= later:
			p.doubt = fmt.Sprintf("the power of the meter (%.0f W) is %.2g times what its voltages and currents make (%.0f VA): a scaler or a transformer ratio is wrong", m.values[ActivePower].v, ratio, sum)
		case ratio >= 0.2 && ratio <= 1.1:
			p.doubt = ""
		}
	}
	if u, any := m.strangeVoltage(); any {
		if p.volts = countIf(p.volts, u > 0); p.volts >= soon {
			return fmt.Sprintf("the meter says %v V, which no mains has: the scaler of the voltage is wrong, unless it measures a high voltage", u)
		}
	}
	return p.doubt
}

func countIf(n int, yes bool) int {
	if yes {
		return n + 1
	}
	return 0
}

// apparent returns the sum of U·I, where the meter says all three of P, U and I
// and computes nothing of it from another.
func (m *Measurement) apparent() (va float64, ok bool) {
	if !m.values[ActivePower].ok {
		return 0, false
	}
	for i := range Quantity(3) {
		u, okU := m.values[VoltageL1+i].Get()
		a, okI := m.values[CurrentL1+i].Get()
		if okU != okI || okI && m.derived.has(CurrentL1+i) {
			return 0, false
		}
		va += u * math.Abs(a)
	}
	return va, true
}

// strangeVoltage returns a voltage that is none of a mains, 0 if one of them is:
// a phase that is not connected floats. any is false if the meter sends none.
// 57.7 V and 100 V are those behind voltage transformers.
func (m *Measurement) strangeVoltage() (volts float64, any bool) {
	for q := VoltageL1; q <= VoltageL3; q++ {
		u, ok := m.values[q].Get()
		if !ok || u == 0 {
			continue
		}
		if any = true; u >= 40 && u <= 500 {
			return 0, true
		}
		volts = u
	}
	return volts, any
}
