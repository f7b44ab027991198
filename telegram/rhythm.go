package telegram

import (
	"slices"
	"time"
)

// Rhythm learns how often a meter sends fresh instantaneous values, so that
// everybody knows when they are late. Until ten telegrams have come it takes the
// format's nominal period; then the lower quartile of the last 64 gaps, never
// more than 60 s: lost telegrams and outages lengthen some gaps and leave the
// quartile where it was. What follows within a burst is no gap: an
// adapter that hands over ten telegrams at a time keeps everybody waiting for ten
// seconds in between, and a quartile of nothing would make it late each time.
// The zero Rhythm is ready.
type Rhythm struct {
	gaps  [64]time.Duration
	n     int // gaps seen
	last  time.Time
	total int // telegrams seen
}

const (
	rhythmLearned = 10
	maxPeriod     = 60 * time.Second
	burst         = 500 * time.Millisecond // no meter sends its list more often
)

// Beat notes a refreshing telegram received at now.
func (r *Rhythm) Beat(now time.Time) {
	gap := now.Sub(r.last)
	r.last = now
	if r.total > 0 {
		if gap < burst {
			return
		}
		r.gaps[r.n%len(r.gaps)] = gap
		r.n++
	}
	r.total++
}

func (r *Rhythm) learned() bool { return r.total >= rhythmLearned }

// Period returns the time expected between two refreshing telegrams. nominal
// is the format's own, 0 if it has none.
func (r *Rhythm) Period(nominal time.Duration) time.Duration {
	if !r.learned() {
		if nominal == 0 {
			nominal = 10 * time.Second
		}
		return min(nominal, maxPeriod)
	}
	gaps := r.gaps // a copy, to be sorted
	seen := gaps[:min(r.n, len(gaps))]
	slices.Sort(seen)
	return min(seen[len(seen)/4], maxPeriod)
}
