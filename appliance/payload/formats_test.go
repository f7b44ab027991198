package payload

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// told indexes what is published of a telegram by topic.
func told(t *testing.T, o *Outside, s *snapshot.Snapshot, quality snapshot.Quality, at time.Time) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range o.Telegram(s, quality, at) {
		topic := strings.TrimPrefix(m.Topic, chalet+"/data/")
		if _, twice := found[topic]; twice {
			t.Errorf("%s published twice for one telegram", topic)
		}
		found[topic] = string(m.Payload)
	}
	return found
}

func TestXemex(t *testing.T) {
	french := take(house())
	french.Apparent = true
	for _, c := range []struct {
		name    string
		s       *snapshot.Snapshot
		quality snapshot.Quality
		at      time.Time
		want    map[string]any
	}{
		{"the values are old", take(house()), snapshot.Stale, noon, map[string]any{
			"quality": "stale", "timestamp": 1768478400.0, "active_power": nil, "active_power_export": nil, "voltage_l1": nil, "meter": "E0012345"}},
		{"the clock is not set", take(house()), snapshot.OK, time.Time{}, map[string]any{
			"timestamp": nil, "instantaneous_timestamp": nil, "meter_timestamp": 1768478399.0, "active_power": -1234.0}},
		{"nothing known", &snapshot.Snapshot{}, snapshot.Stale, noon, map[string]any{
			"seq": 0.0, "meter": nil, "instantaneous_timestamp": nil, "meter_timestamp": nil, "frequency": nil}},
		{"apparent powers", french, snapshot.OK, noon, map[string]any{"power_unit": "VA", "active_power": -1234.0}},
		{"fresh values", take(house()), snapshot.OK, noon, map[string]any{
			"schema": 1.0, "seq": 7.0, "timestamp": 1768478400.0, "instantaneous_timestamp": 1768478400.0, "meter_timestamp": 1768478399.0,
			"meter": "E0012345", "quality": "ok", "power_unit": "W", "active_power": -1234.0, "active_power_import": 0.0, "voltage_l1": 230.1, "frequency": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := told(t, outside(t, "xemex", OutsideOptions{}), c.s, c.quality, c.at)
			o := object(t, got["electricity"])
			if len(got) != 1 || len(o) != 9+45 {
				t.Errorf("%d messages, %d keys; want 1 with 9 and the instantaneous quantities", len(got), len(o))
			}
			for key, want := range c.want {
				if v, there := o[key]; !there || v != want {
					t.Errorf("%s = %v, want %v", key, v, want)
				}
			}
		})
	}
}

// Of what was computed, only what is in the object is named.
func TestXemexDerived(t *testing.T) {
	for quality, want := range map[snapshot.Quality]int{snapshot.Stale: 0, snapshot.OK: 1} {
		s := take(house()) // its total energy is made of the tariffs
		s.Derive(telegram.CurrentL1, telegram.Of(5.4))
		o := object(t, told(t, outside(t, "xemex", OutsideOptions{}), s, quality, noon)["electricity"])
		derived := o["derived"].([]any)
		if len(derived) != want || want == 1 && derived[0] != "current_l1" {
			t.Errorf("%s: derived %v, want %d", quality, derived, want)
		}
	}
}

func TestValues(t *testing.T) {
	o := outside(t, "values", OutsideOptions{})
	got := told(t, o, take(house()), snapshot.OK, noon)
	measure := func(value, unit string) string {
		return `{"seq":7,"timestamp":1768478400,"value":` + value + `,"unit":` + unit + `}`
	}
	want := map[string]string{
		"value/active_power":            measure("-1234", `"W"`),
		"value/active_power_import":     measure("0", `"W"`),
		"value/active_power_export":     measure("1234", `"W"`),
		"value/voltage_l1":              measure("230.1", `"V"`),
		"value/active_energy_import":    measure("1234567", `"Wh"`),
		"value/active_energy_import_t1": measure("1234567", `"Wh"`),
		"value/tariff":                  measure("2", "null"),
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	m := house()
	m.Set(telegram.VoltageL1, telegram.Value{})
	if got := told(t, o, take(m), snapshot.OK, noon); got["value/voltage_l1"] != measure("null", `"V"`) {
		t.Errorf("a voltage that is gone: %v", got["value/voltage_l1"])
	}
	got = told(t, o, take(house()), snapshot.Stale, noon)
	if got["value/active_power"] != measure("null", `"W"`) || got["value/active_energy_import"] != measure("1234567", `"Wh"`) {
		t.Errorf("of old values: %v", got)
	}
	french := take(house())
	french.Apparent = true
	got = told(t, o, french, snapshot.OK, noon)
	if got["value/active_power"] != measure("-1234", `"VA"`) || got["value/active_energy_import"] != measure("1234567", `"Wh"`) {
		t.Errorf("of apparent powers: %v", got)
	}
}

func TestDSP(t *testing.T) {
	o := outside(t, "rl-dsp", OutsideOptions{})
	const head = `{"schema":1,"seq":7,"timestamp":1768478400,"meter":"E0012345","values":{`
	got := told(t, o, take(house()), snapshot.Stale, noon)
	if want := head + `"1-0:16.7.0":{"value":null,"unit":"W"},"1-0:1.7.0":{"value":null,"unit":"W"},"1-0:2.7.0":{"value":null,"unit":"W"},"1-0:32.7.0":{"value":null,"unit":"V"},` +
		`"1-0:1.8.1":{"value":1234567,"unit":"Wh"}}}`; got["dt/chalet/E0012345/ds"] != want || len(got) != 1 {
		t.Errorf("of old values\ngot  %v\nwant %s", got, want)
	}
	got = told(t, o, take(house()), snapshot.OK, noon)
	if want := head + `"1-0:16.7.0":{"value":-1234,"unit":"W"},"1-0:1.7.0":{"value":0,"unit":"W"},"1-0:2.7.0":{"value":1234,"unit":"W"},"1-0:32.7.0":{"value":230.1,"unit":"V"},` +
		`"1-0:1.8.1":{"value":1234567,"unit":"Wh"}}}`; got["dt/chalet/E0012345/ds"] != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestMeterAsALevel(t *testing.T) {
	for id, want := range map[string]string{
		"":            "unknown-meter",
		"LGZ/10+3#1%": "LGZ%2F10%2B3%231%25",
		"A B\x00\xe9": "A%20B%00%E9",
		"5004501":     "5004501",
	} {
		m := house()
		m.Meter.ID = telegram.TextOf(id)
		got := told(t, outside(t, "rl-dsp", OutsideOptions{}), take(m), snapshot.OK, noon)
		if _, ok := got["dt/chalet/"+want+"/ds"]; !ok {
			t.Errorf("%q: %v, want %s", id, slices.Collect(maps.Keys(got)), want)
		}
	}
}

func TestEnergy(t *testing.T) {
	o := outside(t, "xemex", OutsideOptions{Energy: true})
	got := told(t, o, take(house()), snapshot.Stale, noon)
	energy := object(t, got["energy"])
	for key, want := range map[string]any{
		"seq": 7.0, "timestamp": 1768478400.0, "meter": "E0012345",
		"active_energy_import": 1234567.0, "active_energy_import_t1": 1234567.0, "active_energy_export": nil,
	} {
		if energy[key] != want {
			t.Errorf("%s = %v, want %v: a counter stays true", key, energy[key], want)
		}
	}
	if want := `{"channel":1,"type":"gas","id":"G0098","timestamp":1768478100,"value":1234.567,"unit":"m3"}`; got["gas/1"] != want || len(got) != 3 {
		t.Errorf("got  %v\nwant gas/1 %s", got, want)
	}
	m := house()
	m.Channels[0] = telegram.Channel{}
	if got := told(t, o, take(m), snapshot.OK, noon); !strings.Contains(got["gas/1"], `"value":null`) {
		t.Errorf("of a dead channel: %v", got["gas/1"])
	}
}

// What is sent outside may wait for a network while the next telegrams come.
func TestOutsidePayloadsAreKept(t *testing.T) {
	for _, format := range Formats() {
		o := outside(t, format, OutsideOptions{Energy: true})
		first := slices.Clone(o.Telegram(take(house()), snapshot.OK, noon))
		var before []string
		for _, m := range first {
			before = append(before, m.Topic+string(m.Payload))
		}
		m := house()
		m.Set(telegram.ActivePowerImport, telegram.Of(987654))
		o.Telegram(take(m), snapshot.OK, noon.Add(time.Second))
		for i, m := range first {
			if m.Topic+string(m.Payload) != before[i] {
				t.Errorf("%s: %s became %s", format, before[i], m.Payload)
			}
		}
	}
}

func BenchmarkTelegram(b *testing.B) {
	s := take(house())
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			o, err := NewOutside(device, "chalet", format, OutsideOptions{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				o.Telegram(s, snapshot.OK, noon)
			}
		})
	}
}

// What has nothing new to say costs a look at the telegram.
func BenchmarkDiscovery(b *testing.B) {
	h, s := NewTree(device).HomeAssistant(HomeAssistantOptions{}), take(house())
	b.ReportAllocs()
	for b.Loop() {
		h.Discovery(s)
	}
}
