package telegram

import "time"

// Reading is what is known of a meter after a telegram: its values, and when
// each kind of them was last received.
type Reading struct {
	Measurement
	At [NumKinds]time.Time // host time of the last telegram with this kind; zero: never
}

// Merge remembers across telegrams what must be: a meter that sends several
// lists (instantaneous values every 5 s, energies every minute) keeps the kinds
// that a telegram does not carry at all, each with its own age. Instantaneous
// values always come from one telegram. The zero Merge is ready.
type Merge struct{ last Reading }

// Add merges a telegram received at now and returns what is known after it. A
// telegram of another meter starts anew: values of two meters never mix.
func (g *Merge) Add(m Measurement, now time.Time) Reading {
	g.identify(&m)
	if !m.Meter.Same(g.last.Meter) {
		g.last = Reading{}
	}
	var has [NumKinds]bool
	for q := range NumQuantities {
		if m.values[q].ok || m.unreadable.has(q) {
			has[q.Kind()] = true
		}
	}
	// A list without power and currents leaves those of the last one alone.
	if !m.Refreshes() && g.last.Refreshes() && !m.unreadableMain() {
		has[Instantaneous] = false
	}
	r := Reading{Measurement: m, At: g.last.At}
	for k := range NumKinds {
		if has[k] && (k != Instantaneous || m.Refreshes()) {
			r.At[k] = now
		}
	}
	for q := range NumQuantities {
		if !has[q.Kind()] || (q.Kind() == Cumulative && r.keepsCounter(&g.last.Measurement, q)) {
			r.copyFrom(&g.last.Measurement, q)
		}
	}
	if !has[Demand] {
		r.Peaks, r.PeakTime = g.last.Peaks, g.last.PeakTime
	}
	for i := range r.Channels {
		if r.Channels[i] == (Channel{}) { // not even a value without its device type
			r.Channels[i] = g.last.Channels[i]
		}
	}
	if !m.Refreshes() && g.last.Period != 0 {
		r.Period = g.last.Period
	}
	g.last = r
	return r
}

// identify gives a telegram that does not say whose it is the identifier of the
// last one, where both have the same sender: binary meters send some lists
// without it, and then only the system title tells, or nothing at all.
func (g *Merge) identify(m *Measurement) {
	last := &g.last
	if m.Format != last.Format || m.Meter.Header != last.Meter.Header || m.Seal.Title != last.Seal.Title {
		return
	}
	sealed := !m.Seal.Title.Empty()
	switch {
	case !last.Meter.ID.Empty() && (sealed || m.Meter.ID.Empty()):
		m.Meter.ID = last.Meter.ID
	case last.Meter.ID.Empty() && last.Format != "":
		last.Meter.ID = m.Meter.ID
	}
}

// keepsCounter reports whether the counter q of the last telegram still stands
// although m has counters: one list has the totals, another the tariffs, and a
// total that m made of tariffs does not replace one that was sent.
func (m *Measurement) keepsCounter(last *Measurement, q Quantity) bool {
	if m.unreadable.has(q) || !last.values[q].ok {
		return false
	}
	return !m.values[q].ok || (m.derived.has(q) && !last.derived.has(q))
}

// unreadableMain reports whether power or a current was sent and could not be
// read: then the old values must not stand in for it.
func (m *Measurement) unreadableMain() bool {
	for _, q := range [...]Quantity{ActivePower, ActivePowerImport, ActivePowerExport, CurrentL1, CurrentL2, CurrentL3} {
		if m.unreadable.has(q) {
			return true
		}
	}
	return false
}

func (m *Measurement) copyFrom(from *Measurement, q Quantity) {
	m.values[q] = from.values[q]
	m.derived.remove(q)
	if from.derived.has(q) {
		m.derived.add(q)
	}
	if from.unreadable.has(q) {
		m.unreadable.add(q)
	}
}
