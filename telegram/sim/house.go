package sim

import (
	"math"
	"time"

	"smartconnect/telegram"
)

// State is what a house does at one moment, and what its meter has counted.
type State struct {
	Power     [3]float64 // W of L1 to L3, import positive
	Reactive  [3]float64 // var, import positive
	Voltage   [3]float64 // V
	Current   [3]float64 // A, without a sign
	Frequency float64    // Hz
	Rate      Rate       // in force

	Summed Counters // of the sum of the phases
	Apart  Counters // every phase by itself

	Demand float64                          // W: import of the running quarter-hour so far, over its 15 minutes
	Peak   telegram.Peak                    // of the running month
	Peaks  [telegram.NumPeaks]telegram.Peak // of the months before, newest first

	Gas       Sample // m3, read every five minutes
	GasHourly Sample // m3, read every hour
	Water     Sample // m3, read every five minutes
	Heat      Sample // GJ, read at the moment
}

// Counters are the registers of a meter, in Wh and varh by rate.
type Counters struct {
	Import, Export                 [numRates]float64
	ReactiveImport, ReactiveExport [numRates]float64
	Quadrant                       [4]float64 // varh
}

func (c *Counters) add(rate Rate, p, q, hours float64) {
	imp, exp := split(p)
	c.Import[rate] += imp * hours
	c.Export[rate] += exp * hours
	imp, exp = split(q)
	c.ReactiveImport[rate] += imp * hours
	c.ReactiveExport[rate] += exp * hours
	c.Quadrant[quadrant(p, q)] += math.Abs(q) * hours
}

// House is a house with lamps and a kettle, solar panels and a car. What it does
// at a moment depends on its seed and the time alone; what its meter has counted
// follows from the moments it was looked at, in order: power counts as constant
// between two looks, for at most five minutes.
type House struct {
	// Lively makes much happen within a minute, at any hour: clouds pass, the
	// kettle boils and the car charges in turn. For demonstrations.
	Lively bool

	seed    uint64
	phases  int
	last    time.Time // the counters stand at this time
	state   State
	quarter float64 // Wh imported in the running quarter-hour
	flows   struct{ gas, water float64 }
}

// Lengths that other things are counted in.
const (
	quarterHour = 15 * time.Minute
	readEvery   = 5 * time.Minute // the M-Bus devices
	longest     = 400 * 24 * time.Hour
)

// NewHouse returns a house with 1 or 3 phases that has been lived in until start.
func NewHouse(seed uint64, phases int, start time.Time) *House {
	h := &House{seed: seed, phases: phases, last: start.UTC()}
	s := &h.state
	for rate := range numRates {
		for _, c := range [...]*Counters{&s.Summed, &s.Apart} {
			c.Import[rate] = 1e6 + math.Floor(8e6*h.draw(history, int64(rate)))
			c.Export[rate] = 1e5 + math.Floor(4e6*h.draw(history, 10+int64(rate)))
			c.ReactiveImport[rate] = math.Floor(9e5 * h.draw(history, 20+int64(rate)))
			c.ReactiveExport[rate] = math.Floor(9e5 * h.draw(history, 30+int64(rate)))
		}
	}
	for i := range s.Summed.Quadrant {
		s.Summed.Quadrant[i] = math.Floor(4e5 * h.draw(history, 40+int64(i)))
	}
	s.Apart.Quadrant = s.Summed.Quadrant

	month := monthStart(start)
	s.Peak = h.peak(month, start.Truncate(quarterHour), 0)
	for i := range s.Peaks {
		before := monthStart(month.Add(-time.Hour))
		s.Peaks[i] = h.peak(before, month, int64(i)+1)
		s.Peaks[i].Month = month
		month = before
	}

	h.flows.gas = 500 + 4000*h.draw(history, 50)
	h.flows.water = 100 + 900*h.draw(history, 51)
	s.Heat.Value = 50 + 400*h.draw(history, 52)
	s.Gas = Sample{start.UTC().Truncate(readEvery), h.flows.gas}
	s.GasHourly = Sample{start.UTC().Truncate(time.Hour), h.flows.gas}
	s.Water = Sample{start.UTC().Truncate(readEvery), h.flows.water}
	return h
}

// peak draws the peak of a month from its quarter-hours between from and to;
// there is none while the month has no whole quarter.
func (h *House) peak(from, to time.Time, n int64) telegram.Peak {
	quarters := int64(to.Sub(from) / quarterHour)
	if quarters <= 0 {
		return telegram.Peak{Time: from, Value: telegram.Of(0)}
	}
	at := 1 + int64(h.draw(history, 60+n)*float64(quarters))
	return telegram.Peak{
		Time:  from.Add(time.Duration(min(at, quarters)) * quarterHour),
		Value: telegram.Of(2500 + math.Floor(6500*h.draw(history, 80+n))),
	}
}

// Look lets the house live until t and returns its state then. Time that goes
// back counts nothing.
func (h *House) Look(t time.Time) State {
	t = t.UTC()
	if t.Sub(h.last) > longest {
		h.last = t.Add(-longest)
	}
	for h.last.Before(t) {
		next := h.last.Truncate(readEvery).Add(readEvery)
		if next.After(t) {
			next = t
		}
		h.count(h.last, next)
		h.last = next
	}
	s := &h.state
	h.live(s, t)
	s.Rate = calendar{}.rate(t)
	s.Demand = h.quarter / quarterHour.Hours()
	s.Heat.Time = t.Truncate(time.Second)
	return *s
}

// count adds what flows from one moment to the next, which lie within the same
// five minutes.
func (h *House) count(from, to time.Time) {
	s := &h.state
	h.live(s, from)
	hours := to.Sub(from).Hours()
	rate := calendar{}.rate(from)
	p, q := total(s.Power), total(s.Reactive)
	s.Summed.add(rate, p, q, hours)
	for i := range s.Power {
		s.Apart.add(rate, s.Power[i], s.Reactive[i], hours)
	}
	h.quarter += max(p, 0) * hours
	h.flows.gas += h.gasFlow(from) * hours
	h.flows.water += h.waterFlow(from) * hours
	s.Heat.Value += h.heatFlow(from) * hours

	if to.Equal(to.Truncate(readEvery)) {
		s.Gas, s.Water = Sample{to, h.flows.gas}, Sample{to, h.flows.water}
	}
	if to.Equal(to.Truncate(time.Hour)) {
		s.GasHourly = Sample{to, h.flows.gas}
	}
	if to.Equal(to.Truncate(quarterHour)) {
		h.endQuarter(to)
	}
}

// endQuarter closes a quarter-hour and, at local midnight of the first, a month.
func (h *House) endQuarter(end time.Time) {
	s := &h.state
	if mean := math.Round(h.quarter / quarterHour.Hours()); mean > s.Peak.Value.Or(0) {
		s.Peak = telegram.Peak{Time: end, Value: telegram.Of(mean)}
	}
	h.quarter = 0
	if end.Equal(monthStart(end)) {
		s.Peak.Month = end
		copy(s.Peaks[1:], s.Peaks[:])
		s.Peaks[0] = s.Peak
		s.Peak = telegram.Peak{Time: end, Value: telegram.Of(0)}
	}
}
