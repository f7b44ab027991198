package demand

import (
	"fmt"
	"testing"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/p1"
)

// Clocks of meters are wrong, put right, and told in some telegrams alone. In all of
// these the house draws 2 kW, and no quarter-hour may say anything else.
func TestClocks(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name string
		live func(h *house)
		peak bool    // a quarter-hour has been seen whole
		now  float64 // W; -1: missing; -2: never missing
	}{
		{"put back inside a quarter-hour: it has no average", func(h *house) {
			h.run(14 * minute)
			h.shift = -10 * minute
			h.run(6 * minute)
		}, false, -1},
		{"and the next one has", func(h *house) {
			h.run(14 * minute)
			h.shift = -10 * minute
			h.run(26*minute + time.Second)
		}, true, 0},
		{"put ahead inside a quarter-hour", func(h *house) {
			h.run(4 * minute)
			h.shift = 10 * minute
			h.run(11 * minute)
		}, false, 2000. * 10 / 15},
		{"put ahead over a boundary", func(h *house) {
			h.run(10 * minute)
			h.shift = 10 * minute
			h.run(4 * minute)
		}, false, -1},
		{"put back over a boundary: the quarter-hour that was as good as over counts", func(h *house) {
			h.run(14*minute + 50*time.Second)
			h.shift = -40 * minute
			h.run(time.Second)
		}, true, -1},
		{"put back by an hour, in the middle", func(h *house) {
			h.run(20 * minute)
			h.shift = -time.Hour
			h.run(30 * minute)
		}, true, 2000. * 5 / 15},
		{"two lists with clocks 50 s apart", func(h *house) {
			for range 12 * 32 {
				h.run(5 * time.Second)
				h.shift = 50*time.Second - h.shift
			}
		}, true, -2},
		{"every other telegram without a time, 10 min from the host's", func(h *house) {
			h.shift = 10 * minute
			for range 12 * 30 {
				h.clock = !h.clock
				h.run(5 * time.Second)
			}
		}, true, 2000. * 10 / 15},
		{"one damaged time", func(h *house) {
			h.run(15 * minute)
			h.shift = 400 * 24 * time.Hour
			h.run(time.Second)
			h.shift = 0
			h.run(20 * minute)
		}, true, 2000. * 5 / 15},
		{"a slow clock that is followed", func(h *house) {
			for range 30 * 60 {
				h.run(time.Second)
				h.shift -= 10 * time.Millisecond
			}
		}, true, -2},
		{"a meter without a clock", func(h *house) { h.clock = false; h.run(20 * minute) }, true, 2000. * 5 / 15},
		{"a clock that says 1992", func(h *house) { h.shift = -300000 * time.Hour; h.run(20 * minute) }, true, 2000. * 5 / 15},
		{"a start in the middle", func(h *house) { h.at = h.at.Add(5 * minute); h.run(9 * minute) }, false, -1},
	} {
		for _, grain := range []float64{1, 0} {
			t.Run(fmt.Sprintf("%s, a counter of %v Wh", c.name, grain), func(t *testing.T) {
				h := newHouse(t, noon)
				h.grain, h.watts, h.period = grain, 2000, time.Second
				c.live(h)
				if c.peak {
					h.is(telegram.ActiveDemandMonthPeak, 1980, 25) // never more than there was
				} else {
					h.missing(telegram.ActiveDemandMonthPeak)
				}
				switch {
				case c.now >= 0:
					h.is(telegram.ActiveDemand, c.now, 10)
				case c.now == -1:
					h.missing(telegram.ActiveDemand)
				case h.unknown > 0:
					t.Errorf("%d telegrams without a demand", h.unknown)
				}
			})
		}
	}
}

// Twice a year people change their clocks: a meter that says so, and one that does
// not, whose hour comes twice or is left out.
func TestSummerTime(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change time.Time
		shift  [2]time.Duration // of a clock that tells local time for winter time
	}{
		{"summer time ends on 25 October", time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), [2]time.Duration{time.Hour, 0}},
		{"summer time begins on 29 March", time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), [2]time.Duration{0, time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(time.Hour, 0)
			var g telegram.Merge
			wh := 1e6
			peaks := 0
			for at := c.change.Add(-time.Hour); !at.After(c.change.Add(time.Hour)); at = at.Add(10 * time.Second) {
				local := at.In(zurich)
				season := map[bool]string{true: "S", false: "W"}[local.IsDST()]
				text := fmt.Sprintf("/TST5box\r\n\r\n0-0:1.0.0(%s%s)\r\n1-0:1.7.0(02.000*kW)\r\n1-0:2.7.0(00.000*kW)\r\n1-0:1.8.0(%010.3f*kWh)\r\n!\r\n",
					local.Format("060102150405"), season, wh/1000)
				m, err := p1.Format.Decode([]byte(text), telegram.Options{UTCOffset: time.Hour, NoChecksum: true}, nil)
				if err != nil {
					t.Fatal(err)
				}
				r := g.Add(m, at)
				before := d.running.began
				d.Add(&r, at)
				if d.running.began != before && !before.IsZero() {
					peaks++
					if v := r.Get(telegram.ActiveDemandMonthPeak).Or(0); v < 1990 || v > 2010 {
						t.Errorf("at %s: a peak of %v", local.Format("15:04:05 MST"), v)
					}
				}
				wh += 2000 * (10 * time.Second).Hours()
			}
			if peaks != 8 {
				t.Errorf("%d quarter-hours in two hours", peaks)
			}
		})
		t.Run(c.name+", not said", func(t *testing.T) {
			h := newHouse(t, c.change.Add(-time.Hour))
			h.watts, h.shift = 2000, c.shift[0]
			h.run(time.Hour)
			h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
			h.shift = c.shift[1]
			h.run(time.Hour + time.Second)
			h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
			h.is(telegram.ActiveDemand, 0, 5)
			h.watts = 3000
			h.run(15 * time.Minute)
			h.is(telegram.ActiveDemandMonthPeak, 3000, 5)
		})
	}
}

// A box without a battery begins in 1970, or where it was last switched off, until
// the network tells the time.
func TestClockOfTheBox(t *testing.T) {
	for _, boot := range []time.Time{
		time.Date(1970, 1, 1, 0, 0, 5, 0, time.UTC),
		time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC),
		time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC),
	} {
		t.Run(boot.Format(time.DateOnly), func(t *testing.T) {
			h := newHouse(t, noon)
			h.clock, h.watts = false, 3000
			h.run(31 * time.Minute)
			next := h.again(t)
			next.at, next.watts = boot, 500
			next.run(20 * time.Minute)
			next.at = noon.Add(time.Hour)
			next.run(16 * time.Minute)
			next.is(telegram.ActiveDemandMonthPeak, 3000, 10)
			next = next.again(t)
			next.watts = 4000
			next.run(30 * time.Minute)
			next.is(telegram.ActiveDemandMonthPeak, 4000, 10)
			for _, p := range next.d.months {
				if p.Value.OK() && !telegram.Plausible(p.Time) {
					t.Errorf("a peak at %v", p.Time)
				}
			}
		})
	}
	t.Run("1970 for a minute does not lose the running quarter-hour", func(t *testing.T) {
		h := newHouse(t, noon)
		h.clock, h.watts = false, 3000
		h.run(5 * time.Minute)
		next := h.again(t)
		next.at = time.Unix(5, 0).UTC()
		next.run(time.Minute)
		next.missing(telegram.ActiveDemand)
		next.at, next.wh = noon.Add(7*time.Minute), h.wh+100
		next.run(8*time.Minute + time.Second)
		next.is(telegram.ActiveDemandMonthPeak, 3000, 10)
	})
}

// A clock that stands still at the beginning of a quarter-hour sets it anew every
// minute: what is known then is the last minute, and no average.
func TestClockThatStandsStill(t *testing.T) {
	for _, every := range []time.Duration{15 * time.Minute, 24 * time.Hour} {
		h := newHouse(t, noon)
		h.watts, h.d.limit = 8000, 3000
		for h.at.Sub(noon) < time.Hour {
			h.shift = h.at.Truncate(every).Sub(h.at)
			h.run(h.period)
			if h.at.Sub(noon) > 2*time.Minute {
				h.missing(telegram.ActiveDemand)
				h.missing(telegram.ActiveDemandHeadroom)
			}
		}
		h.missing(telegram.ActiveDemandMonthPeak)
	}
}
