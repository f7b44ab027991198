// Package demand follows the quarter-hours of a house: how much it has drawn in the
// running one, where that will end, and the highest of the month. Grid operators
// charge for that peak (Belgium since 2023). Belgian meters say it themselves; for
// every other meter it is computed here, from the energy counter, and between two of
// its readings, or without one, from the power.
//
// Quarter-hours are those of the meter's clock. What is known of one is never more
// than it was: after a start in the middle, or a clock that jumps, the average of
// that quarter is too low, and so cannot make a peak that was none.
package demand

import (
	"math"
	"time"

	"smartconnect/telegram"
)

const (
	quarter = 15 * time.Minute
	perHour = float64(time.Hour / quarter)

	// longest is how long a power counts on where no newer one comes.
	longest = 2 * time.Minute
	// shortest bounds what is left of a quarter-hour: in its last seconds any power
	// would keep the cap.
	shortest = time.Minute
)

// Demand is the quarter-hours of one meter. It belongs to the meter task.
type Demand struct {
	offset time.Duration // winter offset of the meter's country: a month begins at its midnight
	limit  float64       // W; 0: the peak of the month so far

	state
	last  time.Time      // of the meter's clock
	draws telegram.Value // W at last, import alone
	grain grain
}

// state is what is kept of the quarter-hours.
type state struct {
	meter   telegram.Text
	began   time.Time      // of the running quarter-hour; zero: not known
	counter telegram.Value // Wh, when it last moved
	start   telegram.Value // Wh that the counter had at began
	since   float64        // Wh by power, since counter moved, or since began without one
	months  [telegram.NumPeaks + 1]telegram.Peak
}

// New returns the quarter-hours of a meter in a country with this winter offset.
// limit is the average that must not be exceeded, in W; 0 for the peak of the month
// so far.
func New(offset time.Duration, limit float64) *Demand {
	return &Demand{offset: offset, limit: limit}
}

// Add follows a reading that came at now and completes it with what the meter does
// not say itself, marked as derived. finished reports that a quarter-hour has made a
// new peak, which is worth keeping.
func (d *Demand) Add(r *telegram.Reading, now time.Time) (finished bool) {
	at := now
	if telegram.Plausible(r.Time) {
		at = r.Time
	}
	if r.Meter.ID != d.meter {
		d.state, d.grain = state{meter: r.Meter.ID}, grain{}
	}
	finished = d.advance(at)
	d.count(r, at, r.At[telegram.Cumulative].Equal(now))
	d.draws = imported(r)
	d.complete(r, at)
	return finished
}

// imported is the power drawn from the grid.
func imported(r *telegram.Reading) telegram.Value {
	if net, ok := r.Get(telegram.ActivePower).Get(); ok {
		return telegram.Of(max(net, 0))
	}
	return r.Get(telegram.ActivePowerImport)
}

// advance moves the clock to at, and ends quarter-hours on the way.
func (d *Demand) advance(at time.Time) (finished bool) {
	next := at.Truncate(quarter)
	step := at.Sub(d.last)
	switch {
	case d.began.IsZero() || step < 0 || step > longest:
		// The first reading, a clock that was put back, or a gap. The counter still
		// knows what was drawn if the quarter-hour is the same.
		if next.Equal(d.began) {
			break
		}
		if !d.began.IsZero() && step > 0 {
			finished = d.finish()
		}
		d.begin(next)
	case next.After(d.began):
		boundary := d.began.Add(quarter)
		d.since += d.drawn(boundary.Sub(d.last))
		finished = d.finish()
		carried := d.energy()
		start, counter, since := d.start, d.counter, d.since
		d.begin(next)
		if _, counted := counter.Get(); counted && start.OK() {
			d.counter, d.start, d.since = counter, telegram.Of(start.Or(0)+carried), since
		}
		d.since += d.drawn(at.Sub(boundary))
	default:
		d.since += d.drawn(step)
	}
	d.last = at
	return finished
}

// drawn is the energy of a time at the last power, in Wh.
func (d *Demand) drawn(span time.Duration) float64 {
	return d.draws.Or(0) * span.Hours()
}

// begin starts a quarter-hour of which nothing is known.
func (d *Demand) begin(at time.Time) {
	d.began, d.counter, d.start, d.since = at, telegram.Value{}, telegram.Value{}, 0
}

// count takes a reading of the counter, where it is a fine one that has moved.
func (d *Demand) count(r *telegram.Reading, at time.Time, fresh bool) {
	wh, ok := r.Get(telegram.ActiveEnergyImport).Get()
	if !ok || !fresh {
		return
	}
	d.grain.note(wh)
	before, counted := d.counter.Get()
	switch {
	case d.grain.coarse():
		if counted { // what was taken from it stays, as by power
			d.since, d.counter, d.start = d.energy(), telegram.Value{}, telegram.Value{}
		}
	case !counted:
		// What was drawn since the beginning is what the power says.
		d.counter, d.start, d.since = telegram.Of(wh), telegram.Of(wh-d.since), 0
	case wh < before: // another counter
		d.counter, d.start, d.since = telegram.Of(wh), telegram.Of(wh-d.energy()), 0
	case wh > before:
		d.counter, d.since = telegram.Of(wh), 0
	}
}

// energy is what was drawn in the running quarter-hour, in Wh.
func (d *Demand) energy() float64 {
	if counter, ok := d.counter.Get(); ok {
		return max(counter-d.start.Or(counter)+d.since, 0)
	}
	return d.since
}

// finish ends the running quarter-hour; it reports whether it is a new peak.
func (d *Demand) finish() bool {
	average := math.Round(d.energy() * perHour)
	month := d.month(d.began)
	if d.months[0].Month != month {
		copy(d.months[1:], d.months[:])
		d.months[0] = telegram.Peak{Month: month}
	}
	if best, ok := d.months[0].Value.Get(); ok && best >= average {
		return false
	}
	d.months[0].Value, d.months[0].Time = telegram.Of(average), d.began.Add(quarter)
	return true
}

// month is when the month of t ends, in UTC: the midnight of the meter's country.
func (d *Demand) month(t time.Time) time.Time {
	local := t.Add(d.offset)
	if telegram.EuropeanSummer(t) {
		local = local.Add(time.Hour)
	}
	end := time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, time.UTC).Add(-d.offset)
	if telegram.EuropeanSummer(end.Add(-time.Hour)) {
		end = end.Add(-time.Hour)
	}
	return end
}

// complete fills what the meter does not say.
func (d *Demand) complete(r *telegram.Reading, at time.Time) {
	sent := r.Get(telegram.ActiveDemand)
	so := d.energy()
	if w, ok := sent.Get(); ok {
		so = w / perHour
	} else if d.draws.OK() || d.counter.OK() {
		r.Derive(telegram.ActiveDemand, telegram.Of(math.Round(so*perHour)))
	} else {
		return
	}
	peak := r.Get(telegram.ActiveDemandMonthPeak)
	if !sent.OK() && d.months[0].Month == d.month(d.began) {
		peak = d.months[0].Value
		r.Derive(telegram.ActiveDemandMonthPeak, peak)
		r.PeakTime = d.months[0].Time
	}
	if !sent.OK() {
		d.peaks(r)
	}
	power, ok := d.draws.Get()
	if !ok {
		return
	}
	left := d.began.Add(quarter).Sub(at)
	r.Derive(telegram.ActiveDemandForecast, telegram.Of(math.Round((so+power*left.Hours())*perHour)))
	limit, ok := d.limit, d.limit > 0
	if !ok {
		limit, ok = peak.Get()
	}
	if ok {
		left = max(left, shortest)
		r.Derive(telegram.ActiveDemandHeadroom, telegram.Of(math.Round((limit/perHour-so)/left.Hours()-power)))
	}
}

// peaks gives the reading those of the months before.
func (d *Demand) peaks(r *telegram.Reading) {
	months := d.months[:]
	if months[0].Month == d.month(d.began) {
		months = months[1:]
	}
	copy(r.Peaks[:], months)
}

// grain finds counters that move in steps too large for a quarter-hour: whole kWh,
// hundreds of Wh.
type grain struct {
	moves int
	last  float64
	fine  bool
}

// note is told a reading.
func (g *grain) note(wh float64) {
	if wh == g.last {
		return
	}
	g.moves++
	g.last = wh
	g.fine = g.fine || math.Mod(wh, 100) != 0
}

// coarse reports whether nothing but whole hundreds of Wh has been seen, twice.
func (g *grain) coarse() bool { return g.moves >= 2 && !g.fine }
