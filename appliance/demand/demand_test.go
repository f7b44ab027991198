package demand

import (
	"math"
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
	held    float64 // the counter that is repeated; 0: it counts
	id      string
	clock   bool // the meter has one
	power   bool // and sends its power
	period  time.Duration
	reading telegram.Reading
	peaks   int // that were said to be worth keeping
	unknown int // telegrams that leave the demand unknown
}

func newHouse(t *testing.T, at time.Time) *house {
	return &house{t: t, d: New(time.Hour, 0), at: at, wh: 1e6 + 7, grain: 1, id: "M1", clock: true, power: true, period: time.Second}
}

// run lives on for a while.
func (h *house) run(span time.Duration) {
	for end := h.at.Add(span); h.at.Before(end); h.at = h.at.Add(h.period) {
		h.say()
		h.wh += max(h.watts, 0) * h.period.Hours()
	}
}

func (h *house) say() {
	var m telegram.Measurement
	m.Meter.ID = telegram.TextOf(h.id)
	if h.clock {
		m.Time = h.at.Add(h.shift).Truncate(time.Second)
	}
	h.reading = telegram.Reading{Measurement: m}
	if h.power {
		h.reading.Set(telegram.ActivePowerImport, telegram.Of(max(h.watts, 0)))
		h.reading.Set(telegram.ActivePowerExport, telegram.Of(max(-h.watts, 0)))
		h.reading.At[telegram.Instantaneous] = h.at
	}
	if h.grain > 0 {
		wh := math.Floor(h.wh/h.grain) * h.grain
		if h.held > 0 {
			wh = h.held
		}
		h.reading.Set(telegram.ActiveEnergyImport, telegram.Of(wh))
		h.reading.At[telegram.Cumulative] = h.at
	}
	h.reading.Complete(&telegram.Options{})
	if h.d.Add(&h.reading, h.at) {
		h.peaks++
	}
	if !h.reading.Get(telegram.ActiveDemand).OK() {
		h.unknown++
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

// What a meter says of its peaks stands, whatever else it does not say.
func TestPeaksThatAreSent(t *testing.T) {
	month := time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)
	ours := [...]telegram.Peak{
		{Month: month, Time: noon.Add(-time.Hour), Value: telegram.Of(10)},
		{Month: month.AddDate(0, -1, 0), Time: noon.AddDate(0, -1, 0), Value: telegram.Of(20)},
	}
	sent := telegram.Peak{Month: month.AddDate(0, -2, 0), Time: noon.AddDate(0, -2, 0), Value: telegram.Of(5000)}
	when := noon.Add(-24 * time.Hour)
	for _, c := range []struct {
		name   string
		demand float64 // sent; -1: not
		peak   float64
		peaks  []telegram.Peak

		wantPeak  float64
		wantTime  time.Time
		wantPeaks telegram.Peak // the first
	}{
		{"the peak of the month and those before", -1, 4100, []telegram.Peak{sent}, 4100, when, sent},
		{"the peak of the month", -1, 4100, nil, 4100, when, telegram.Peak{}},
		{"the peaks before", -1, -1, []telegram.Peak{sent}, 10, ours[0].Time, sent},
		{"the demand alone", 700, -1, nil, 10, ours[0].Time, telegram.Peak{}},
		{"all of it, in a first month", 700, 4100, nil, 4100, when, telegram.Peak{}},
		{"nothing", -1, -1, nil, 10, ours[0].Time, ours[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(time.Hour, 0)
			for _, p := range ours {
				d.keep(p)
			}
			r := telegram.Reading{At: [telegram.NumKinds]time.Time{telegram.Instantaneous: noon}}
			r.Time = noon
			r.Set(telegram.ActivePower, telegram.Of(2000))
			if c.demand >= 0 {
				r.Set(telegram.ActiveDemand, telegram.Of(c.demand))
			}
			if c.peak >= 0 {
				r.Set(telegram.ActiveDemandMonthPeak, telegram.Of(c.peak))
				r.PeakTime = when
			}
			copy(r.Peaks[:], c.peaks)
			d.Add(&r, noon)
			if got := r.Get(telegram.ActiveDemandMonthPeak).Or(-1); got != c.wantPeak || r.Derived(telegram.ActiveDemandMonthPeak) != (c.peak < 0) {
				t.Errorf("the peak is %v, derived %v", got, r.Derived(telegram.ActiveDemandMonthPeak))
			}
			if !r.PeakTime.Equal(c.wantTime) || r.Peaks[0] != c.wantPeaks {
				t.Errorf("at %v, before it %v", r.PeakTime, r.Peaks[0])
			}
		})
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
