package history

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// told is a reading of a meter that imports watts, with everything new.
func told(watts float64) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Received: time.Now(), Period: time.Second}
	s.At[telegram.Instantaneous] = s.Received
	s.Set(telegram.ActivePower, telegram.Of(watts))
	s.Set(telegram.VoltageL1, telegram.Of(230.1))
	return s
}

// older is what is known after a telegram that says nothing of the moment.
func older(watts float64, age time.Duration) *snapshot.Snapshot {
	s := told(watts)
	s.At[telegram.Instantaneous] = s.Received.Add(-age)
	return s
}

// shown writes the values as runs: "393 -×9".
func shown(values []float32) string {
	var runs []string
	for i := 0; i < len(values); {
		n := 1
		same := func(a, b float32) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) }
		for i+n < len(values) && same(values[i], values[i+n]) {
			n++
		}
		text := "-"
		if !math.IsNaN(float64(values[i])) {
			text = fmt.Sprint(values[i])
		}
		if n > 1 {
			text += fmt.Sprintf("×%d", n)
		}
		runs = append(runs, text)
		i += n
	}
	return strings.Join(runs, " ")
}

// last returns the last seconds of the net power, that of now included.
func (h *Hour) lastPower(seconds int) string {
	now := time.Now()
	w := h.Between(now.Add(time.Duration(1-seconds)*time.Second), now.Add(time.Second), now, telegram.ActivePower)
	return shown(w.Columns[0].Values)
}

func TestHour(t *testing.T) {
	each := func(h *Hour, every time.Duration, n int) {
		for i := range n {
			h.Add(told(float64(i + 1)))
			if i < n-1 {
				time.Sleep(every)
			}
		}
	}
	for _, c := range []struct {
		name    string
		live    func(h *Hour)
		seconds int
		want    string
	}{
		{"nothing has come", func(*Hour) {}, 3, "-×3"},
		{"one telegram", func(h *Hour) { each(h, 0, 1) }, 3, "-×2 1"},
		{"one a second", func(h *Hour) { each(h, time.Second, 4) }, 5, "- 1 2 3 4"},
		{"one in ten seconds", func(h *Hour) { each(h, 10*time.Second, 3) }, 22, "- 1 -×9 2 -×9 3"},
		{"two in a second: the later", func(h *Hour) { each(h, 500*time.Millisecond, 6) }, 4, "- 2 4 6"},
		{"and silence", func(h *Hour) { each(h, time.Second, 3); time.Sleep(5 * time.Second) }, 9, "- 1 2 3 -×5"},
		{"an energy list repeats nothing", func(h *Hour) { h.Add(told(1)); time.Sleep(time.Second); h.Add(older(1, time.Second)) }, 2, "1 -"},
		{"an energy list alone", func(h *Hour) { s := told(1); s.At = [telegram.NumKinds]time.Time{}; h.Add(s) }, 2, "-×2"},
		{"currents without a power", func(h *Hour) { s := told(1); s.Set(telegram.ActivePower, telegram.Value{}); h.Add(s) }, 2, "-×2"},
		{"a power of nothing", func(h *Hour) { h.Add(told(0)) }, 2, "- 0"},
		{"silence of an hour", func(h *Hour) { each(h, time.Second, 3); time.Sleep(time.Hour); h.Add(told(9)) }, Seconds, "-×3599 9"},
		{"silence of an hour but a second", func(h *Hour) { h.Add(told(5)); time.Sleep(3599 * time.Second); h.Add(told(9)) }, Seconds, "5 -×3598 9"},
		{"silence of a day", func(h *Hour) { each(h, time.Second, 3); time.Sleep(24 * time.Hour); h.Add(told(9)) }, Seconds, "-×3599 9"},
		{"two hours", func(h *Hour) {
			for i := range 7200 {
				h.Add(told(float64(i / 1800)))
				time.Sleep(time.Second)
			}
		}, Seconds, "2×1799 3×1800 -"},
		{"more than there is", func(h *Hour) { h.Add(told(1)) }, 100000, "-×3599 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := NewHour(time.Now())
				c.live(h)
				if got := h.lastPower(c.seconds); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestHourBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		h := NewHour(time.Now())
		began := time.Now().Unix()
		for i := range 10 {
			h.Add(told(float64(i)))
			time.Sleep(time.Second)
		}
		for _, c := range []struct {
			name     string
			from, to int64 // seconds from the first value on
			start    int64
			want     string
		}{
			{"the wrong way round", 5, 3, 5, ""},
			{"nothing", 5, 5, 5, ""},
			{"one", 5, 6, 5, "5"},
			{"before the box began", -3, 3, -3, "-×3 0 1 2"},
			{"to come", 100, 200, 100, ""},
			{"beyond now", 8, 99, 8, "8 9 -"},
			{"since 1970", -began, 2, 11 - Seconds, "-×3589 0 1"},
			{"out of all reach", math.MinInt32, math.MaxInt32, 11 - Seconds, "-×3589 0 1 2 3 4 5 6 7 8 9 -"},
		} {
			w := h.Between(time.Unix(began+c.from, 0), time.Unix(began+c.to, 0), time.Now(), telegram.ActivePower)
			if got := shown(w.Columns[0].Values); got != c.want || w.Start.Unix()-began != c.start || w.Start.Nanosecond() != 0 {
				t.Errorf("%s: %s from %d on, want %s from %d", c.name, got, w.Start.Unix()-began, c.want, c.start)
			}
		}
	})
}

// A box without a battery begins in 1970. Once its clock is set, it tells the right
// time of what came before.
func TestHourOfAClockThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHour(time.Now())
		for i := range 5 {
			h.Add(told(float64(i)))
			time.Sleep(time.Second)
		}
		for _, by := range []time.Duration{0, 56 * 365 * 24 * time.Hour, -time.Hour, 700 * time.Millisecond} {
			wall := time.Now().Round(0).Add(by)
			first := wall.Add(-5 * time.Second).Round(time.Second)
			w := h.window(first, first.Add(5*time.Second), wall, 5*time.Second, []telegram.Quantity{telegram.ActivePower})
			if got := shown(w.Columns[0].Values); got != "0 1 2 3 4" || !w.Start.Equal(first) {
				t.Errorf("set by %v: %s from %v on, want it from %v", by, got, w.Start, first)
			}
		}
	})
}

func TestHourKnowsUnits(t *testing.T) {
	h := NewHour(time.Now())
	s := told(1)
	s.Apparent = true
	h.Add(s)
	now := time.Now()
	of := append(Quantities(), telegram.Tariff)
	w := h.Between(now, now.Add(time.Second), now, of...)
	var units []string
	for i, c := range w.Columns {
		if c.Quantity != of[i] {
			t.Errorf("column %d is of %v, want %v", i, c.Quantity, of[i])
		}
		units = append(units, c.Unit.String())
	}
	if got, want := strings.Join(units, " "), "VA VA VA VA A A A V V V W "; got != want {
		t.Errorf("units %q, want %q", got, want)
	}
	if v := w.Columns[7].Values; len(v) != 1 || v[0] != 230.1 {
		t.Errorf("voltage %v", v)
	}
	if v := w.Columns[11].Values; !slices.ContainsFunc(v, func(f float32) bool { return math.IsNaN(float64(f)) }) {
		t.Errorf("a quantity that is not kept: %v", v)
	}
}

func TestHourCosts(t *testing.T) {
	if size := unsafe.Sizeof(Hour{}); size > 160_000 {
		t.Errorf("an hour takes %d octets", size)
	}
	h, s := NewHour(time.Now()), told(1)
	if n := testing.AllocsPerRun(1000, func() {
		s.Received = s.Received.Add(time.Second)
		s.At[telegram.Instantaneous] = s.Received
		h.Add(s)
	}); n != 0 {
		t.Errorf("%v allocations a telegram", n)
	}
}
