package payload

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

const serial = "0A1B2C3D4E5F"

var (
	device = Device{Serial: serial, Model: "Smart Connect", Firmware: "1.2.3"}
	noon   = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
)

// take makes the snapshot that follows from one telegram received at noon.
func take(m telegram.Measurement) *snapshot.Snapshot {
	var g telegram.Merge
	return &snapshot.Snapshot{Seq: 7, Received: noon, Period: time.Second, Reading: g.Add(m, noon)}
}

// house is a three-phase meter that exports, with a gas meter.
func house() telegram.Measurement {
	m := telegram.Measurement{
		Format: "dsmr",
		Meter:  telegram.Meter{ID: telegram.TextOf("E0012345"), Header: telegram.TextOf("ISK5\\2M550T"), Version: telegram.TextOf("50")},
		Time:   noon.Add(-time.Second),
		Period: time.Second,
	}
	m.Set(telegram.ActivePowerImport, telegram.Of(0))
	m.Set(telegram.ActivePowerExport, telegram.Of(1234))
	m.Set(telegram.VoltageL1, telegram.Of(230.1))
	m.Set(telegram.ActiveEnergyImportT1, telegram.Of(1234567.0))
	m.Set(telegram.Tariff, telegram.Of(2))
	m.Channels[0] = telegram.Channel{Device: 3, ID: telegram.TextOf("G0098"), Time: noon.Add(-5 * time.Minute), Value: telegram.Of(1234.567), Unit: telegram.CubicMetre}
	m.Complete(&telegram.Options{})
	return m
}

// byTopic indexes messages by what follows the base of their topic.
func byTopic(t *testing.T, messages []Message) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range messages {
		name, ok := strings.CutPrefix(m.Topic, "smart-connect/"+serial+"/")
		if !ok {
			t.Errorf("topic %q does not begin with the base", m.Topic)
		}
		if _, twice := found[name]; twice {
			t.Errorf("topic %q published twice for one telegram", m.Topic)
		}
		found[name] = string(m.Payload)
	}
	return found
}

func object(t *testing.T, payload string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(payload), &o); err != nil {
		t.Fatalf("not JSON: %v: %s", err, payload)
	}
	return o
}

func TestWhatGoesMissingIsTakenBack(t *testing.T) {
	tree := NewTree(device)
	tree.Reading(take(house()), snapshot.OK)

	m := house()
	m.Set(telegram.VoltageL1, telegram.Value{})
	got := byTopic(t, tree.Reading(take(m), snapshot.OK))
	if v, ok := got["value/voltage_l1"]; !ok || v != "null" {
		t.Errorf("value/voltage_l1 = %q (published: %t), want null: a retained number must not outlive its value", v, ok)
	}
	if _, ok := got["value/frequency"]; ok {
		t.Error("value/frequency published, though the meter never sent one")
	}
}

func TestChannelThatDiesOrMovesIsTakenBack(t *testing.T) {
	const nulls = `{"channel":1,"type":null,"id":null,"timestamp":null,"value":null,"unit":null}`
	water := house().Channels[0]
	water.Device = 7
	for _, c := range []struct {
		name string
		then telegram.Channel
		want map[string]string
	}{
		{"a dead slot", telegram.Channel{Device: 3}, map[string]string{"gas/1": nulls}},
		{"another kind of meter", water, map[string]string{
			"gas/1":   nulls,
			"water/1": `{"channel":1,"type":"water","id":"G0098","timestamp":1768478100,"value":1234.567,"unit":"m3"}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := NewTree(device)
			tree.Reading(take(house()), snapshot.OK)
			m := house()
			m.Channels[0] = c.then
			got := byTopic(t, tree.Reading(take(m), snapshot.OK))
			maps.DeleteFunc(got, func(name, _ string) bool {
				return !strings.HasPrefix(name, "gas/") && !strings.HasPrefix(name, "water/")
			})
			if !maps.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
			got = byTopic(t, tree.Reading(take(m), snapshot.OK))
			if _, again := got["gas/1"]; again {
				t.Error("gas/1 taken back a second time")
			}
		})
	}
}

func TestDeadChannelHasNoTopic(t *testing.T) {
	for name, c := range map[string]telegram.Channel{
		"no device":       {},
		"no identifier":   {Device: 3, Time: noon, Value: telegram.Of(1), Unit: telegram.CubicMetre},
		"time of 2000":    {Device: 3, ID: telegram.TextOf("G1"), Time: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Value: telegram.Of(1), Unit: telegram.CubicMetre},
		"bare zero":       {Device: 3, ID: telegram.TextOf("G1"), Time: noon, Value: telegram.Of(0)},
		"no value at all": {Device: 3, ID: telegram.TextOf("G1"), Time: noon, Unit: telegram.CubicMetre},
	} {
		t.Run(name, func(t *testing.T) {
			m := house()
			m.Channels[0] = c
			for _, message := range NewTree(device).Reading(take(m), snapshot.OK) {
				if strings.Contains(message.Topic, "gas") {
					t.Errorf("published %s: %s", message.Topic, message.Payload)
				}
			}
		})
	}
}

func TestStaleValues(t *testing.T) {
	got := byTopic(t, NewTree(device).Reading(take(house()), snapshot.Stale))
	for name, want := range map[string]string{
		"value/quality":                 "stale",
		"value/active_power":            "null", // instantaneous: an old number must not pass for a new one
		"value/voltage_l1":              "null",
		"value/active_energy_import_t1": "1234567", // a counter stays true
		"value/tariff":                  "2",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	// Nor must a battery go on drawing what a dead meter left free.
	stale := house()
	for _, q := range []telegram.Quantity{telegram.ActiveDemand, telegram.ActiveDemandForecast, telegram.ActiveDemandHeadroom, telegram.ActiveDemandMonthPeak} {
		stale.Set(q, telegram.Of(9000))
	}
	demand := byTopic(t, NewTree(device).Reading(take(stale), snapshot.Stale))
	for name, want := range map[string]string{"": "null", "_forecast": "null", "_headroom": "null", "_month_peak": "9000"} {
		if got := demand["value/active_demand"+name]; got != want {
			t.Errorf("value/active_demand%s = %q, want %q", name, got, want)
		}
	}
	o := object(t, got["electricity"])
	if o["quality"] != "stale" || o["seq"] != 7.0 || o["active_power"] != -1234.0 {
		t.Errorf("electricity: quality %v, seq %v, active_power %v; want stale, 7, -1234", o["quality"], o["seq"], o["active_power"])
	}
}

func TestReading(t *testing.T) {
	got := byTopic(t, NewTree(device).Reading(take(house()), snapshot.OK))
	electricity := got["electricity"]
	delete(got, "electricity")
	want := map[string]string{
		"value/quality":                 "ok",
		"value/active_power":            "-1234",
		"value/active_power_import":     "0",
		"value/active_power_export":     "1234",
		"value/voltage_l1":              "230.1",
		"value/active_energy_import":    "1234567",
		"value/active_energy_import_t1": "1234567",
		"value/tariff":                  "2",
		"gas/1":                         `{"channel":1,"type":"gas","id":"G0098","timestamp":1768478100,"value":1234.567,"unit":"m3"}`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	o := object(t, electricity)
	for key, want := range map[string]any{
		"seq": 7.0, "timestamp": 1768478400.0, "meter_timestamp": 1768478399.0, "quality": "ok",
		"meter": "E0012345", "active_power": -1234.0, "frequency": nil,
	} {
		if o[key] != want {
			t.Errorf("electricity: %s = %v, want %v", key, o[key], want)
		}
	}
}

func TestJSONKeysNeverChange(t *testing.T) {
	empty := byTopic(t, NewTree(device).Reading(take(telegram.Measurement{}), snapshot.Stale))
	full := byTopic(t, NewTree(device).Reading(take(house()), snapshot.OK))
	a := slices.Sorted(maps.Keys(object(t, empty["electricity"])))
	b := slices.Sorted(maps.Keys(object(t, full["electricity"])))
	if !slices.Equal(a, b) {
		t.Errorf("keys of an empty telegram %v\nkeys of a full one %v", a, b)
	}
	if want := 8 + int(telegram.NumQuantities); len(a) != want {
		t.Errorf("%d keys, want %d: the six of the telegram and every quantity", len(a), want)
	}

	tree := NewTree(device)
	a = slices.Sorted(maps.Keys(object(t, string(tree.Info(nil).Payload))))
	tree.Reading(take(house()), snapshot.OK)
	b = slices.Sorted(maps.Keys(object(t, string(tree.Info(take(house())).Payload))))
	if !slices.Equal(a, b) {
		t.Errorf("keys of info before the first telegram %v\nand after it %v", a, b)
	}
}

func TestInfo(t *testing.T) {
	tree := NewTree(device)
	if got, want := string(tree.Info(nil).Payload), `{"serial":"0A1B2C3D4E5F","model":"Smart Connect","firmware":"1.2.3",`+
		`"meter":null,"meter_header":null,"meter_version":null,"format":null,"period":null,"delta":null,`+
		`"power_sign":"import_positive","current_sign":"magnitude","quantities":[],"channels":[]}`; got != want {
		t.Errorf("before the first telegram\ngot  %s\nwant %s", got, want)
	}
	s := take(house())
	tree.Reading(s, snapshot.OK)
	if got, want := string(tree.Info(s).Payload), `{"serial":"0A1B2C3D4E5F","model":"Smart Connect","firmware":"1.2.3",`+
		`"meter":"E0012345","meter_header":"ISK5\\2M550T","meter_version":"50","format":"dsmr","period":1,"delta":false,`+
		`"power_sign":"import_positive","current_sign":"magnitude",`+
		`"quantities":["active_power","active_power_import","active_power_export","voltage_l1","active_energy_import","active_energy_import_t1","tariff"],`+
		`"channels":["gas/1"]}`; got != want {
		t.Errorf("after it\ngot  %s\nwant %s", got, want)
	}
}

func TestStatus(t *testing.T) {
	for online, word := range map[bool]string{false: "offline", true: "online"} {
		m := NewTree(device).Status(online)
		if m.Topic != "smart-connect/0A1B2C3D4E5F/status" || string(m.Payload) != word || m.QoS != 1 {
			t.Errorf("online %t: %s %q QoS %d, want smart-connect/0A1B2C3D4E5F/status %q QoS 1", online, m.Topic, m.Payload, m.QoS, word)
		}
	}
}

func TestOnline(t *testing.T) {
	energy := telegram.Measurement{}
	energy.Set(telegram.ActiveEnergyImport, telegram.Of(1))
	old := take(house()) // power at noon, then only energies for a minute
	old.Received = noon.Add(time.Minute)

	for _, c := range []struct {
		name  string
		snap  *snapshot.Snapshot
		after time.Duration
		limit time.Duration
		want  bool
	}{
		{"nothing heard yet", nil, 0, 0, false},
		{"past the limit of 5 s", take(house()), 5*time.Second + 1, 0, false},
		{"past the owner's limit", take(house()), 3 * time.Second, 2 * time.Second, false},
		{"energies go on, power does not", old, time.Minute, 0, false},
		{"energy meter past the limit", take(energy), 6 * time.Second, 0, false},
		{"at the limit", take(house()), 5 * time.Second, 0, true},
		{"within the owner's limit", take(house()), 59 * time.Second, time.Minute, true},
		{"a meter that only sends energies", take(energy), 4 * time.Second, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Online(c.snap, noon.Add(c.after), c.limit); got != c.want {
				t.Errorf("online %v after noon = %t, want %t", c.after, got, c.want)
			}
		})
	}
}

// The first payloads stay what they were when later ones are made: a broker
// keeps them as retained messages.
func TestPayloadsAreKept(t *testing.T) {
	tree := NewTree(device)
	first := slices.Clone(tree.Reading(take(house()), snapshot.OK))
	before := byTopic(t, first)
	m := house()
	m.Set(telegram.ActivePowerImport, telegram.Of(math.MaxUint32))
	tree.Reading(take(m), snapshot.OK)
	if after := byTopic(t, first); !maps.Equal(before, after) {
		t.Errorf("payloads changed from %v to %v", before, after)
	}
}

func BenchmarkReading(b *testing.B) {
	tree, s := NewTree(device), take(house())
	b.ReportAllocs()
	for b.Loop() {
		tree.Reading(s, snapshot.OK)
	}
}
