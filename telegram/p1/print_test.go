package p1

import (
	"bytes"
	"testing"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// What is printed is read back as it was, to the digits of the form.
func TestPrint(t *testing.T) {
	now := time.Date(2026, 7, 3, 10, 22, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		m    map[telegram.Quantity]float64
		want map[telegram.Quantity]float64 // beside the same
	}{
		{"nothing but a time", nil, nil},
		{"a house", map[telegram.Quantity]float64{
			telegram.ActivePowerImport: 1234, telegram.ActivePowerExport: 0, telegram.ActivePowerImportL2: 17, telegram.ActivePowerExportL3: 2500,
			telegram.VoltageL1: 231.4, telegram.CurrentL1: 12.34, telegram.ActiveEnergyImport: 9066492, telegram.ActiveEnergyExportT2: 1, telegram.Tariff: 2, telegram.ReactivePowerImport: 55,
		}, map[telegram.Quantity]float64{telegram.ActivePower: 1234}},
		{"a net power alone, exported", map[telegram.Quantity]float64{telegram.ActivePower: -2087, telegram.ActivePowerL1: 30},
			map[telegram.Quantity]float64{telegram.ActivePowerImport: 0, telegram.ActivePowerExport: 2087, telegram.ActivePowerImportL1: 30}},
	} {
		m := telegram.Measurement{Meter: telegram.Meter{ID: telegram.TextOf("LGZ1030655000001")}}
		for q, v := range c.m {
			m.Set(q, telegram.Of(v))
		}
		text := Print(&m, now, time.Hour)
		got, err := Format.Decode(bytes.TrimSuffix(text, []byte("\r\n")), telegram.Options{UTCOffset: time.Hour}, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, text)
		}
		for _, want := range []map[telegram.Quantity]float64{c.m, c.want} {
			for q, v := range want {
				if read, ok := got.Get(q).Get(); !ok || read != v {
					t.Errorf("%s: %s is %v (%v), want %v", c.name, q, read, ok, v)
				}
			}
		}
		if !got.Time.Equal(now) || got.Meter.ID != m.Meter.ID {
			t.Errorf("%s: time %v, meter %q", c.name, got.Time, got.Meter.ID)
		}
	}
	winter := telegram.Measurement{Time: time.Date(2026, 1, 3, 10, 22, 0, 0, time.UTC)}
	if text := Print(&winter, now, time.Hour); !bytes.Contains(text, []byte("0-0:1.0.0(260103112200W)")) {
		t.Errorf("%s", text)
	}
}

func TestText(t *testing.T) {
	encrypts, err := sim.ByName("smarty")
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := sim.ByName("smarty-plain")
	now := time.Date(2026, 7, 3, 10, 22, 0, 0, time.UTC)
	state := plain.House(1, now).Look(now)
	key, _ := telegram.ParseKey(sim.Key)
	got, err := Text(encrypts.Encode(nil, state, now), telegram.Options{Key: key})
	if want := plain.Encode(nil, state, now); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%q\nwant\n%q", err, got, want)
	}
	if _, err := Text(encrypts.Encode(nil, state, now), telegram.Options{}); err == nil {
		t.Error("a text without a key")
	}
}
