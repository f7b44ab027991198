package telegram

import (
	"testing"
	"time"
)

func TestMerge(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	power := measured("A", map[Quantity]float64{ActivePowerImport: 500, VoltageL1: 230, CurrentL1: 2})
	energy := measured("A", map[Quantity]float64{ActiveEnergyImport: 1000})
	t.Run("an energy list leaves power and its age alone", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		r := g.Add(energy, at.Add(5*time.Second))
		if v, _ := r.Get(ActivePower).Get(); v != 500 || r.At[Instantaneous] != at || r.At[Cumulative] != at.Add(5*time.Second) {
			t.Errorf("power %v, ages %v", v, r.At)
		}
	})
	t.Run("an energy list alone is never fresh", func(t *testing.T) {
		var g Merge
		if r := g.Add(energy, at); !r.At[Instantaneous].IsZero() {
			t.Errorf("instantaneous values of %v from an energy list", r.At[Instantaneous])
		}
	})
	t.Run("a list of voltages refreshes nothing", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		r := g.Add(measured("A", map[Quantity]float64{VoltageL1: 245}), at.Add(time.Second))
		if v, _ := r.Get(VoltageL1).Get(); v != 230 || r.At[Instantaneous] != at {
			t.Errorf("voltage %v, age %v: instantaneous values of two telegrams mixed", v, r.At[Instantaneous])
		}
	})
	t.Run("instantaneous values come from one telegram", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		r := g.Add(measured("A", map[Quantity]float64{ActivePowerImport: 600, CurrentL1: 3}), at.Add(time.Second))
		if v, _ := r.Get(ActivePower).Get(); r.Get(VoltageL1).OK() || v != 600 {
			t.Errorf("the voltage of the telegram before stands beside new power, %v W", v)
		}
	})
	alone := func(watts float64) Measurement { return measured("A", map[Quantity]float64{ActivePowerImport: watts}) }
	t.Run("power alone leaves a full list alone while that is fresh", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		r := g.Add(alone(600), at.Add(5*time.Second))
		if v, _ := r.Get(ActivePower).Get(); v != 500 || !r.HasCurrent() || r.At[Instantaneous] != at || r.Period != time.Second {
			t.Errorf("power %v, age %v, period %v", v, r.At[Instantaneous], r.Period)
		}
		r = g.Add(alone(700), at.Add(5*time.Second+1))
		if v, _ := r.Get(ActivePower).Get(); v != 700 || r.HasCurrent() || r.At[Instantaneous] != at.Add(5*time.Second+1) {
			t.Errorf("past the limit of the full list: power %v, age %v", v, r.At[Instantaneous])
		}
	})
	t.Run("the period is that of the full lists", func(t *testing.T) {
		var g Merge
		for i := range 100 { // power every 2.5 s, every fourth time the rest with it
			now := at.Add(time.Duration(i) * 2500 * time.Millisecond)
			if m := alone(600); i%4 == 3 {
				g.Add(power, now)
			} else {
				g.Add(m, now)
			}
		}
		if p := g.Period(); p != 10*time.Second {
			t.Errorf("the period is %v", p)
		}
	})
	t.Run("a full list that comes too rarely does not hold the power back", func(t *testing.T) {
		for _, rare := range []time.Duration{time.Minute, 15 * time.Minute, time.Hour} {
			var g Merge
			for s := time.Duration(0); s < 15*rare; s += 5 * time.Second {
				m := alone(float64(s / time.Second))
				if s%rare == 0 {
					m = measured("A", map[Quantity]float64{ActivePowerImport: float64(s / time.Second), CurrentL1: 1})
				}
				m.Period = 10 * time.Second
				r := g.Add(m, at.Add(s))
				if age := at.Add(s).Sub(r.At[Instantaneous]); age > 30*time.Second || age > 0 && s > 11*rare {
					t.Fatalf("a list every %v: the power is %v old after %v", rare, age, s)
				}
			}
		}
	})
	t.Run("power alone goes on behind one that could not be read", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		bad := alone(0)
		bad.SetUnreadable(ActivePowerImport)
		bad.SetUnreadable(ActivePower)
		g.Add(bad, at.Add(time.Second))
		if r := g.Add(alone(2000), at.Add(2*time.Second)); r.Get(ActivePower) != Of(2000) {
			t.Errorf("power %v", r.Get(ActivePower))
		}
	})
	t.Run("lists that name their meter each in its own way", func(t *testing.T) {
		list := func(header, id string, kind uint8, sender string, values map[Quantity]float64) Measurement {
			m := measured(header, values)
			m.Meter.ID, m.Meter.IDKind, m.Meter.Sender = TextOf(id), kind, TextOf(sender)
			return m
		}
		a := list("E450", "LGZ1", 3, "103/127 1", map[Quantity]float64{ActivePowerImport: 5})
		b := list("E360", "123", 2, "103/127 1", map[Quantity]float64{ActiveEnergyImport: 1000})
		for _, order := range [][]Measurement{{a, b, a, b}, {b, a, b, a}} {
			var g Merge
			var r Reading
			for i, m := range order {
				if r = g.Add(m, at); i > 0 && (!r.Get(ActivePower).OK() || !r.Get(ActiveEnergyImport).OK()) {
					t.Errorf("after list %d something is missing", i)
				}
			}
			if r.Meter.ID != order[0].Meter.ID || r.Meter.Header != order[0].Meter.Header {
				t.Errorf("the meter is %q %q", r.Meter.Header, r.Meter.ID)
			}
		}
		var g Merge
		g.Add(a, at)
		if r := g.Add(list("E450", "LGZ2", 3, "103/127 1", map[Quantity]float64{ActiveEnergyImport: 1}), at); r.Get(ActivePower).OK() {
			t.Error("another meter at the same address is taken for the first")
		}
	})
	t.Run("two meters that call themselves otherwise in another list", func(t *testing.T) {
		list := func(id string, kind uint8, values map[Quantity]float64) Measurement {
			m := measured("E450", values)
			m.Meter.ID, m.Meter.IDKind, m.Meter.Sender = TextOf(id), kind, TextOf("103/127 1")
			return m
		}
		var g Merge
		g.Add(list("A", 1, map[Quantity]float64{ActiveEnergyImport: 1000}), at)
		if r := g.Add(list("LGZ-A", 3, map[Quantity]float64{ActivePowerImport: 5}), at); r.Meter.ID.String() != "A" || !r.Get(ActiveEnergyImport).OK() {
			t.Errorf("the meter is %q", r.Meter.ID)
		}
		r := g.Add(list("LGZ-B", 3, map[Quantity]float64{ActivePowerImport: 7}), at.Add(time.Second))
		if r.Meter.ID.String() != "LGZ-B" || r.Get(ActiveEnergyImport).OK() {
			t.Errorf("after an exchange the meter is %q, with the energy %v of the first", r.Meter.ID, r.Get(ActiveEnergyImport))
		}
		if r = g.Add(list("LGZ-A", 3, map[Quantity]float64{ActivePowerImport: 5}), at.Add(2*time.Second)); r.Meter.ID.String() != "LGZ-A" {
			t.Errorf("of two meters that take turns both are %q", r.Meter.ID)
		}
	})
	t.Run("a meter that dies behind a full list of every minute", func(t *testing.T) {
		var g Merge
		for s := time.Duration(0); s <= 20*time.Minute; s += 5 * time.Second {
			m := alone(500)
			if s%time.Minute == 0 {
				m = power
			}
			m.Period = 5 * time.Second
			g.Add(m, at.Add(s))
		}
		if p := g.Period(); p != 5*time.Second {
			t.Errorf("the next power is expected within %v", p)
		}
	})
	tariffs := func(total float64) Measurement {
		m := measured("A", map[Quantity]float64{ActiveEnergyImportT1: 600, ActiveEnergyImportT2: total - 600})
		m.Complete(&Options{})
		return m
	}
	t.Run("a total that is not sent any more gives way to its tariffs", func(t *testing.T) {
		var g Merge
		var r Reading
		g.Add(measured("A", map[Quantity]float64{ActiveEnergyImport: 1000}), at)
		for s := time.Duration(0); s <= time.Hour; s += 10 * time.Second {
			r = g.Add(tariffs(1001), at.Add(s))
			if v, _ := r.Get(ActiveEnergyImport).Get(); s <= 20*time.Minute && v != 1000 || s > 20*time.Minute && (v != 1001 || !r.Derived(ActiveEnergyImport)) {
				t.Fatalf("after %v the total is %v, derived %t", s, v, r.Derived(ActiveEnergyImport))
			}
		}
	})
	t.Run("an outage of a day is not how often a total comes", func(t *testing.T) {
		var g Merge
		total := measured("A", map[Quantity]float64{ActiveEnergyImport: 1000})
		for _, after := range []time.Duration{0, time.Minute, 24 * time.Hour} {
			g.Add(total, at.Add(after))
		}
		r := g.Add(tariffs(5000), at.Add(24*time.Hour+21*time.Minute))
		if v, _ := r.Get(ActiveEnergyImport).Get(); v != 5000 {
			t.Errorf("the total is %v", v)
		}
	})
	t.Run("of two sums of tariffs the later one", func(t *testing.T) {
		var g Merge
		g.Add(measured("A", map[Quantity]float64{ActiveEnergyImport: 1000}), at)
		bad := measured("A", map[Quantity]float64{ActiveEnergyImportT1: 600})
		bad.SetUnreadable(ActiveEnergyImport)
		g.Add(bad, at.Add(10*time.Second))
		for i := range 3 {
			r := g.Add(tariffs(1100+float64(i)), at.Add(time.Duration(20+10*i)*time.Second))
			if v, _ := r.Get(ActiveEnergyImport).Get(); v != 1100+float64(i) {
				t.Errorf("the total is %v", v)
			}
		}
	})
	t.Run("a total never jumps between what is sent and what the tariffs make", func(t *testing.T) {
		for _, rare := range []time.Duration{10 * time.Second, 15 * time.Minute} {
			var g Merge
			for s := time.Duration(0); s <= 4*time.Hour; s += 5 * time.Second {
				m := tariffs(1e6 + 6000)
				if s%rare == 0 {
					m = measured("A", map[Quantity]float64{ActiveEnergyImport: 1e6})
				}
				r := g.Add(m, at.Add(s))
				if v, _ := r.Get(ActiveEnergyImport).Get(); v != 1e6 {
					t.Fatalf("sent every %v: the total is %v after %v", rare, v, s)
				}
			}
		}
	})
	t.Run("a French meter that is switched to the other mode has other counters", func(t *testing.T) {
		mode := func(version string, values map[Quantity]float64) Measurement {
			m := measured("", values)
			m.Format, m.Meter.ID, m.Meter.Version = "tic", TextOf("041876097767"), TextOf(version)
			m.Complete(&Options{})
			return m
		}
		var g Merge
		g.Add(mode("02", map[Quantity]float64{ActivePower: 500, ActiveEnergyImport: 1e6, ActiveEnergyExport: 123}), at)
		r := g.Add(mode("historique", map[Quantity]float64{ActivePower: 500, ActiveEnergyImportT1: 4e5, ActiveEnergyImportT2: 6e5 + 10}), at)
		if v, _ := r.Get(ActiveEnergyImport).Get(); v != 1e6+10 || r.Get(ActiveEnergyExport).OK() {
			t.Errorf("the total is %v, exported %v", v, r.Get(ActiveEnergyExport))
		}
	})
	t.Run("currents alone take the place of currents, and make nothing fresh", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		over := measured("A", map[Quantity]float64{CurrentL1: 34})
		over.Period = 0
		r := g.Add(over, at.Add(time.Second))
		if p, _ := r.Get(ActivePower).Get(); p != 500 {
			t.Errorf("power %v", p)
		}
		if i, _ := r.Get(CurrentL1).Get(); i != 34 || r.At[Instantaneous] != at {
			t.Errorf("current %v, age %v", i, r.At[Instantaneous])
		}
		r = g.Add(over, at.Add(6*time.Second))
		if i, _ := r.Get(CurrentL1).Get(); i != 34 || r.Get(ActivePower).OK() || r.At[Instantaneous] != at {
			t.Errorf("past the limit of the power: current %v, power %v, age %v", i, r.Get(ActivePower), r.At[Instantaneous])
		}
	})
	t.Run("currents alone leave power alone", func(t *testing.T) {
		var g Merge
		g.Add(alone(600), at)
		r := g.Add(measured("A", map[Quantity]float64{CurrentL1: 3}), at.Add(time.Second))
		if v, _ := r.Get(ActivePower).Get(); v != 600 || r.HasCurrent() || r.At[Instantaneous] != at {
			t.Errorf("power %v, age %v", v, r.At[Instantaneous])
		}
	})
	t.Run("unreadable power does not leave the old one", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		m := measured("A", map[Quantity]float64{VoltageL1: 231})
		m.SetUnreadable(ActivePowerImport)
		m.Complete(&Options{})
		if r := g.Add(m, at.Add(time.Second)); r.Get(ActivePower).OK() || r.At[Instantaneous] != at {
			t.Errorf("power %v, age %v", r.Get(ActivePower), r.At[Instantaneous])
		}
	})
	sealed := func(id, title string, values map[Quantity]float64) Measurement {
		m := measured("Kaifa", values)
		m.Format, m.Meter.ID, m.Seal.Title = "dlms", TextOf(id), TextOf(title)
		return m
	}
	t.Run("a list without a name is of the meter whose title it has", func(t *testing.T) {
		var g Merge
		g.Add(sealed("42", "KFM01", map[Quantity]float64{ActiveEnergyImport: 1000}), at)
		r := g.Add(sealed("KFM-title", "KFM01", map[Quantity]float64{ActivePowerImport: 5}), at)
		if v, _ := r.Get(ActiveEnergyImport).Get(); v != 1000 || r.Meter.ID.String() != "42" {
			t.Errorf("energy %v, meter %q", v, r.Meter.ID)
		}
		if r = g.Add(sealed("43", "KFM02", map[Quantity]float64{ActivePowerImport: 5}), at); r.Get(ActiveEnergyImport).OK() || r.Meter.ID.String() != "43" {
			t.Errorf("another title is another meter: %q", r.Meter.ID)
		}
	})
	t.Run("a list that names the meter follows one that does not", func(t *testing.T) {
		var g Merge
		g.Add(sealed("", "", map[Quantity]float64{ActivePowerImport: 5}), at)
		r := g.Add(sealed("42", "", map[Quantity]float64{ActiveEnergyImport: 1000}), at)
		if v, _ := r.Get(ActivePower).Get(); v != 5 || r.Meter.ID.String() != "42" {
			t.Errorf("power %v, meter %q", v, r.Meter.ID)
		}
	})
	t.Run("totals and tariffs of two lists stand together", func(t *testing.T) {
		var g Merge
		g.Add(sealed("42", "", map[Quantity]float64{ActiveEnergyImport: 1000.5}), at)
		r := g.Add(sealed("42", "", map[Quantity]float64{ActiveEnergyImportT1: 400, ActiveEnergyImportT2: 600}), at)
		if v, _ := r.Get(ActiveEnergyImport).Get(); v != 1000.5 || r.Derived(ActiveEnergyImport) {
			t.Errorf("the sum of the tariffs took the place of the total that was sent: %v", v)
		}
		r = g.Add(sealed("42", "", map[Quantity]float64{ActiveEnergyImport: 1001}), at)
		if v, _ := r.Get(ActiveEnergyImportT2).Get(); v != 600 {
			t.Errorf("tariff 2 is %v after a list of totals", v)
		}
	})
	t.Run("another meter starts anew", func(t *testing.T) {
		var g Merge
		g.Add(power, at)
		before := g.Restarts
		if g.Add(energy, at); g.Restarts != before {
			t.Error("another list of the same meter makes it begin anew")
		}
		if r := g.Add(measured("B", map[Quantity]float64{ActiveEnergyImport: 5}), at); r.Get(ActivePower).OK() {
			t.Error("power of meter A stands beside energy of meter B")
		}
		if g.Restarts != before+1 {
			t.Errorf("it has begun anew %d times, want once", g.Restarts-before)
		}
	})
	t.Run("a reading behind the M-Bus counts without its device type", func(t *testing.T) {
		var g Merge
		m := measured("A", map[Quantity]float64{ActivePowerImport: 500})
		m.Channels[0] = Channel{ID: TextOf("G1"), Time: at, Value: Of(12.5), Unit: CubicMetre}
		if r := g.Add(m, at); r.Channels[0] != m.Channels[0] {
			t.Errorf("channel 1 is %+v", r.Channels[0])
		}
		r := g.Add(power, at.Add(time.Second))
		if r.Channels[0] != m.Channels[0] {
			t.Errorf("after a telegram without it channel 1 is %+v", r.Channels[0])
		}
	})
}
