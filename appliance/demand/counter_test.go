package demand

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/tic"
)

// A counter that jumps tells nothing of the house, which draws 1 kW all the time.
func TestCounterThatJumps(t *testing.T) {
	for _, c := range []struct {
		name   string
		period time.Duration
		jumps  []float64 // Wh, from one telegram to the next
	}{
		{"up by 4 MWh: another meter", time.Second, []float64{4e6}},
		{"up by 400 Wh within a second", time.Second, []float64{400}},
		{"down to the counter of another meter", time.Second, []float64{-9e5}},
		{"down for one telegram", time.Second, []float64{-5e5, 5e5}},
		{"up for one telegram", time.Second, []float64{5e5, -5e5}},
		{"down by a little for one telegram", time.Minute, []float64{-300, 300}},
		{"down for three telegrams", time.Minute, []float64{-300, 0, 0, 300}},
		{"up and down all the time", 10 * time.Second, []float64{5e5, -5e5, 5e5, -5e5, 5e5, -5e5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, noon)
			h.watts, h.period = 1000, c.period
			h.run(5 * time.Minute)
			for _, wh := range c.jumps {
				h.wh += wh
				h.run(c.period)
			}
			h.run(25 * time.Minute)
			h.is(telegram.ActiveDemandMonthPeak, 1000, 15)
		})
	}
}

// A French meter's total is a sum of tariffs: without the label of one of them it is
// short of 10 MWh, for one frame.
func TestCounterOfADamagedLabel(t *testing.T) {
	group := func(label, text string) string {
		sum := 0
		for _, c := range []byte(label + " " + text) {
			sum += int(c)
		}
		return fmt.Sprintf("\n%s %s %c\r", label, text, rune(sum&0x3f+0x20))
	}
	d := New(time.Hour, 0)
	var g telegram.Merge
	peak := telegram.Value{}
	for i := range 1400 {
		now := noon.Add(time.Duration(i) * 2 * time.Second)
		raw := []byte("\x02" + group("ADCO", "031961000001") + group("OPTARIF", "HC..") + group("ISOUSC", "60") +
			group("HCHC", "010000000") + group("HCHP", fmt.Sprintf("%09d", 5000000+i*2000/3600)) + group("PTEC", "HP..") +
			group("IINST", "004") + group("PAPP", "01000") + "\x03")
		if i == 100 || i == 700 {
			raw = bytes.Replace(raw, []byte("\nHCHC"), []byte("\nHCHB"), 1)
		}
		m, err := tic.Format.Decode(raw, telegram.Options{UTCOffset: time.Hour}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Add(m, now)
		d.Add(&r, now)
		peak = r.Get(telegram.ActiveDemandMonthPeak)
	}
	if v := peak.Or(0); v < 990 || v > 1010 {
		t.Errorf("the peak of a house that draws 1000 W is %v", v)
	}
}

// Meters that send seldom, and silences. With a counter the energy is known, and the
// quarter-hours it belongs to; without one nothing is.
func TestSilence(t *testing.T) {
	type step struct {
		watts  float64
		silent time.Duration // nothing is heard while the house draws watts
		run    time.Duration
	}
	for _, c := range []struct {
		name      string
		period    time.Duration
		grain     float64
		power     bool
		steps     []step
		now, peak float64 // W; -1: missing
	}{
		{"a list every 3 min, power alone", 3 * time.Minute, 0, true, []step{{3000, 0, time.Hour}}, -1, -1},
		{"a list every 3 min", 3 * time.Minute, 1, true, []step{{3000, 0, time.Hour}}, 3000 * 12. / 15, 3000},
		{"a list every 5 min, energy alone", 5 * time.Minute, 1, false, []step{{3000, 0, time.Hour}}, 3000 * 10. / 15, 3000},
		{"a list every 15 min", 15 * time.Minute, 1, true, []step{{3000, 0, 2 * time.Hour}}, 0, 3000},
		{"a list every 15 min, nothing drawn for long", 15 * time.Minute, 1, false, []step{{-3000, 0, 4 * time.Hour}, {3000, 0, 31 * time.Minute}}, 0, 3000},
		{"a list every 7 min, energy alone", 7 * time.Minute, 1, false, []step{{3000, 0, 2 * time.Hour}}, 3000 * 14. / 15, 3000},
		{"energy alone, every second", time.Second, 1, false, []step{{3000, 0, 20 * time.Minute}}, 3000 * 5. / 15, 3000},
		{"energy alone, in whole kWh", time.Second, 1000, false, []step{{3000, 0, time.Hour}}, -1, -1},

		{"silent inside a quarter-hour, no counter", time.Second, 0, true, []step{{2000, 0, 5 * time.Minute}, {2000, 6 * time.Minute, 3 * time.Minute}}, -1, -1},
		{"and to its end", time.Second, 0, true, []step{{2000, 0, 5 * time.Minute}, {2000, 6 * time.Minute, 5 * time.Minute}}, 2000 / 15., -1},
		{"silent inside a quarter-hour, with a counter", time.Second, 1, true, []step{{2000, 0, 5 * time.Minute}, {8000, 6 * time.Minute, 0}, {2000, 0, 3 * time.Minute}}, (2000*8 + 8000*6) / 15., -1},
		{"silent over a boundary, no counter", time.Second, 0, true, []step{{2000, 0, 10 * time.Minute}, {2000, 10 * time.Minute, 9 * time.Minute}}, -1, -1},
		{"silent over a boundary, with a counter", time.Second, 1, true, []step{{2000, 0, 10 * time.Minute}, {2000, 10 * time.Minute, 9 * time.Minute}}, 2000 * 14. / 15, 2000},
		{"110 s of it before the boundary, 5 s after", time.Second, 1, true, []step{{0, 0, 13*time.Minute + 10*time.Second}, {10000, 115 * time.Second, 0}, {0, 0, 5 * time.Minute}}, 10000 * 5. / 900, 10000 * 110. / 900},
		{"and 10 kW from then on", time.Second, 1, true, []step{{0, 0, 13*time.Minute + 10*time.Second}, {10000, 115 * time.Second, 15 * time.Minute}}, 0, 10000},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, noon)
			h.period, h.grain, h.power = c.period, c.grain, c.power
			for _, s := range c.steps {
				h.watts = s.watts
				h.off(s.silent)
				h.run(s.run)
			}
			for q, want := range map[telegram.Quantity]float64{telegram.ActiveDemand: c.now, telegram.ActiveDemandMonthPeak: c.peak} {
				if want < 0 {
					h.missing(q)
				} else {
					h.is(q, want, 60)
				}
			}
		})
	}
}

// A counter that moves once an hour, and a power every 10 s that has missed 9 kW three
// times: what the counter has seen more belongs to where it was missed.
func TestCounterOnceAnHour(t *testing.T) {
	for _, repeated := range []bool{false, true} {
		t.Run(fmt.Sprintf("repeated between: %v", repeated), func(t *testing.T) {
			h := newHouse(t, noon)
			h.period = 10 * time.Second
			most := 0.0
			for i := range 2 * 360 {
				switch {
				case i == 1 || i == 331:
					h.grain, h.held = 1, 0
				case i == 100 || i == 140 || i == 180:
					h.watts = 9000
					h.off(90 * time.Second)
				case !repeated:
					h.grain = 0
				case h.held == 0:
					h.held = math.Floor(h.wh - h.watts*h.period.Hours())
				}
				h.watts = 1000
				h.run(h.period)
				most = max(most, h.reading.Get(telegram.ActiveDemandMonthPeak).Or(0))
			}
			if most < 990 || most > 1400 {
				t.Errorf("a peak of %v in a quarter-hour of 1000 W", most)
			}
		})
	}
}

// What a silence has drawn is lost with the counter that knew it.
func TestAnotherCounterAfterASilence(t *testing.T) {
	h := newHouse(t, noon)
	h.watts = 2000
	h.run(5 * time.Minute)
	h.off(6 * time.Minute)
	h.wh += 4e6
	h.run(2 * time.Minute)
	h.missing(telegram.ActiveDemand)
}

// A power that is only repeated with lists that bring none does not count on.
func TestStalePower(t *testing.T) {
	h := newHouse(t, noon)
	h.watts, h.grain = 5000, 0
	h.run(time.Minute)
	powered := h.reading.At[telegram.Instantaneous]
	for range 10 {
		h.at = h.at.Add(time.Minute)
		var r telegram.Reading
		r.Meter.ID, r.Time = h.reading.Meter.ID, h.at
		r.Set(telegram.ActivePower, telegram.Of(5000))
		r.At = [telegram.NumKinds]time.Time{telegram.Instantaneous: powered, telegram.Cumulative: h.at}
		h.d.Add(&r, h.at)
		h.reading = r
	}
	h.missing(telegram.ActiveDemand)
	h.missing(telegram.ActiveDemandForecast)
	h.run(5 * time.Minute)
	h.missing(telegram.ActiveDemandMonthPeak)
}

// What the counter says at last was drawn in all of the time since it moved, and not
// in the last ten seconds.
func TestCounterThatMovesOnceAnHour(t *testing.T) {
	for _, c := range []struct {
		name         string
		power        bool
		draws, shows float64 // W, and what is said of it
		peak         float64 // the highest that is not too much
	}{
		{"energy alone", false, 1000, 0, 1000},
		{"a power that is 0, and a counter that is not", true, 2000, 0, 2000},
		{"a power that is half of it", true, 2000, 1000, 2000},
	} {
		h := newHouse(t, noon)
		h.period, h.power, h.watts = 10*time.Second, c.power, c.shows
		for h.at.Sub(noon) < 5*time.Hour {
			if h.at.Equal(h.at.Truncate(time.Hour)) {
				h.held = math.Floor(h.wh)
			}
			h.run(h.period)
			h.wh += (c.draws - c.shows) * h.period.Hours()
		}
		if v := h.reading.Get(telegram.ActiveDemandMonthPeak).Or(0); v > c.peak+10 {
			t.Errorf("%s: the peak is %v, at most %v was drawn", c.name, v, c.peak)
		}
	}
}

// A meter that imports on one phase and exports on another is charged for the import.
func TestImportBesideExport(t *testing.T) {
	h := newHouse(t, noon)
	h.grain, h.watts = 0, 4000
	h.run(5 * time.Minute)
	h.reading.Set(telegram.ActivePower, telegram.Of(500))
	for q, want := range map[telegram.Quantity]telegram.Value{
		telegram.ActivePowerImport: telegram.Of(4000), telegram.ActivePower: telegram.Of(500),
	} {
		if h.reading.Get(q) != want {
			t.Fatalf("%s is %v", q, h.reading.Get(q))
		}
	}
	if v := imported(&h.reading); v != telegram.Of(4000) {
		t.Errorf("what is drawn is %v", v)
	}
}
