package appliance

import (
	"slices"
	"time"
)

// pauses remembers how long it lately was quiet between one thing and the next.
// The zero value is ready.
type pauses struct {
	last time.Time
	gaps [24]time.Duration
	n    int // gaps seen
}

// moment is what is no pause: something within a telegram, or two of a burst.
const moment = 500 * time.Millisecond

func (p *pauses) note(now time.Time) {
	gap, first := now.Sub(p.last), p.last.IsZero()
	p.last = now
	if first || gap < moment {
		return
	}
	p.gaps[p.n%len(p.gaps)] = gap
	p.n++
}

// usual returns the longest pause that is nothing special: two lists that come
// three seconds apart, every quarter of an hour, pause for a quarter of an hour.
// The longest of all may have been an outage, once enough of them are known to
// tell.
func (p *pauses) usual() time.Duration {
	gaps := slices.Sorted(slices.Values(p.gaps[:min(p.n, len(p.gaps))]))
	switch n := len(gaps); {
	case n == 0:
		return 0
	case n < 4:
		return gaps[n-1]
	default:
		return gaps[n-2]
	}
}
