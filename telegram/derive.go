package telegram

// Complete fills what follows from what was sent: net powers from the
// import/export pairs, totals from the tariffs, the quadrants or the phases. A
// value the meter sent is never replaced, and nothing is computed from a part
// that could not be read. Then it does what o asks for: transformer ratios, and
// estimates of phases. Every Decode ends with it.
func (m *Measurement) Complete(o *Options) {
	for _, sum := range quadrantSums {
		m.completeQuadrants(sum.total, sum.first)
	}
	for _, net := range nets {
		for i := range Quantity(4) {
			m.completeNet(net.net+i, net.imp+i, net.exp+i)
		}
	}
	for _, of := range tariffTotals {
		m.completeTotal(of.total, of.tariffs)
	}
	for _, total := range phaseTotals {
		m.Derive(total, m.sumPhases(total))
	}
	o.Ratios.convert(m)
	if o.EstimatePhases {
		m.estimatePhases()
	}
}

// quadrantSums are the counters that are two quadrants: reactive import is QI +
// QII, export QIII + QIV (IEC 62053-23; the smart-me lists send quadrants alone).
var quadrantSums = [...]struct{ total, first Quantity }{
	{ReactiveEnergyImport, ReactiveEnergyQ1},
	{ReactiveEnergyExport, ReactiveEnergyQ3},
}

// completeQuadrants sets total to the sum of the quadrant first and the next.
// Tariffs of the total are nearer to it than quadrants.
func (m *Measurement) completeQuadrants(total, first Quantity) {
	a, ok := m.values[first].Get()
	b, ok2 := m.values[first+1].Get()
	if ok && ok2 && !m.values[total+1].ok {
		m.Derive(total, Of(round6(a+b)))
	}
}

// nets are the families whose net value is import - export. Both of a pair may
// be non-zero at once: a meter in Austria counts its phases separately.
var nets = [...]struct{ net, imp, exp Quantity }{
	{ActivePower, ActivePowerImport, ActivePowerExport},
	{ReactivePower, ReactivePowerImport, ReactivePowerExport},
}

var (
	tariffTotals = [...]struct {
		total   Quantity
		tariffs Quantity // how many follow it
	}{{ActiveEnergyImport, 10}, {ActiveEnergyExport, 4}, {ReactiveEnergyImport, 4}, {ReactiveEnergyExport, 4}}
	phaseTotals = [...]Quantity{ActivePower, ReactivePower}
)

// completeNet sets net = imp - exp. That is the definition of the net value, so
// it counts as derived only where one of the two does. A meter that only imports
// sends no export.
func (m *Measurement) completeNet(net, imp, exp Quantity) {
	if m.values[net].ok || m.unreadable.has(net) {
		return
	}
	if m.unreadable.has(imp) || m.unreadable.has(exp) {
		m.unreadable.add(net)
		return
	}
	if m.values[imp].ok {
		m.values[net] = m.values[imp].Minus(m.values[exp])
	} else {
		m.values[net] = m.values[exp].Neg()
	}
	if m.values[net].ok && (m.derived.has(imp) || m.derived.has(exp)) {
		m.derived.add(net)
	}
}

// completeTotal adds the tariff registers behind total (Dutch and Belgian meters
// send no total register). With one of them unreadable the total is, too: a
// counter that jumps down and up again is worse than none.
func (m *Measurement) completeTotal(total, tariffs Quantity) {
	if m.values[total].ok {
		return
	}
	sum, any := 0.0, false
	for q := total + 1; q <= total+tariffs; q++ {
		if m.unreadable.has(q) {
			m.unreadable.add(total)
			return
		}
		if v, ok := m.values[q].Get(); ok {
			sum, any = sum+v, true
		}
	}
	if any {
		m.Derive(total, Of(round6(sum)))
	}
}

// sumPhases adds the phase values behind total, where all phases the meter has
// were sent: all three, or L1 alone on a meter that shows no sign of others.
func (m *Measurement) sumPhases(total Quantity) Value {
	l1, ok1 := m.values[total+1].Get()
	l2, ok2 := m.values[total+2].Get()
	l3, ok3 := m.values[total+3].Get()
	switch {
	case ok1 && ok2 && ok3:
		return Of(round6(l1 + l2 + l3))
	case ok1 && !m.polyphase():
		return Of(l1)
	}
	return Value{}
}

// polyphase reports whether anything of L2 or L3 was sent.
func (m *Measurement) polyphase() bool {
	for _, q := range [...]Quantity{VoltageL2, CurrentL2, ActivePowerL2, VoltageL3, CurrentL3, ActivePowerL3} {
		if m.values[q].ok || m.unreadable.has(q) {
			return true
		}
	}
	return false
}
