package tic

import "smartconnect/telegram"

// finish makes the active powers of the apparent ones and says what kind of frame
// this was.
func (d *decoder) finish() {
	m := &d.m
	m.Meter.Header, m.Period = telegram.TextOf("TIC"), standardPeriod
	if !d.standard { // of the same meter: a supplier can switch it over
		m.Meter.Version, m.Period = telegram.TextOf("historique"), historiquePeriod
	}
	three := d.threePhases()
	if d.drawn.OK() && !three && !m.Get(telegram.ApparentPowerImport).OK() {
		m.Set(telegram.ApparentPowerImport, d.drawn)
	}
	if three {
		d.completePhases()
	}
	if d.nameless {
		d.suspect()
	}
	m.Apparent = true
	d.powers(three)
	m.Complete(&d.o)
}

// threePhases reports whether anything of L2 or L3 came, readable or not: one lost
// group must not make a meter of three phases one of a single phase.
func (d *decoder) threePhases() bool {
	for _, q := range [...]telegram.Quantity{
		telegram.CurrentL2, telegram.VoltageL2, telegram.ApparentPowerImportL2,
		telegram.CurrentL3, telegram.VoltageL3, telegram.ApparentPowerImportL3,
	} {
		if d.m.Get(q).OK() || d.m.Unreadable(q) {
			return true
		}
	}
	return false
}

// suspect notes what would be wrong without a group whose label was lost: the sum
// of the tariffs (half a total, and then the whole one again, has been the peak of
// a month), and nothing drawn, while something may be injected.
func (d *decoder) suspect() {
	if !d.m.Get(telegram.ActiveEnergyImport).OK() {
		d.m.SetUnreadable(telegram.ActiveEnergyImport)
	}
	if d.standard && d.m.Get(telegram.ApparentPowerImport).Or(-1) == 0 && !d.m.Get(telegram.ApparentPowerExport).OK() {
		d.m.SetUnreadable(telegram.ApparentPowerExport)
	}
	one := false
	for i := range telegram.Quantity(3) {
		one = one || d.m.Get(telegram.ApparentPowerImportL1+i).OK()
	}
	for i := range telegram.Quantity(3) {
		if one && !d.m.Get(telegram.ApparentPowerImportL1+i).OK() {
			d.m.SetUnreadable(telegram.ApparentPowerImportL1 + i)
		}
	}
}

// completePhases notes a current that a meter of three phases must have sent: the
// label of its group was lost with it. To a charger 0 A would mean that it may
// draw.
func (d *decoder) completePhases() {
	for q := telegram.CurrentL1; q <= telegram.CurrentL3; q++ {
		if !d.m.Get(q).OK() {
			d.m.SetUnreadable(q)
		}
	}
}

// powers follows the Smart Connect (section 7.4 of the reference): the total is
// what is drawn, or, while something is injected, that with a minus sign. What a
// phase draws is never negative; injection is measured in total alone. A meter
// whose owner has no contract for selling does not say what it injects: then only
// the status word tells that it does, and by how much voltages and currents.
func (d *decoder) powers(three bool) {
	m := &d.m
	drawn, injected := m.Get(telegram.ApparentPowerImport), m.Get(telegram.ApparentPowerExport)
	if d.o.EstimateExport && !injected.OK() && drawn.Or(-1) == 0 && d.status&exporting != 0 {
		if sum, ok := d.apparent(); ok {
			m.Derive(telegram.ApparentPowerExport, telegram.Of(sum))
			injected = telegram.Of(sum)
		}
	}
	for _, of := range [...]telegram.Quantity{telegram.ApparentPowerImport, telegram.ApparentPowerExport} {
		if m.Unreadable(of) {
			m.SetUnreadable(telegram.ActivePower)
		}
	}
	switch {
	case injected.Or(0) > 0:
		m.Derive(telegram.ActivePowerImport, telegram.Of(0))
		m.Derive(telegram.ActivePowerExport, injected)
	case drawn.OK():
		m.Derive(telegram.ActivePowerImport, drawn)
		if injected.OK() {
			m.Derive(telegram.ActivePowerExport, injected)
		}
	}
	if !three && !m.Unreadable(telegram.ApparentPowerImport) {
		m.Derive(telegram.ActivePowerL1, drawn)
		return
	}
	for i := range telegram.Quantity(3) {
		if of := telegram.ApparentPowerImportL1 + i; m.Unreadable(of) {
			m.SetUnreadable(telegram.ActivePowerL1 + i)
		} else {
			m.Derive(telegram.ActivePowerL1+i, m.Get(of))
		}
	}
}

// apparent is the sum of U·I of the phases that are there.
func (d *decoder) apparent() (va float64, ok bool) {
	for i := range telegram.Quantity(3) {
		u, okU := d.m.Get(telegram.VoltageL1 + i).Get()
		a, okI := d.m.Get(telegram.CurrentL1 + i).Get()
		if okU && okI {
			va, ok = va+u*a, true
		}
	}
	return va, ok
}
