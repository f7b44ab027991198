package demand

import (
	"time"

	"smartconnect/telegram"
)

const (
	// wandering is how far the meter's clock may be from where it is expected: one
	// list tells its time a little late, another in whole minutes. Further, and it
	// was set.
	wandering = time.Minute
	// slew is the part of a step by which a wandering clock is followed. It makes a
	// quarter-hour at most 9 s longer or shorter.
	slew = 100
)

// clock returns the time of a telegram by the clock of the quarter-hours, how long
// the last telegram is ago, and whether that clock was set meanwhile.
func (d *Demand) clock(said, now time.Time) (at time.Time, step time.Duration, set bool) {
	tells := telegram.Plausible(said)
	d.own = d.own || tells
	if !d.own {
		// The clock of the box, which may be set as well; until the meter tells its
		// time, at least.
		said, tells = now.Round(0), true
	}
	said = said.UTC()
	if d.now.IsZero() {
		if !tells && !d.at.IsZero() { // the meter's clock is expected where it would be by the host's
			said = d.at.Add(now.Round(0).Sub(d.host))
		}
		return d.resume(said)
	}
	step = now.Sub(d.now)
	at = d.at.Add(step)
	if !tells {
		return at, step, false
	}
	off := said.Sub(at)
	if off.Abs() > wandering {
		return said, step, true
	}
	return at.Add(min(max(off, -step/slew), step/slew)), step, false
}

// resume is clock for the first telegram of a life: only what is said knows how long
// the box was off. A second can be less than nothing, where the time of the last
// telegram was the meter's and this one's is the host's.
func (d *Demand) resume(said time.Time) (at time.Time, step time.Duration, set bool) {
	step = said.Sub(d.at)
	switch {
	case d.at.IsZero() || step < -wandering:
		return said, 0, true
	case step < 0:
		return d.at, 0, false
	}
	return said, step, false
}
