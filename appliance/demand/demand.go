// Package demand follows the quarter-hours of a house: how much it has drawn in the
// running one, where that will end, and the highest of the month. Grid operators
// charge for that peak (Belgium since 2023). Belgian meters say it themselves; for
// every other meter it is computed here, from the power, which the energy counter
// corrects.
//
// Quarter-hours begin and end by the meter's clock, or the host's where the meter
// tells no time; how long anything lasted is measured by the host alone, whose
// seconds nobody sets. A quarter-hour of which some time is not accounted for (a
// start in the middle, a clock that was set, a silence that no counter bridges) has no
// average, and makes no peak.
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
	// strangers is how many telegrams of another meter in a row make it the meter: one
	// damaged identifier, or two meters taking turns, must not cost 13 months.
	strangers = 3
)

// Demand is the quarter-hours of one meter. It belongs to the meter task.
type Demand struct {
	offset time.Duration // winter offset of the meter's country: a month begins at its midnight
	limit  float64       // W; 0: the peak of the month so far

	state
	life
}

// life is what is not kept over a restart.
type life struct {
	now      time.Time      // of the host, at the last telegram
	fell     telegram.Value // Wh that the counter had before it went down
	grain    grain
	stranger telegram.Text // another meter that has spoken
	heard    int           // how many times in a row
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
	if !d.knows(r.Meter.ID) {
		return false
	}
	at, step, set := d.clock(r.Time, now)
	if !telegram.Plausible(at) {
		// A box without a battery begins in 1970. Which quarter-hour it is will be
		// known once its clock is set, and the kept one may still be running then.
		return false
	}
	counter, first := d.counted(r, now), d.at.IsZero()
	if set || step > bridge {
		finished = d.finish()
		d.begin(at, set && !first, counter)
	} else {
		finished = d.advance(at, step, d.power(now), counter)
	}
	d.at, d.now, d.host = at, now, now.Round(0).UTC()
	d.draws, d.powered = imported(r), time.Time{}
	if d.draws.OK() {
		d.powered = r.At[telegram.Instantaneous].UTC()
	}
	d.complete(r, d.power(now))
	return finished
}

// knows reports whether a telegram is of this meter. Many lists name none.
func (d *Demand) knows(id telegram.Text) bool {
	switch {
	case id.Empty():
		return true
	case d.meter.Empty():
		d.meter = id
		return true
	case id == d.meter:
		d.heard = 0
		return true
	case id != d.stranger:
		d.stranger, d.heard = id, 0
	}
	d.heard++
	if d.heard < strangers {
		return false
	}
	d.state, d.life = state{meter: id}, life{}
	return true
}

// imported is the power drawn from the grid. Some meters import on one phase while
// they export on another: what is charged is the import.
func imported(r *telegram.Reading) telegram.Value {
	if v := r.Get(telegram.ActivePowerImport); v.OK() && !r.Derived(telegram.ActivePowerImport) {
		return v
	}
	if net, ok := r.Get(telegram.ActivePower).Get(); ok {
		return telegram.Of(max(net, 0))
	}
	return r.Get(telegram.ActivePowerImport)
}

// power is the one drawn at last, while it counts on: a reading keeps its power
// through any number of lists that bring none.
func (d *Demand) power(now time.Time) telegram.Value {
	if d.powered.IsZero() || now.Sub(d.powered) > longest {
		return telegram.Value{}
	}
	return d.draws
}

// finish ends the running quarter-hour; it reports whether it is a new peak.
func (d *Demand) finish() bool {
	end := d.running.began.Add(quarter)
	if !d.running.whole(end) {
		return false
	}
	// It may have been a little longer than 15 minutes, where the clock was slow.
	average := d.running.energy / max(d.running.took, quarter).Hours()
	if average > most {
		return false
	}
	return d.keep(telegram.Peak{Month: d.month(d.running.began), Time: end, Value: telegram.Of(math.Round(average))})
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
func (d *Demand) complete(r *telegram.Reading, power telegram.Value) {
	d.peaks(r)
	if !r.Get(telegram.ActiveDemand).OK() && d.running.whole(d.at) && (power.OK() || d.counter.OK()) {
		r.Derive(telegram.ActiveDemand, telegram.Of(math.Round(d.running.energy*perHour)))
	}
	average, ok := r.Get(telegram.ActiveDemand).Get()
	watts, powered := power.Get()
	if !ok || !powered {
		return
	}
	so := average / perHour
	left := d.running.began.Add(quarter).Sub(d.at)
	r.Derive(telegram.ActiveDemandForecast, telegram.Of(math.Round((so+watts*left.Hours())*perHour)))
	limit, ok := d.limit, d.limit > 0
	if !ok {
		limit, ok = r.Get(telegram.ActiveDemandMonthPeak).Get()
	}
	if ok {
		left = max(left, shortest)
		r.Derive(telegram.ActiveDemandHeadroom, telegram.Of(math.Round((limit/perHour-so)/left.Hours()-watts)))
	}
}

// peaks gives the reading that of this month and those of the months before, unless
// the meter sends any.
func (d *Demand) peaks(r *telegram.Reading) {
	if r.Get(telegram.ActiveDemandMonthPeak).OK() {
		return
	}
	month := d.month(d.running.began)
	before := d.months[:]
	for len(before) > 0 && before[0].Month.After(month) {
		before = before[1:]
	}
	if len(before) > 0 && before[0].Month.Equal(month) {
		r.Derive(telegram.ActiveDemandMonthPeak, before[0].Value)
		r.PeakTime = before[0].Time
		before = before[1:]
	}
	if r.Peaks == [telegram.NumPeaks]telegram.Peak{} && !r.Get(telegram.ActiveDemand).OK() {
		copy(r.Peaks[:], before)
	}
}
