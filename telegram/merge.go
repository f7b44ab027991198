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
// values always come from one telegram, with one exception: French meters send
// their currents alone, one short frame after the other, while they are too high.
// Those take the place of the last ones, and make nothing fresh: the power keeps its
// age, and is missing past the limit. The zero Merge is ready.
type Merge struct {
	last    Reading
	main    grade                 // of the list that the instantaneous values come from
	rhythms [tellsBoth + 1]Rhythm // of each list that brings some
}

// grade says how much a list tells of the moment. Norwegian meters send their
// power alone every 2.5 s, and everything every 10 s.
type grade uint8

const (
	tellsNothing  grade = iota // neither power nor currents
	tellsCurrents              // currents alone
	tellsPower                 // power alone
	tellsBoth
)

// grade returns the grade of a telegram. What was sent and could not be read may
// have been anything: the old values must not stand in for it.
func (m *Measurement) grade() grade {
	var g grade
	for _, of := range [...]struct {
		Quantity
		grade
	}{{ActivePower, tellsPower}, {CurrentL1, tellsCurrents}, {CurrentL2, tellsCurrents}, {CurrentL3, tellsCurrents}} {
		if m.unreadable.has(of.Quantity) {
			return tellsBoth
		}
		if m.values[of.Quantity].ok {
			g |= of.grade
		}
	}
	return g
}

// Period returns the time expected between two telegrams that bring new
// instantaneous values: that of the list they come from.
func (g *Merge) Period() time.Duration { return g.rhythms[g.main].Period(g.last.Period) }

// stands reports whether the instantaneous values known at now are better than
// those of a list that tells less: they are still fresh. Three of them would miss
// their currents otherwise until the next full list comes, and a charger would be
// refused them.
func (g *Merge) stands(than grade, now time.Time) bool {
	return g.main > than && now.Sub(g.last.At[Instantaneous]) <= Limit(g.Period())
}

// Limit returns the age past which instantaneous values may no longer pass for
// fresh, by the period in which they come: three of them, and at least five
// seconds.
func Limit(period time.Duration) time.Duration { return max(3*period, 5*time.Second) }

// Add merges a telegram received at now and returns what is known after it. A
// telegram of another meter starts anew: values of two meters never mix.
func (g *Merge) Add(m Measurement, now time.Time) Reading {
	g.identify(&m)
	if !m.Meter.Same(g.last.Meter) {
		*g = Merge{}
	}
	var has [NumKinds]bool
	for q := range NumQuantities {
		if m.values[q].ok || m.unreadable.has(q) {
			has[q.Kind()] = true
		}
	}
	grade := m.grade()
	if m.Refreshes() {
		g.rhythms[grade].Beat(now)
	}
	// A list that tells less of the moment leaves what is known of it alone.
	short := grade == tellsCurrents && g.main == tellsBoth
	if grade == tellsNothing && g.last.Refreshes() || g.stands(grade, now) {
		has[Instantaneous] = false
	}
	fresh := has[Instantaneous] && m.Refreshes() && !short
	r := Reading{Measurement: m, At: g.last.At}
	for k := range NumKinds {
		if has[k] && (k != Instantaneous || fresh) {
			r.At[k] = now
		}
	}
	for q := range NumQuantities {
		if short && CurrentL1 <= q && q <= CurrentL3 {
			continue
		}
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
	if !fresh && g.last.Period != 0 {
		r.Period = g.last.Period
	}
	g.last = r
	if fresh {
		g.main = grade
	}
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
