package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// house is a meter, and the clock of the box beside the true time.
type house struct {
	running
	uptime time.Duration
	wall   time.Time
	period time.Duration
	disk   map[int64]Quarter
	ended  []Quarter
}

func newHouse() *house {
	h := &house{wall: noon, period: 10 * time.Second, disk: map[int64]Quarter{}}
	h.kept = func(t time.Time) (Quarter, bool) { q, ok := h.disk[number(t)]; return q, ok }
	return h
}

// pass lets time go by.
func (h *house) pass(d time.Duration) { h.uptime, h.wall = h.uptime+d, h.wall.Add(d) }

func (h *house) look() {
	for q := range h.follow(h.uptime, h.wall) {
		h.ended = append(h.ended, q)
		h.disk[number(q.Start)] = q
	}
}

// say sends a telegram, of a meter that counts wh too where that is not negative.
func (h *house) say(watts, wh float64) {
	s := &snapshot.Snapshot{Received: h.wall, Period: h.period}
	s.At[telegram.Instantaneous] = s.Received
	s.Set(telegram.ActivePower, telegram.Of(watts))
	if wh >= 0 {
		s.At[telegram.Cumulative] = s.Received
		s.Set(telegram.ActiveEnergyImport, telegram.Of(wh))
	}
	h.look()
	h.add(s)
}

// draw is a load for a while, said in each period.
func (h *house) draw(watts float64, d time.Duration) {
	for range d / h.period {
		h.say(watts, -1)
		h.pass(h.period)
	}
}

// written is a quarter-hour in short.
func (q Quarter) written() string {
	of := func(v telegram.Value) string {
		if f, ok := v.Get(); ok {
			return fmt.Sprintf("%.0f", f)
		}
		return "-"
	}
	return fmt.Sprintf("%s +%s -%s %s..%s %s/%s %ds", q.Start.Format("15:04"), of(q.Import), of(q.Export), of(q.Min), of(q.Max), of(q.ImportWh), of(q.ExportWh), q.Known/time.Second)
}

func TestQuarters(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name string
		live func(h *house)
		want string
	}{
		{"nothing is heard", func(h *house) {
			for range 60 {
				h.look()
				h.pass(minute)
			}
		}, ""},
		{"a whole one", func(h *house) { h.draw(2000, 15*minute); h.look() }, "12:00 +2000 -0 2000..2000 -/- 900s"},
		{"not before it is over", func(h *house) { h.draw(2000, 14*minute+50*time.Second); h.look() }, ""},
		{"imported and exported", func(h *house) { h.draw(3000, 5*minute); h.draw(-600, 10*minute); h.look() }, "12:00 +1000 -400 -600..3000 -/- 900s"},
		{"a start in the middle", func(h *house) { h.pass(5 * minute); h.draw(500, 10*minute); h.look() }, "12:00 +500 -0 500..500 -/- 600s"},
		{"two, a power across their boundary", func(h *house) {
			h.period = 20 * time.Second
			h.pass(10 * time.Second)
			h.draw(100, 15*minute-20*time.Second)
			h.draw(900, 15*minute)
			h.pass(minute)
			h.look()
		}, "12:00 +109 -0 100..900 -/- 890s, 12:15 +900 -0 900..900 -/- 900s"},
		{"silent for the rest: what is no longer fresh is not known", func(h *house) { h.draw(700, 5*minute); h.pass(30 * minute); h.look() }, "12:00 +700 -0 700..700 -/- 320s"},
		{"silent for hours", func(h *house) { h.draw(700, 15*minute); h.pass(5 * time.Hour); h.draw(800, 15*minute); h.look() },
			"12:00 +700 -0 700..700 -/- 900s, 12:15 +700 -0 700..700 -/- 20s, 17:15 +800 -0 800..800 -/- 900s"},
		{"a power that is no longer said", func(h *house) {
			h.draw(700, 10*minute)
			s := &snapshot.Snapshot{Received: h.wall}
			s.At[telegram.Instantaneous] = h.wall
			s.Set(telegram.CurrentL1, telegram.Of(1))
			h.look()
			h.add(s)
			h.pass(5 * minute)
			h.look()
		}, "12:00 +700 -0 700..700 -/- 600s"},
		{"counters, as they were heard last", func(h *house) {
			h.say(100, 1000)
			h.pass(14 * minute)
			h.say(100, 1024)
			h.pass(minute)
			h.say(100, 1025)
			h.pass(15 * minute)
			h.look()
		}, "12:00 +100 -0 100..100 1024/- 60s, 12:15 +100 -0 100..100 1025/- 30s"},

		{"a clock in 1970 all the time", func(h *house) { h.wall = time.Unix(5, 0); h.draw(100, time.Hour) }, ""},
		{"a clock that is set: from then on", func(h *house) {
			h.wall = time.Unix(5, 0)
			h.draw(100, 20*minute)
			h.wall = noon.Add(5 * minute)
			h.draw(200, 10*minute)
			h.look()
		}, "12:00 +200 -0 200..200 -/- 600s"},
		{"put ahead: what ran is dropped", func(h *house) {
			h.draw(100, 10*minute)
			h.wall = noon.Add(3 * time.Hour)
			h.draw(200, 15*minute)
			h.look()
		}, "15:00 +200 -0 200..200 -/- 900s"},
		{"put back into one that was kept: it goes on", func(h *house) {
			h.pass(5 * minute)
			h.draw(100, 10*minute)
			h.look()
			h.wall = noon
			h.draw(400, 5*minute)
			h.pass(10 * minute)
			h.look()
		}, "12:00 +100 -0 100..100 -/- 600s, 12:00 +204 -0 100..400 -/- 900s"},
		{"put right by seconds", func(h *house) {
			h.draw(100, 10*minute)
			h.wall = h.wall.Add(-30 * time.Second)
			h.draw(100, 5*minute+30*time.Second)
			h.look()
		}, "12:00 +100 -0 100..100 -/- 900s"},

		{"another life goes on", func(h *house) {
			h.disk[number(noon)] = Quarter{Start: noon, Import: telegram.Of(300), Max: telegram.Of(900), Min: telegram.Of(-5), Export: telegram.Of(1), ImportWh: telegram.Of(7), Known: 300 * time.Second}
			h.pass(5 * minute)
			h.draw(600, 10*minute)
			h.look()
		}, "12:00 +500 -0 -5..900 7/- 900s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse()
			c.live(h)
			var got []string
			for _, q := range h.ended {
				got = append(got, q.written())
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
