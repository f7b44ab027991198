package telegram

import "math"

// estimatePhases computes what is known of single phases from the rest, marked
// as derived. It is for owners who ask for it: where phases flow in opposite
// directions, a share of the total has the wrong sign.
func (m *Measurement) estimatePhases() {
	if m.Delta() { // single phases have no power there
		return
	}
	powers := m.families(ActivePowerL1)
	if !m.families(CurrentL1).any {
		m.estimateCurrents()
	}
	if !powers.any {
		m.estimatePowers()
	}
}

// family says what was sent of a quantity by phases.
type family struct {
	any    bool // something, readable or not
	phases int  // how many from L1 on can be read
}

func (m *Measurement) families(l1 Quantity) family {
	var f family
	for q := l1; q < l1+3; q++ {
		f.any = f.any || m.values[q].ok || m.unreadable.has(q)
		if m.values[q].ok && int(q-l1) == f.phases {
			f.phases++
		}
	}
	return f
}

// estimateCurrents computes a phase's current from its power and voltage: its
// apparent power where the reactive is sent, too, and at least the active part of
// it where not. It is all phases that the meter has or none: to a charger a
// current that is missing beside others would be 0 A.
func (m *Measurement) estimateCurrents() {
	phases := Quantity(1)
	if m.polyphase() {
		phases = 3
	}
	var amps [3]float64
	for i := range phases {
		p, ok := m.values[ActivePowerL1+i].Get()
		u, ok2 := m.values[VoltageL1+i].Get()
		switch {
		case !ok || !ok2 || m.derived.has(ActivePowerL1+i) || u <= 0 && p != 0:
			return
		case u > 0:
			amps[i] = math.Hypot(p, m.values[ReactivePowerL1+i].Or(0)) / u
		}
	}
	for i := range phases {
		m.Derive(CurrentL1+i, Of(math.Round(amps[i]*1e3)/1e3))
	}
}

// estimatePowers shares the total power among the phases by their apparent
// power, or by their currents where the meter sends no voltage at all (TIC
// historique). All phases that the meter has must send theirs; the power of a
// single one is the total.
func (m *Measurement) estimatePowers() {
	total, ok := m.values[ActivePower].Get()
	currents, voltages := m.families(CurrentL1), m.families(VoltageL1)
	n := currents.phases
	switch {
	case !ok || n != 1 && n != 3 || n == 1 && m.polyphase():
		return
	case n == 1:
		m.Derive(ActivePowerL1, Of(total))
		return
	case voltages.any && voltages.phases != 3:
		return
	}
	var shares [3]float64
	sum := 0.0
	for i := range shares {
		shares[i] = m.values[VoltageL1+Quantity(i)].Or(1) * m.values[CurrentL1+Quantity(i)].v
		sum += shares[i]
	}
	if sum <= 0 && total != 0 {
		return
	}
	for i := range shares {
		share := 0.0
		if sum > 0 {
			share = shares[i] / sum
		}
		m.Derive(ActivePowerL1+Quantity(i), Of(math.Round(total*share*10)/10))
	}
}
