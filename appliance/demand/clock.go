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
		said, tells = now.Round(0), true // the host's clock, which may be set as well
	}
	said = said.UTC()
	if d.now.IsZero() {
		// The first telegram of this life: only the clocks know how long the box was off.
		if !tells {
			said = now.Round(0).UTC()
		}
		step = said.Sub(d.at)
		return said, step, d.at.IsZero() || step < 0
	}
	step = now.Sub(d.now)
	at = d.at.Add(step)
	if !tells {
		return at, step, step < 0
	}
	off := said.Sub(at)
	if off.Abs() > wandering || step < 0 {
		return said, step, true
	}
	return at.Add(min(max(off, -step/slew), step/slew)), step, false
}
