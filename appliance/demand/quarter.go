package demand

import (
	"math"
	"time"

	"smartconnect/telegram"
)

const (
	// slack is the part of its time that may be missing in a quarter-hour, or too much:
	// half a minute of the whole.
	slack = 30
	// bridge is the longest silence over which the counter is believed: after a longer
	// one it may be another meter's.
	bridge = time.Hour
	// highest is the power, in W, that no connection exceeds, unless it is seen to
	// draw a good part of it. A counter that moves faster is damaged, or another one.
	highest = 250e3
	// coarse is the step of a counter, in Wh, that tells nothing of a quarter-hour.
	coarse = 100
	// little is what a counter may move by, in Wh, after any time, without that the
	// time matters.
	little = 10
)

// quarterHour is one of them, as far as it has come.
type quarterHour struct {
	began  time.Time     // zero: none
	set    bool          // the clock was, in it
	took   time.Duration // that is accounted for, by the host
	unseen time.Duration // that the counter may still account for
	energy float64       // Wh, in the time it took
	weight float64       // of its steps since the counter was last read
}

// whole reports whether all of its time is accounted for until at.
func (q *quarterHour) whole(at time.Time) bool {
	long := at.Sub(q.began)
	return !q.began.IsZero() && !q.set && (long-q.took).Abs() <= long/slack
}

// interval is the time since the counter moved.
type interval struct {
	time     time.Duration
	energy   float64 // Wh, by the power
	weight   float64 // of its steps since the counter was last read
	repeated bool    // the counter was sent again and again as it stood
}

// weight is the part of a step in what the counter corrects. A power is held over the
// whole step, so the error of its energy grows with the length, and its square with
// the square: 115 s of silence are more likely to owe something than as many steps of
// one second.
func weight(step time.Duration) float64 {
	return math.Pow(max(step.Seconds(), 1e-3), 2)
}

// begin starts a quarter-hour of which nothing is known before at. One in which the
// clock was set has no average, even if it was set to its beginning: a clock that
// stands still is set there again and again.
func (d *Demand) begin(at time.Time, set bool, counter telegram.Value) {
	d.running = quarterHour{began: at.Truncate(quarter), set: set}
	d.counter, d.since = counter, interval{}
}

// advance moves the clock by a step to at, with the power of the telegram before, and
// ends quarter-hours on the way. What this telegram's counter tells is spread over
// all of them.
func (d *Demand) advance(at time.Time, step time.Duration, power, counter telegram.Value) (finished bool) {
	watts, powered := power.Get()
	energy, weight := watts*step.Hours(), weight(step)
	d.since.time += step
	d.since.energy += energy
	d.since.weight += weight
	owed, told := d.owed(counter)
	for from := d.at; ; {
		q, until := &d.running, at
		end := q.began.Add(quarter)
		ends := !end.After(at)
		if ends {
			until = end
		}
		share := 1.0
		if all := at.Sub(d.at); all > 0 {
			share = float64(until.Sub(from)) / float64(all)
		}
		q.energy += share * energy
		q.weight += share * weight
		if span := time.Duration(share * float64(step)); powered {
			q.took += span
		} else {
			q.unseen += span
		}
		if told {
			q.energy = max(q.energy+owed*q.weight, 0)
			q.took, q.unseen, q.weight = q.took+q.unseen, 0, 0
		}
		if !ends {
			break
		}
		finished = d.finish() || finished
		from, d.running = end, quarterHour{began: end}
	}
	d.read(counter, told)
	return finished
}

// owed is what the counter has counted beyond the power since it last moved, in Wh
// for each weight. told is false where it says nothing of that time: it is another
// counter, or has yet to move by what was drawn.
func (d *Demand) owed(counter telegram.Value) (owed float64, told bool) {
	wh, ok := counter.Get()
	before, counted := d.counter.Get()
	moved := wh - before
	limit := max(highest, 4*d.draws.Or(0))*d.since.time.Hours() + coarse
	switch {
	case !ok || !counted:
		return 0, false
	case d.since.repeated && !d.draws.OK() && d.since.time > quarter && moved > little:
		return 0, false // nothing says in which of the quarter-hours
	case moved <= 0 || moved > limit || wh >= d.fell.Or(math.Inf(1)):
		return 0, false
	}
	return (moved - d.since.energy) / d.since.weight, true
}

// read takes a reading of the counter. One that fell, or rose as no house draws, is
// where the next ones count from: what was drawn until then is what the power says.
func (d *Demand) read(counter telegram.Value, told bool) {
	wh, ok := counter.Get()
	before, counted := d.counter.Get()
	switch {
	case !ok:
	case told:
		d.counter, d.since = counter, interval{}
	case counted && wh == before:
		d.since.repeated = true // it moves seldom, and is yet to tell
	default:
		d.fell = telegram.Value{}
		if counted && wh < before {
			// A damaged part of a total: once it is back, nothing was drawn for that.
			d.fell = d.counter
		}
		d.counter, d.since = counter, interval{}
		d.running.unseen, d.running.weight = 0, 0
	}
}

// counted is the counter of a reading that has come now, where it is a fine one.
func (d *Demand) counted(r *telegram.Reading, now time.Time) telegram.Value {
	wh, ok := r.Get(telegram.ActiveEnergyImport).Get()
	if !ok || !r.At[telegram.Cumulative].Equal(now) {
		return telegram.Value{}
	}
	d.grain.note(wh)
	if d.grain.coarse() {
		d.counter = telegram.Value{}
		return telegram.Value{}
	}
	return telegram.Of(wh)
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
	g.fine = g.fine || math.Mod(wh, coarse) != 0
}

// coarse reports whether nothing but whole hundreds of Wh has been seen, twice.
func (g *grain) coarse() bool { return g.moves >= 2 && !g.fine }
