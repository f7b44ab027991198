package appliance

import (
	"slices"
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name string
		gaps []time.Duration
		want time.Duration
	}{
		{"nothing yet", nil, 0},
		{"one", []time.Duration{time.Minute}, time.Minute},
		{"moments are none", []time.Duration{time.Millisecond, 499 * time.Millisecond}, 0},
		{"few: the longest", []time.Duration{time.Second, time.Minute, time.Second}, time.Minute},
		{"an outage", []time.Duration{5, 5, 5, 5 * time.Hour, 5 * time.Second, 5 * time.Second, 5 * time.Second}, 5 * time.Second},
		{"pairs", []time.Duration{3 * time.Second, time.Minute, 3 * time.Second, time.Minute}, time.Minute},
		{"nine lists, every quarter of an hour", append(slices.Repeat([]time.Duration{3 * time.Second}, 8), append([]time.Duration{14 * time.Minute}, append(slices.Repeat([]time.Duration{3 * time.Second}, 8), 14*time.Minute, 3*time.Second)...)...), 14 * time.Minute},
		{"forgotten", append([]time.Duration{time.Hour, time.Hour}, slices.Repeat([]time.Duration{time.Second}, 24)...), time.Second},
	} {
		var p pauses
		now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		p.note(now)
		for _, gap := range c.gaps {
			now = now.Add(gap)
			p.note(now)
		}
		if got := p.usual(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
