package telegram

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// What a transformer in front of the meter does to each unit.
func TestRatios(t *testing.T) {
	for _, r := range []Ratios{{Current: -1}, {Voltage: -0.5}, {Current: 2e6}, {Voltage: math.NaN()}, {Current: math.Inf(1)}} {
		if err := r.Validate(); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m := Measurement{Peaks: [NumPeaks]Peak{{Month: at, Value: Of(1000)}}, Channels: [NumChannels]Channel{{Value: Of(5), Unit: CubicMetre}}}
	for _, q := range []Quantity{ActivePowerImport, VoltageL1, CurrentL1, ActiveEnergyImportT1, ActiveDemand, Frequency, PowerFactor, Tariff} {
		m.Set(q, Of(2))
	}
	m.Complete(&Options{Ratios: Ratios{Current: 40, Voltage: 100}})
	for q, want := range map[Quantity]float64{
		ActivePower: 8000, ActivePowerImport: 8000, VoltageL1: 200, CurrentL1: 80, ActiveEnergyImport: 8000,
		ActiveDemand: 8000, Frequency: 2, PowerFactor: 2, Tariff: 2,
	} {
		if got, ok := m.Get(q).Get(); !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", q, got, ok, want)
		}
	}
	if got := m.Peaks[0].Value.Or(0); got != 4e6 {
		t.Errorf("the peak is %v", got)
	}
	if got := m.Channels[0].Value.Or(0); got != 5 {
		t.Errorf("the gas meter stands behind no transformer: %v", got)
	}
}

func TestEstimatePhases(t *testing.T) {
	for _, c := range []struct {
		name string
		sent map[Quantity]float64
		want map[Quantity]float64 // derived; nothing else is
	}{
		{"power shared by U·I", map[Quantity]float64{ActivePower: 3000, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 2, CurrentL2: 6, CurrentL3: 4},
			map[Quantity]float64{ActivePowerL1: 500, ActivePowerL2: 1500, ActivePowerL3: 1000}},
		{"export, too", map[Quantity]float64{ActivePower: -3000, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 2, CurrentL2: 6, CurrentL3: 4},
			map[Quantity]float64{ActivePowerL1: -500, ActivePowerL2: -1500, ActivePowerL3: -1000}},
		{"a single phase has it all", map[Quantity]float64{ActivePower: 3000, CurrentL1: 13}, map[Quantity]float64{ActivePowerL1: 3000}},
		{"an idle house", map[Quantity]float64{ActivePower: 0, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 0, CurrentL2: 0, CurrentL3: 0},
			map[Quantity]float64{ActivePowerL1: 0, ActivePowerL2: 0, ActivePowerL3: 0}},
		{"power that no current carries", map[Quantity]float64{ActivePower: 30, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 0, CurrentL2: 0, CurrentL3: 0}, nil},
		{"one of three currents missing", map[Quantity]float64{ActivePower: 30, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 1, CurrentL2: 1}, nil},
		{"one voltage of three", map[Quantity]float64{ActivePower: 30, VoltageL1: 230, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}, nil},
		{"no voltages: by current (TIC historique)", map[Quantity]float64{ActivePower: 300, CurrentL1: 1, CurrentL2: 2, CurrentL3: 0}, map[Quantity]float64{ActivePowerL1: 100, ActivePowerL2: 200, ActivePowerL3: 0}},
		{"no currents and no phases", map[Quantity]float64{ActivePower: 30, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230}, nil},
		{"phases that were sent stay", map[Quantity]float64{ActivePower: 30, ActivePowerL1: 1, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}, nil},
		{"three wires have no power of a phase", map[Quantity]float64{ActivePower: 30, VoltageL1: 230, VoltageL2: 0, VoltageL3: 230, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}, nil},
		{"current by power and voltage", map[Quantity]float64{ActivePower: 2300, ActivePowerL1: 2300, ActivePowerL2: -460, ActivePowerL3: 0, VoltageL1: 230, VoltageL2: 230, VoltageL3: 230},
			map[Quantity]float64{CurrentL1: 10, CurrentL2: 2, CurrentL3: 0}},
		{"with its reactive part", map[Quantity]float64{ActivePower: 690, ActivePowerL1: 690, ReactivePowerL1: 920, VoltageL1: 230}, map[Quantity]float64{CurrentL1: 5}},
		{"a dead phase", map[Quantity]float64{ActivePower: 230, ActivePowerL1: 230, ActivePowerL2: 0, ActivePowerL3: 0, VoltageL1: 230, VoltageL2: 0, VoltageL3: 0}, map[Quantity]float64{CurrentL1: 1, CurrentL2: 0, CurrentL3: 0}},
		{"a voltage that is missing: no current at all", map[Quantity]float64{ActivePower: 690, ActivePowerL1: 230, ActivePowerL2: 230, ActivePowerL3: 230, VoltageL1: 230, VoltageL3: 230}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m, off Measurement
			for q, v := range c.sent {
				m.Set(q, Of(v))
				off.Set(q, Of(v))
			}
			m.Complete(&Options{EstimatePhases: true})
			off.Complete(&Options{})
			for q := range NumQuantities {
				want, estimated := c.want[q]
				if got, ok := m.Get(q).Get(); estimated && (!ok || got != want || !m.Derived(q)) {
					t.Errorf("%s is %v (present %t, derived %t), want %v", q, got, ok, m.Derived(q), want)
				} else if !estimated && m.Get(q) != off.Get(q) {
					t.Errorf("%s is %v, without estimates %v", q, m.Get(q), off.Get(q))
				}
				if estimated && off.Get(q).OK() {
					t.Errorf("%s is estimated without being asked for", q)
				}
			}
		})
	}
}

func TestStage(t *testing.T) {
	for _, c := range []struct {
		err          error
		stage, class string
	}{
		{ErrChecksum, "checksum", "checksum"}, {ErrDamaged, "segments", "malformed"}, {ErrMalformed, "parse", "malformed"},
		{ErrKeyRequired, "decrypt", "decrypt"}, {ErrKeyWrong, "decrypt", "decrypt"}, {ErrAuthKeyWrong, "decrypt", "decrypt"}, {ErrUnencrypted, "decrypt", "decrypt"},
		{ErrReplay, "replay", "replay"}, {ErrUnsupported, "parse", "unsupported"}, {ErrListUnknown, "parse", "unsupported"}, {fmt.Errorf("anything"), "parse", "malformed"},
	} {
		err := fmt.Errorf("x: %w: y", c.err)
		if Stage(err) != c.stage || Class(err) != c.class {
			t.Errorf("%v: stage %s, class %s; want %s, %s", err, Stage(err), Class(err), c.stage, c.class)
		}
	}
}
