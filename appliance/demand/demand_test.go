package demand

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// house is a meter with a counter, at a time and a power of its own.
type house struct {
	t       *testing.T
	d       *Demand
	at      time.Time
	shift   time.Duration // of the meter's clock
	watts   float64
	wh      float64
	grain   float64 // of the counter, Wh; 0: the meter has none
	period  time.Duration
	reading telegram.Reading
	peaks   int // that were said to be worth keeping
}

func newHouse(t *testing.T, at time.Time) *house {
	return &house{t: t, d: New(time.Hour, 0), at: at, wh: 1e6, grain: 1, period: time.Second}
}

// run lives on for a while.
func (h *house) run(span time.Duration) {
	for end := h.at.Add(span); h.at.Before(end); h.at = h.at.Add(h.period) {
		h.say()
		h.wh += h.watts * h.period.Hours()
	}
}

func (h *house) say() {
	var m telegram.Measurement
	m.Meter.ID = telegram.TextOf("M1")
	m.Time = h.at.Add(h.shift).Truncate(time.Second)
	m.Set(telegram.ActivePowerImport, telegram.Of(max(h.watts, 0)))
	m.Set(telegram.ActivePowerExport, telegram.Of(max(-h.watts, 0)))
	h.reading = telegram.Reading{Measurement: m}
	h.reading.At[telegram.Instantaneous] = h.at
	if h.grain > 0 {
		h.reading.Set(telegram.ActiveEnergyImport, telegram.Of(math.Floor(h.wh/h.grain)*h.grain))
		h.reading.At[telegram.Cumulative] = h.at
	}
	h.reading.Complete(&telegram.Options{})
	if h.d.Add(&h.reading, h.at) {
		h.peaks++
	}
}

// is checks a quantity to within W.
func (h *house) is(q telegram.Quantity, want, within float64) {
	h.t.Helper()
	v, ok := h.reading.Get(q).Get()
	if !ok || math.Abs(v-want) > within {
		h.t.Errorf("at %s: %s is %v (%v), want %v", h.at.Format("15:04:05"), q, v, ok, want)
	}
	if ok && !h.reading.Derived(q) {
		h.t.Errorf("%s does not say that it is computed", q)
	}
}

func (h *house) missing(q telegram.Quantity) {
	h.t.Helper()
	if v := h.reading.Get(q); v.OK() {
		h.t.Errorf("at %s: %s is %v", h.at.Format("15:04:05"), q, v)
	}
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestQuarterHour(t *testing.T) {
	for _, c := range []struct {
		name   string
		grain  float64
		period time.Duration
		within float64
	}{
		{"a counter of 1 Wh every second", 1, time.Second, 5},
		{"a counter of 10 Wh every ten seconds", 10, 10 * time.Second, 45},
		{"no counter: by power", 0, time.Second, 3},
		{"a counter of 1 kWh: by power", 1000, time.Second, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, noon)
			h.grain, h.period = c.grain, c.period
			h.d.limit = 3000
			h.watts = 2000
			h.run(5 * time.Minute)
			h.is(telegram.ActiveDemand, 2000.0/3, c.within)
			h.is(telegram.ActiveDemandForecast, 2000, 2*c.within)
			h.is(telegram.ActiveDemandHeadroom, (3000.0/4-500.0/3)*6-2000, 8*c.within)
			h.missing(telegram.ActiveDemandMonthPeak)
			h.watts = 6000
			h.run(5 * time.Minute)
			h.is(telegram.ActiveDemandForecast, (500.0/3+500+500)*4, 4*c.within)
			h.watts = -4000 // exporting does not undo what was drawn
			h.run(5 * time.Minute)
			h.is(telegram.ActiveDemand, 2000.0/3+2000, 2*c.within)
			h.run(time.Second)
			h.is(telegram.ActiveDemandMonthPeak, 2000.0/3+2000, 2*c.within)
			if h.peaks != 1 || !h.reading.PeakTime.Equal(noon.Add(quarter)) {
				t.Errorf("%d peaks, the last at %v", h.peaks, h.reading.PeakTime)
			}
			h.is(telegram.ActiveDemand, 0, 1)
			h.watts = 1000
			h.run(15 * time.Minute)
			h.is(telegram.ActiveDemandMonthPeak, 2000.0/3+2000, 2*c.within)
		})
	}
}

// Without a cap the peak of the month is what must not be exceeded.
func TestHeadroomOfTheMonth(t *testing.T) {
	h := newHouse(t, noon)
	h.watts = 4000
	h.run(15 * time.Minute)
	h.missing(telegram.ActiveDemandHeadroom)
	h.watts = 1000
	h.run(5 * time.Minute)
	h.is(telegram.ActiveDemandHeadroom, (1000-1000.0/12)*6-1000, 40)
	h.run(9*time.Minute + 59*time.Second)
	h.is(telegram.ActiveDemandHeadroom, (1000-250)*60-1000, 400) // not a million watts in its last second
}

// A month ends at the midnight of the country, and 13 of them are kept.
func TestMonths(t *testing.T) {
	h := newHouse(t, time.Date(2025, 3, 31, 20, 0, 0, 0, time.UTC))
	h.period = 30 * time.Second
	var want []float64
	for month := range 16 {
		h.watts = 1000 + 100*float64(month)
		h.run(time.Hour)
		want = append(want, h.watts)
		h.watts = 100
		end := h.d.month(h.at)
		h.run(end.Sub(h.at))
		h.is(telegram.ActiveDemandMonthPeak, want[month], 5) // the last quarter-hour of the month goes to it
		h.run(time.Minute)
		if local := end.Add(time.Hour); local.Day() != 1 && local.Add(time.Hour).Day() != 1 {
			t.Fatalf("month %d ends at %v", month, end)
		}
		h.missing(telegram.ActiveDemandMonthPeak) // none has ended in this month yet
		for i := range min(len(want), telegram.NumPeaks) {
			p := h.reading.Peaks[i]
			if v, ok := p.Value.Get(); !ok || math.Abs(v-want[month-i]) > 5 {
				t.Fatalf("month %d, peak %d is %v (%v), want %v", month, i, v, ok, want[month-i])
			}
		}
		h.run(14 * time.Minute)
	}
	for _, c := range []struct{ in, want string }{
		{"2026-11-25T12:00:00Z", "2026-11-30T23:00:00Z"}, {"2026-11-30T22:59:59Z", "2026-11-30T23:00:00Z"}, {"2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z"},
		{"2026-07-31T21:59:59Z", "2026-07-31T22:00:00Z"}, {"2026-07-31T22:00:00Z", "2026-08-31T22:00:00Z"},
		{"2026-03-01T12:00:00Z", "2026-03-31T22:00:00Z"}, {"2026-10-10T12:00:00Z", "2026-10-31T23:00:00Z"},
	} {
		in, _ := time.Parse(time.RFC3339, c.in)
		if got := h.d.month(in).Format(time.RFC3339); got != c.want {
			t.Errorf("the month of %s ends at %s, want %s", c.in, got, c.want)
		}
	}
}

// Clocks of meters are put forward and back, and twice a year by an hour for people.
func TestClocks(t *testing.T) {
	t.Run("summer time ends", func(t *testing.T) {
		h := newHouse(t, time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC))
		h.watts = 2000
		h.run(3 * time.Hour)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
		h.is(telegram.ActiveDemand, 2000, 5)
	})
	t.Run("the clock jumps ahead", func(t *testing.T) {
		h := newHouse(t, noon)
		h.watts = 2000
		h.run(20 * time.Minute)
		h.shift = 40 * time.Minute
		h.run(20 * time.Minute)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
		h.run(30 * time.Minute)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
	})
	t.Run("the clock is put back", func(t *testing.T) {
		h := newHouse(t, noon)
		h.watts = 2000
		h.run(20 * time.Minute)
		h.shift = -40 * time.Minute
		h.run(50 * time.Minute)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
		if v := h.reading.Get(telegram.ActiveDemand).Or(0); v > 2005 {
			t.Errorf("a quarter-hour counts twice: %v", v)
		}
	})
	t.Run("a meter without a clock", func(t *testing.T) {
		h := newHouse(t, noon)
		h.shift = -300000 * time.Hour // 1992
		h.watts = 2000
		h.run(20 * time.Minute)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
	})
	t.Run("a line that is silent for a while", func(t *testing.T) {
		h := newHouse(t, noon)
		h.watts = 2000
		h.run(5 * time.Minute)
		h.at, h.wh = h.at.Add(6*time.Minute), h.wh+2000*0.1
		h.run(4 * time.Minute)
		h.is(telegram.ActiveDemand, 2000, 20) // the counter knows
	})
	t.Run("a silence over the boundary", func(t *testing.T) {
		h := newHouse(t, noon)
		h.watts = 2000
		h.run(10 * time.Minute)
		h.at, h.wh = h.at.Add(10*time.Minute), h.wh+2000.0/6
		h.run(10 * time.Minute)
		h.is(telegram.ActiveDemandMonthPeak, 2000.0*2/3, 20) // what is known of it
		h.run(15*time.Minute + time.Second)
		h.is(telegram.ActiveDemandMonthPeak, 2000, 5)
	})
}

// A power cut costs nothing but what nobody saw.
func TestRestart(t *testing.T) {
	h := newHouse(t, noon)
	h.watts = 3000
	h.run(15 * time.Minute)
	h.watts = 2000
	h.run(5 * time.Minute)
	b, err := json.Marshal(h.d.State())
	if err != nil {
		t.Fatal(err)
	}
	again := func(after time.Duration) *house {
		next := newHouse(t, h.at.Add(after))
		next.wh, next.watts = h.wh+2000*after.Hours(), 2000
		var s State
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		if s != h.d.State() {
			t.Errorf("read back %+v, was %+v", s, h.d.State())
		}
		next.d.Restore(s)
		return next
	}
	same := again(3 * time.Minute)
	same.run(7*time.Minute + time.Second)
	same.is(telegram.ActiveDemandMonthPeak, 3000, 5)
	same.run(15 * time.Minute)
	same.is(telegram.ActiveDemandMonthPeak, 3000, 5)
	early := again(3 * time.Minute)
	early.run(time.Minute)
	early.is(telegram.ActiveDemand, 2000*9.0/15, 15)
	later := again(3 * time.Hour)
	later.run(20 * time.Minute)
	later.is(telegram.ActiveDemandMonthPeak, 3000, 5)
	nextMonth := again(10 * 24 * time.Hour)
	nextMonth.run(time.Minute)
	nextMonth.missing(telegram.ActiveDemandMonthPeak)
	if v, ok := nextMonth.reading.Peaks[0].Value.Get(); !ok || math.Abs(v-3000) > 5 {
		t.Errorf("the month before has a peak of %v (%v)", v, ok)
	}

	other := again(time.Minute)
	other.say()
	other.reading.Meter.ID = telegram.TextOf("M2")
	other.d.Add(&other.reading, other.at)
	if s := other.d.State(); s.months[0].Value.OK() {
		t.Error("the peak of one meter is that of the next")
	}

	for in, want := range map[string]string{
		`{`: "unexpected end", `{"version":2}`: "version 2", `{"version":1,"since":-1}`: "-1 Wh", `[]`: "cannot unmarshal",
		`{"version":1,"months":[{"end":1,"time":1,"peak":1},{"end":2,"time":1,"peak":1}]}`: "month 2 is not before",
	} {
		var s State
		if err := json.Unmarshal([]byte(in), &s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

// A Belgian meter says all of it itself but where it will end.
func TestMeterThatSaysIt(t *testing.T) {
	h := newHouse(t, noon)
	h.watts = 2000
	h.run(5 * time.Minute)
	h.reading.Set(telegram.ActiveDemand, telegram.Of(700))
	m := h.reading.Measurement
	r := telegram.Reading{At: h.reading.At}
	r.Meter, r.Time = m.Meter, m.Time
	r.Set(telegram.ActivePowerImport, telegram.Of(2000))
	r.Set(telegram.ActiveDemand, telegram.Of(700))
	r.Set(telegram.ActiveDemandMonthPeak, telegram.Of(4100))
	r.Complete(&telegram.Options{})
	h.d.Add(&r, h.at)
	for q, want := range map[telegram.Quantity]float64{
		telegram.ActiveDemand: 700, telegram.ActiveDemandMonthPeak: 4100,
		telegram.ActiveDemandForecast: 700 + 2000*2.0/3, telegram.ActiveDemandHeadroom: (4100.0/4-175)*6 - 2000,
	} {
		if v, ok := r.Get(q).Get(); !ok || math.Abs(v-want) > 20 {
			t.Errorf("%s is %v (%v), want %v", q, v, ok, want)
		}
	}
	if r.Derived(telegram.ActiveDemand) || !r.Derived(telegram.ActiveDemandForecast) {
		t.Error("what was sent passes for computed, or the other way round")
	}
}

func TestMeterWithoutPower(t *testing.T) {
	var r telegram.Reading
	d := New(time.Hour, 0)
	d.Add(&r, noon)
	for q := telegram.ActiveDemand; q <= telegram.ActiveDemandHeadroom; q++ {
		if r.Get(q).OK() {
			t.Errorf("%s of a meter that sends nothing", q)
		}
	}
}
