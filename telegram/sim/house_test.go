package sim

import (
	"math"
	"testing"
	"time"
)

func TestClockChanges(t *testing.T) {
	for _, c := range []struct {
		t          string
		want, wint string
	}{
		{"2025-01-15T11:00:00Z", "250115120000W", "250115120000W"},
		{"2025-03-30T00:59:59Z", "250330015959W", "250330015959W"},
		{"2025-03-30T01:00:00Z", "250330030000S", "250330020000W"},
		{"2025-10-26T00:59:59Z", "251026025959S", "251026015959W"},
		{"2025-10-26T01:00:00Z", "251026020000W", "251026020000W"},
		{"2025-12-31T23:30:00Z", "260101003000W", "260101003000W"},
	} {
		at, err := time.Parse(time.RFC3339, c.t)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(calendar{}.stamp(nil, at, true)); got != c.want {
			t.Errorf("%s: %s, want %s", c.t, got, c.want)
		}
		if got := string(calendar{winterOnly: true}.stamp(nil, at, true)); got != c.wint {
			t.Errorf("%s in Sweden: %s, want %s", c.t, got, c.wint)
		}
	}
}

// The Dutch count the night as tariff 1, the Belgians the day.
func TestTariffs(t *testing.T) {
	nl, be := calendar{}, calendar{belgian: true}
	for _, c := range []struct {
		t      string
		nl, be int
	}{
		{"2025-07-03T04:59:59Z", 1, 2}, // Thursday, 06:59
		{"2025-07-03T05:00:00Z", 2, 1},
		{"2025-07-03T19:00:00Z", 1, 2}, // 21:00
		{"2025-07-05T10:00:00Z", 1, 2}, // Saturday
	} {
		at, err := time.Parse(time.RFC3339, c.t)
		if err != nil {
			t.Fatal(err)
		}
		if r := nl.rate(at); nl.tariff(r) != c.nl || be.tariff(r) != c.be {
			t.Errorf("%s: tariff %d (NL) %d (BE), want %d %d", c.t, nl.tariff(r), be.tariff(r), c.nl, c.be)
		}
	}
}

// look plays a house for n seconds, one look a second, the first at once.
func look(h *House, from time.Time, n int, each func(State)) {
	for i := range n {
		each(h.Look(from.Add(time.Duration(i) * time.Second)))
	}
}

func TestSameSeedSameHouse(t *testing.T) {
	a, b, other := NewHouse(5, 3, noon), NewHouse(5, 3, noon), NewHouse(6, 3, noon)
	for i := range 400 {
		at := noon.Add(time.Duration(i) * time.Second)
		x, y, z := a.Look(at), b.Look(at), other.Look(at)
		if x != y {
			t.Fatalf("second %d: %+v and %+v", i, x, y)
		}
		if x == z {
			t.Fatalf("second %d: another seed, the same house", i)
		}
	}
}

// The counters are the integral of the power, whatever it does.
func TestEnergyIsTheIntegralOfPower(t *testing.T) {
	start := noon.Truncate(time.Hour).Add(59 * time.Minute)
	h := NewHouse(2, 3, start)
	h.Lively = true
	first := h.Look(start)
	var wh, apart float64
	var last State
	look(h, start, 1200, func(s State) {
		last = s
		wh += total(s.Power) / 3600
		imp, exp := splitEach(s.Power)
		apart += (imp - exp) / 3600
	})
	wh -= total(last.Power) / 3600 // the last look has not lasted yet
	apart -= total(last.Power) / 3600
	net := func(c Counters) float64 {
		return c.Import[Day] + c.Import[Night] - c.Export[Day] - c.Export[Night]
	}
	if got := net(last.Summed) - net(first.Summed); math.Abs(got-wh) > 0.01 {
		t.Errorf("counted %v Wh, power adds up to %v", got, wh)
	}
	if got := net(last.Apart) - net(first.Apart); math.Abs(got-apart) > 0.01 {
		t.Errorf("counted by phase %v Wh, power adds up to %v", got, apart)
	}
	if last.Summed.Import[Day] == first.Summed.Import[Day] || last.Summed.Export[Day] == first.Summed.Export[Day] {
		t.Error("twenty lively minutes without import or without export")
	}
	if last.Apart.Import[Day] <= last.Summed.Import[Day]-first.Summed.Import[Day]+first.Apart.Import[Day] {
		t.Error("phases counted apart import no more than their sum")
	}
}

// The demand rises through the quarter-hour, starts over with the next one and
// makes the peak of the month when it was the highest.
func TestQuarterHour(t *testing.T) {
	end := noon.Truncate(quarterHour).Add(quarterHour)
	h := NewHouse(2, 3, end.Add(-quarterHour))
	h.Lively = true
	h.state.Peak.Value = h.state.Peak.Value.Minus(h.state.Peak.Value)
	var before State
	look(h, end.Add(-quarterHour), 900, func(s State) {
		if s.Demand < before.Demand {
			t.Fatalf("demand fell from %v to %v within a quarter", before.Demand, s.Demand)
		}
		before = s
	})
	if before.Demand < 500 {
		t.Errorf("demand %v W at the end of a quarter in which the car charged", before.Demand)
	}
	s := h.Look(end)
	if s.Demand != 0 {
		t.Errorf("demand %v W at the start of a quarter", s.Demand)
	}
	if peak, _ := s.Peak.Value.Get(); s.Peak.Time != end || peak != math.Trunc(peak) || math.Abs(peak-before.Demand) > 30 {
		t.Errorf("peak %v at %v, want about %v at %v", peak, s.Peak.Time, before.Demand, end)
	}
}

func TestMonthEnds(t *testing.T) {
	midnight := time.Date(2025, 7, 31, 22, 0, 0, 0, time.UTC) // local
	h := NewHouse(2, 3, midnight.Add(-time.Hour))
	before := h.Look(midnight.Add(-time.Second))
	after := h.Look(midnight)
	if after.Peaks[0].Month != midnight || after.Peaks[0].Value != before.Peak.Value || after.Peaks[0].Time != before.Peak.Time {
		t.Errorf("July ended with %+v, its peak was %+v", after.Peaks[0], before.Peak)
	}
	if after.Peaks[1] != before.Peaks[0] || after.Peaks[12] != before.Peaks[11] {
		t.Error("the months before did not move up")
	}
	if v, ok := after.Peak.Value.Get(); !ok || v != 0 {
		t.Errorf("August starts with a peak of %v", v)
	}
	if later := h.Look(midnight.Add(40 * 24 * time.Hour)); later.Peaks[1] != after.Peaks[0] || later.Peaks[0].Value.Or(0) == 0 {
		t.Errorf("a look 40 days later: %+v", later.Peaks[:2])
	}
}

func TestGasIsReadEveryFiveMinutes(t *testing.T) {
	h := NewHouse(4, 3, noon)
	start := h.Look(noon)
	if start.Gas.Time != noon.Add(-2*time.Minute) || start.GasHourly.Time != noon.Add(-22*time.Minute) {
		t.Errorf("first readings of %v and %v", start.Gas.Time, start.GasHourly.Time)
	}
	if s := h.Look(noon.Add(3*time.Minute - time.Second)); s.Gas != start.Gas {
		t.Errorf("gas changed between readings: %+v", s.Gas)
	}
	if s := h.Look(noon.Add(time.Hour)); s.Gas.Time != noon.Add(58*time.Minute) || s.Gas.Value <= start.Gas.Value ||
		s.GasHourly.Time != noon.Add(38*time.Minute) {
		t.Errorf("an hour later: %+v, hourly %+v", s.Gas, s.GasHourly)
	}
}

// A demonstration shows the car and the sun within a minute, whatever the seed
// and the hour.
func TestLively(t *testing.T) {
	for seed := range uint64(20) {
		for _, phases := range []int{1, 3} {
			h := NewHouse(seed, phases, noon.Add(12*time.Hour))
			h.Lively = true
			low, high := math.Inf(1), math.Inf(-1)
			look(h, noon.Add(12*time.Hour), 60, func(s State) {
				low, high = min(low, total(s.Power)), max(high, total(s.Power))
			})
			if low > -300 || high < float64(phases)*1200 {
				t.Errorf("seed %d, %d phases: power from %.0f to %.0f W in a minute", seed, phases, low, high)
			}
		}
	}
}

func TestDayAndNight(t *testing.T) {
	h := NewHouse(1, 3, noon.Add(-24*time.Hour))
	exported, exportedAtNight := false, false
	for at := noon.Add(-24 * time.Hour); at.Before(noon); at = at.Add(time.Minute) {
		if p := total(h.Look(at).Power); p < 0 {
			exported = true
			exportedAtNight = exportedAtNight || at.Hour() >= 19 || at.Hour() < 4
		}
	}
	if !exported || exportedAtNight {
		t.Errorf("exported %v, at night %v", exported, exportedAtNight)
	}
}

// Electricity holds together: the current is that of power and voltage, and a
// phase that is not wired is dead.
func TestPhases(t *testing.T) {
	h := NewHouse(9, 1, noon)
	h.Lively = true
	look(h, noon, 120, func(s State) {
		if got := math.Hypot(s.Power[0], s.Reactive[0]); math.Abs(got-s.Voltage[0]*s.Current[0]) > 1e-6 {
			t.Errorf("%v VA by power, %v by current", got, s.Voltage[0]*s.Current[0])
		}
		if s.Voltage[0] < 207 || s.Voltage[0] > 253 || s.Frequency < 49.9 || s.Frequency > 50.1 {
			t.Errorf("%v V, %v Hz", s.Voltage[0], s.Frequency)
		}
		if s.Power[1] != 0 || s.Voltage[2] != 0 || s.Current[1] != 0 {
			t.Errorf("L2 or L3 of a single-phase house: %+v", s)
		}
	})
}
