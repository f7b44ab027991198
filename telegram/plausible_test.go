package telegram

import (
	"strings"
	"testing"
)

// A scaler that is wrong is found by what the meter itself says; what happens in
// sound houses is none.
func TestPlausibility(t *testing.T) {
	three := func(p, u, i float64) map[Quantity]float64 {
		return map[Quantity]float64{ActivePower: p, VoltageL1: u, VoltageL2: u, VoltageL3: u, CurrentL1: i, CurrentL2: i, CurrentL3: i}
	}
	phased := func(of map[Quantity]float64, l1, l2, l3 float64) map[Quantity]float64 {
		of[ActivePowerL1], of[ActivePowerL2], of[ActivePowerL3] = l1, l2, l3
		return of
	}
	for _, c := range []struct {
		name string
		of   []map[Quantity]float64 // said in turn
		n    int                    // telegrams
		want string
	}{
		{"sound", []map[Quantity]float64{three(6800, 230, 10)}, 100, ""},
		{"exporting", []map[Quantity]float64{three(-6800, 230, 10)}, 100, ""},
		{"power in tenths", []map[Quantity]float64{three(68000, 230, 10)}, 5, "is 9.9 times"},
		{"not at once: a load has just gone", []map[Quantity]float64{three(68000, 230, 10)}, 4, ""},
		{"not with a sound one between", []map[Quantity]float64{three(68000, 230, 10), three(68000, 230, 10), three(6800, 230, 10)}, 60, ""},
		{"currents in tenths", []map[Quantity]float64{three(6800, 230, 100)}, 600, "is 0.099 times"},
		{"currents in hundredths", []map[Quantity]float64{three(6800, 230, 1000)}, 600, "is 0.0099 times"},
		{"currents in tenths, with the powers of the phases", []map[Quantity]float64{phased(three(6800, 230, 100), 2267, 2267, 2266)}, 60, "is 0.099 times"},
		{"a battery on one phase, phases sent", []map[Quantity]float64{phased(three(300, 230, 6), 1150, 1150, -2000)}, 300, ""},
		{"a battery on one phase, the total alone", []map[Quantity]float64{three(300, 230, 6)}, 900, ""},
		{"a single phase that lies", []map[Quantity]float64{{ActivePower: 230, VoltageL1: 230, CurrentL1: 10}}, 60, "is 0.1 times"},
		{"a house that feeds back on one phase what another draws", []map[Quantity]float64{three(600, 230, 10), three(1600, 230, 10)}, 300, ""},
		{"a battery that keeps the total at nothing", []map[Quantity]float64{three(3, 230, 10), three(-5, 230, 10)}, 300, ""},
		{"hardly any load", []map[Quantity]float64{three(400, 230, 0.05)}, 300, ""},
		{"no currents", []map[Quantity]float64{{ActivePower: 40000, VoltageL1: 230}}, 300, ""},
		{"no voltages (DSMR 4.2)", []map[Quantity]float64{{ActivePower: 40000, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}}, 300, ""},
		{"tenths of a volt", []map[Quantity]float64{three(6800, 2300, 1)}, 5, "2300 V"},
		{"a phase that floats beside one that lives", []map[Quantity]float64{{ActivePower: 230, VoltageL1: 230, VoltageL2: 20, VoltageL3: 0, CurrentL1: 1, CurrentL2: 0, CurrentL3: 0}}, 300, ""},
		{"behind voltage transformers", []map[Quantity]float64{three(17, 57.7, 0.1)}, 300, ""},
		{"three wires: the wattmeters measure against L2", []map[Quantity]float64{{ActivePower: 10000, VoltageL1: 230, VoltageL2: 0, VoltageL3: 230, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}}, 300, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Plausibility
			got := ""
			for i := range c.n {
				m := measured("A", c.of[i%len(c.of)])
				got = p.Check(&m)
			}
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for range later {
				m := measured("A", three(6800, 230, 10))
				got = p.Check(&m)
			}
			if got != "" {
				t.Errorf("still %q once it is put right", got)
			}
		})
	}
}

// What a ratio has made of a voltage is no reason to doubt it.
func TestPlausibilityBehindTransformers(t *testing.T) {
	p := Plausibility{Ratios: Ratios{Current: 40, Voltage: 100}}
	for range 2 * later {
		m := measured("A", map[Quantity]float64{ActivePower: 27e6, VoltageL1: 23000, VoltageL2: 23000, VoltageL3: 23000, CurrentL1: 400, CurrentL2: 400, CurrentL3: 400})
		if doubt := p.Check(&m); doubt != "" {
			t.Fatal(doubt)
		}
	}
}
