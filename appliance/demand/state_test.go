package demand

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// again is the house after a restart of the box.
func (h *house) again(t *testing.T) *house {
	t.Helper()
	b, err := json.Marshal(h.d.State())
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if s != h.d.State() {
		t.Errorf("read back %+v, was %+v", s, h.d.State())
	}
	next := *h
	next.t, next.d = t, New(time.Hour, 0)
	next.d.Restore(s)
	return &next
}

// off is how long the box is switched off.
func (h *house) off(span time.Duration) {
	h.at, h.wh = h.at.Add(span), h.wh+max(h.watts, 0)*span.Hours()
}

// A power cut costs nothing but what nobody saw.
func TestRestart(t *testing.T) {
	h := newHouse(t, noon)
	h.watts = 3000
	h.run(15 * time.Minute)
	h.watts = 2000
	h.run(5 * time.Minute)
	for _, c := range []struct {
		name       string
		off, run   time.Duration
		grain      float64
		now, month float64 // W; -1: missing
	}{
		{"3 min, without a counter", 3 * time.Minute, time.Minute, 0, -1, 3000},
		{"5 s, without a counter", 5 * time.Second, time.Minute, 0, 2000 * 6. / 15, 3000},
		{"3 min, by the counter", 3 * time.Minute, time.Minute, 1, 2000 * 9. / 15, 3000},
		{"3 min, and to the end of it", 3 * time.Minute, 7*time.Minute + time.Second, 1, 0, 3000},
		{"30 min", 30 * time.Minute, time.Minute, 1, 2000 * 6. / 15, 3000},
		{"3 h: too long to know", 3 * time.Hour, time.Minute, 1, -1, 3000},
		{"3 h, and the next quarter-hour", 3 * time.Hour, 15 * time.Minute, 1, 2000 * 5. / 15, 3000},
		{"10 days, into the next month", 10 * 24 * time.Hour, time.Minute, 1, -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := h.again(t)
			next.grain = c.grain
			next.off(c.off)
			next.run(c.run)
			for q, want := range map[telegram.Quantity]float64{telegram.ActiveDemand: c.now, telegram.ActiveDemandMonthPeak: c.month} {
				if want < 0 {
					next.missing(q)
				} else {
					next.is(q, want, 30)
				}
			}
			if v := next.reading.Peaks[0].Value; v.OK() != (c.month < 0) {
				t.Errorf("the month before has a peak of %v", v)
			}
		})
	}
}

// The first telegram after a reset may tell no time, and the box's is behind the
// meter's.
func TestRestartWithoutATime(t *testing.T) {
	h := newHouse(t, noon.Add(-time.Minute))
	h.watts, h.shift = 3000, 20*time.Second
	h.run(6*time.Minute - h.shift)
	next := h.again(t)
	next.clock = false
	next.run(2 * time.Second)
	next.clock = true
	next.run(5 * time.Minute)
	next.is(telegram.ActiveDemand, 2000, 10)
	next.run(5 * time.Minute)
	next.is(telegram.ActiveDemandMonthPeak, 3000, 70)
}

// Ten seconds without the box in the middle of a quarter-hour cost nothing: the last
// power is as good over them as over ten seconds without a telegram.
func TestShortRestart(t *testing.T) {
	for _, grain := range []float64{0, 1} {
		for _, shift := range []time.Duration{0, 90 * time.Second, -90 * time.Second} {
			h := newHouse(t, noon)
			h.watts, h.grain, h.shift = 3000, grain, shift
			h.run(20*time.Minute - shift)
			next := h.again(t)
			next.unknown = 0
			next.off(10 * time.Second)
			next.clock = false // the first list names no time
			next.run(2 * time.Second)
			next.clock = true
			next.run(time.Minute)
			if next.unknown > 0 {
				t.Errorf("counter %v, clock %v off: the demand is missing in %d telegrams", grain, shift, next.unknown)
			}
			next.is(telegram.ActiveDemand, 3000*(5+72./60)/15, 15)
		}
	}
}

// Thirteen months belong to a meter: neither a list that names none nor a damaged name
// takes them away.
func TestMeterID(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []string // of the telegrams after a restart
		kept bool
	}{
		{"lists that name no meter", []string{"", "", "", "", "M1"}, true},
		{"one damaged", []string{"M1", "N1", "M1"}, true},
		{"the first two damaged", []string{"N1", "N1", "M1"}, true},
		{"three damaged in three ways", []string{"N1", "O1", "P1", "M1"}, true},
		{"two meters that take turns", []string{"M1", "M2", "M1", "M2", "M1", "M2", "M1", "M2", "M2", "M1"}, true},
		{"another meter", []string{"M2", "M2", "M2"}, false},
		{"another meter, with lists that name none", []string{"M2", "", "M2", "", "M2"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, noon)
			h.watts = 3000
			h.run(15*time.Minute + time.Second)
			next := h.again(t)
			for _, id := range c.ids {
				next.id = id
				next.run(time.Second)
			}
			if c.kept {
				next.is(telegram.ActiveDemandMonthPeak, 3000, 5)
			} else {
				next.missing(telegram.ActiveDemandMonthPeak)
			}
		})
	}
	h := newHouse(t, noon)
	h.id, h.watts = "", 3000
	h.run(15*time.Minute + time.Second)
	h.id = "M1"
	h.run(time.Second)
	h.is(telegram.ActiveDemandMonthPeak, 3000, 5) // it has said its name at last
	h.id, h.wh, h.watts = "M2", 9e6, 50000
	h.run(2 * time.Second)
	h.missing(telegram.ActiveDemand)
	h.id, h.wh, h.watts = "M1", 1e6+757, 1000
	h.run(15 * time.Minute)
	h.is(telegram.ActiveDemandMonthPeak, 3000, 5) // nothing of the other is in it
}

// Months are found by their date, in whatever order their peaks came.
func TestMonthsInAnyOrder(t *testing.T) {
	end := func(month time.Month) time.Time { return time.Date(2026, month, 28, 23, 0, 0, 0, time.UTC) }
	var s state
	for _, c := range []struct {
		month time.Month
		watts float64
		new   bool
		want  []float64
	}{
		{11, 3000, true, []float64{3000}},
		{10, 5000, true, []float64{3000, 5000}},
		{10, 4000, false, []float64{3000, 5000}},
		{12, 1000, true, []float64{1000, 3000, 5000}},
		{11, 3001, true, []float64{1000, 3001, 5000}},
		{9, 0, true, []float64{1000, 3001, 5000, 0}},
	} {
		if got := s.keep(telegram.Peak{Month: end(c.month), Time: end(c.month), Value: telegram.Of(c.watts)}); got != c.new {
			t.Errorf("%v of %v is a new peak: %v", c.watts, c.month, got)
		}
		for i, want := range append(c.want, -1) {
			if got := s.months[i].Value.Or(-1); got != want {
				t.Errorf("after %v of %v: month %d is %v, want %v", c.watts, c.month, i, got, want)
			}
		}
	}
	s = state{}
	for range 2 {
		for i := range s.months {
			s.keep(telegram.Peak{Month: noon.AddDate(0, i, 0), Time: noon, Value: telegram.Of(float64(i))})
		}
	}
	if s.months[0].Value.Or(0) != telegram.NumPeaks || s.months[telegram.NumPeaks].Value.Or(-1) != 0 {
		t.Errorf("14 months are %v", s.months)
	}
	if s.keep(telegram.Peak{Month: end(1), Value: telegram.Of(9000)}) {
		t.Error("a month before all of them is kept")
	}
}

func TestStateOfAFile(t *testing.T) {
	const nov, dec = "1793487600", "1796079600" // any two
	for _, c := range []struct{ in, fault, out string }{
		{`{`, "unexpected end", ""},
		{`[]`, "cannot unmarshal", ""},
		{`{"version":2}`, "version 2", ""},
		{`{"version":1,"energy":-1}`, "-1 Wh", ""},
		{`{"version":1,"energy":1e10}`, "1e+10 Wh", ""},
		{`{"version":1,"took":-1}`, "in -1ns", ""},
		{`{"version":1,"months":[{"end":` + nov + `,"time":1,"peak":-5}]}`, "a peak of -5 W", ""},
		{`{"version":1,"months":[{"end":` + nov + `,"time":1,"peak":1e12}]}`, "a peak of 1e+12 W", ""},
		{`{"version":1,"months":[{"end":` + nov + `,"time":7,"peak":5},{"end":` + dec + `,"time":8,"peak":6},{"end":` + nov + `,"time":9,"peak":7}]}`, "",
			`[{"end":` + dec + `,"time":8,"peak":6},{"end":` + nov + `,"time":9,"peak":7}]`},
		{`{"version":1,"months":[{"end":2678400,"time":900,"peak":5},{"end":` + nov + `,"time":7,"peak":5}]}`, "", `[{"end":` + nov + `,"time":7,"peak":5}]`},
	} {
		var s State
		err := json.Unmarshal([]byte(c.in), &s)
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: %v, want %q", c.in, err, c.fault)
			}
			continue
		}
		b, err2 := json.Marshal(s)
		if err != nil || err2 != nil || !strings.Contains(string(b), `"months":`+c.out) {
			t.Errorf("%s: %v, %v, %s", c.in, err, err2, b)
		}
	}
}

// What could not be read again must not be kept.
func TestPeakThatNoMeterMeasures(t *testing.T) {
	for energy, want := range map[float64]bool{2e8: true, 3e8: false} {
		d := New(time.Hour, 0)
		d.running = quarterHour{began: noon, took: quarter, energy: energy}
		if got := d.finish(); got != want {
			t.Errorf("%v Wh are a peak: %v", energy, got)
		}
	}
}

func TestExceeds(t *testing.T) {
	month := noon.AddDate(0, 0, 5)
	of := func(id string, watts ...float64) (s State) {
		s.meter = telegram.TextOf(id)
		for i, w := range watts {
			s.keep(telegram.Peak{Month: month.AddDate(0, -i, 0), Value: telegram.Of(w)})
		}
		return s
	}
	for _, c := range []struct {
		name     string
		now, old State
		want     bool
	}{
		{"nothing", of("M1"), of("M1"), false},
		{"the same", of("M1", 3000), of("M1", 3000), false},
		{"1 % more", of("M1", 3030), of("M1", 3000), false},
		{"a little more than that", of("M1", 3031), of("M1", 3000), true},
		{"the month before", of("M1", 3000, 4000), of("M1", 3000, 2000), true},
		{"the first", of("M1", 100), of("M1"), true},
		{"another meter", of("M2", 100), of("M1", 3000), true},
	} {
		if got := c.now.Exceeds(c.old); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := of("M1", 3000).Peak(month); got != 3000 {
		t.Errorf("the peak is %v", got)
	}
}
