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
	Restarts uint64 // grows where it begins anew: with another meter

	last    Reading
	main    grade                 // of the list that the instantaneous values come from
	rhythms [tellsBoth + 1]Rhythm // of each list that brings some
	names   map[uint8]Text        // what the meter has called itself, by IDKind
	totals  map[Quantity]total    // the counters that were sent
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
// instantaneous values: that of the list they come from. Behind a full list that
// comes once a minute, it is that of the power that comes alone meanwhile: a meter
// that dies right then must not be believed for three minutes.
func (g *Merge) Period() time.Duration {
	main, alone := &g.rhythms[g.main], &g.rhythms[tellsPower]
	period := main.Period(g.last.Period)
	if g.main == tellsBoth && period > often && alone.learned() {
		if p := alone.Period(0); main.last.Sub(alone.last) <= Limit(p) {
			return min(period, p)
		}
	}
	return period
}

// stands reports whether the instantaneous values known at now are better than
// those of a list that tells less: they are still fresh. Three of them would miss
// their currents otherwise until the next full list comes, and a charger would be
// refused them. It holds for full lists that come nearly as often: whose power is
// a minute old while a new one comes every five seconds must have the new one.
func (g *Merge) stands(than grade, now time.Time) bool {
	period := g.rhythms[g.main].Period(g.last.Period)
	return g.main > than && g.whole() && period <= often && now.Sub(g.last.At[Instantaneous]) <= Limit(period)
}

// often is how often full lists must come for one of power alone to be set aside.
const often = 20 * time.Second

// whole reports whether what is known has all that its list tells.
func (g *Merge) whole() bool {
	return (g.main&tellsPower == 0 || g.last.values[ActivePower].ok) && (g.main&tellsCurrents == 0 || g.last.HasCurrent())
}

// Limit returns the age past which instantaneous values may no longer pass for
// fresh, by the period in which they come: three of them, and at least five
// seconds.
func Limit(period time.Duration) time.Duration { return max(3*period, 5*time.Second) }

// Add merges a telegram received at now and returns what is known after it. A
// telegram of another meter starts anew: values of two meters never mix. So does
// a text of another version: a French meter that is switched from one mode to the
// other has other counters in the other.
func (g *Merge) Add(m Measurement, now time.Time) Reading {
	called, kind := m.Meter.ID, m.Meter.IDKind
	g.identify(&m)
	if !m.Meter.Same(g.last.Meter) || m.speaksOtherThan(&g.last.Measurement) {
		*g = Merge{Restarts: g.Restarts + 1}
	}
	if g.names == nil {
		g.names, g.totals = map[uint8]Text{}, map[Quantity]total{}
	}
	if !called.Empty() {
		g.names[kind] = called
	}
	var has [NumKinds]bool
	for q := range NumQuantities {
		if m.values[q].ok || m.unreadable.has(q) {
			has[q.Kind()] = true
		}
		if q.Kind() == Cumulative && m.values[q].ok && !m.derived.has(q) {
			g.sent(q, now)
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
		if !has[q.Kind()] || (q.Kind() == Cumulative && g.keepsCounter(&r.Measurement, q, now)) {
			r.copyFrom(&g.last.Measurement, q)
		}
	}
	if !has[Demand] {
		r.Peaks, r.PeakTime = g.last.Peaks, g.last.PeakTime
	}
	for i := range r.Channels {
		// Not even a value without its device type, or a name without its value.
		if ch, last := &r.Channels[i], &g.last.Channels[i]; *ch == (Channel{}) || !ch.Value.OK() && (ch.ID.Empty() || ch.ID == last.ID) {
			*ch = *last
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

// speaksOtherThan reports whether m is a text of another version than the last.
func (m *Measurement) speaksOtherThan(last *Measurement) bool {
	return m.Meter.Sender.Empty() && m.Format == last.Format &&
		!m.Meter.Version.Empty() && !last.Meter.Version.Empty() && m.Meter.Version != last.Meter.Version
}

// identify gives a telegram the identification of the last one, where both have
// the same sender: binary meters send some lists without it, and others with
// another one. Two of the same kind that differ are two meters.
func (g *Merge) identify(m *Measurement) {
	last := &g.last
	sealed := !m.Seal.Title.Empty()
	switch {
	case m.Format != last.Format, m.Seal.Title != last.Seal.Title:
		return
	case sealed:
	case m.Meter.Sender != last.Meter.Sender:
		return
	case m.Meter.Sender.Empty() && m.Meter.Header != last.Meter.Header:
		return
	}
	name, known := g.names[m.Meter.IDKind]
	switch {
	case last.Meter.ID.Empty():
		last.Meter.ID, last.Meter.IDKind, last.Meter.Header = m.Meter.ID, m.Meter.IDKind, m.Meter.Header
	case sealed, m.Meter.ID.Empty(), !known, m.Meter.ID == name:
		m.Meter.ID, m.Meter.IDKind, m.Meter.Header = last.Meter.ID, last.Meter.IDKind, last.Meter.Header
	}
}

// total is when a counter was last sent, and how long after the time before.
type total struct {
	at  time.Time
	gap time.Duration
}

// sent notes that a counter was.
func (g *Merge) sent(q Quantity, now time.Time) {
	t := g.totals[q]
	if gap := now.Sub(t.at); !t.at.IsZero() && gap < outage {
		t.gap = gap
	}
	t.at = now
	g.totals[q] = t
}

// stands reports whether the meter still sends it: some lists come every quarter
// of an hour, and one more or less is no matter.
func (t total) stands(now time.Time) bool {
	return !t.at.IsZero() && now.Sub(t.at) <= max(2*t.gap+time.Minute, rarest)
}

const (
	// rarest is how long a total is waited for that has come once.
	rarest = 20 * time.Minute
	// outage is what is no gap any more: lists come every hour at least.
	outage = 70 * time.Minute
)

// keepsCounter reports whether the counter q of the last telegram still stands
// although m has counters: one list has the totals, another the tariffs, and a
// total that m made of tariffs does not replace one that is sent. It would jump
// to and fro wherever the two are not the same to the watt-hour.
func (g *Merge) keepsCounter(m *Measurement, q Quantity, now time.Time) bool {
	switch {
	case m.unreadable.has(q) || !g.last.values[q].ok:
		return false
	case !m.values[q].ok:
		return true
	}
	return m.derived.has(q) && !g.last.derived.has(q) && g.totals[q].stands(now)
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
