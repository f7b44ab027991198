package payload

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// described is a description for Home Assistant as it is read there.
func described(t *testing.T, m Message) (description map[string]any, components map[string]map[string]any) {
	t.Helper()
	if m.Topic != "homeassistant/device/smart-connect-"+serial+"/config" || !m.Retain || m.QoS != 1 {
		t.Errorf("%s, retained %t, QoS %d", m.Topic, m.Retain, m.QoS)
	}
	description = object(t, string(m.Payload))
	components = map[string]map[string]any{}
	for id, c := range description["components"].(map[string]any) {
		components[id] = c.(map[string]any)
	}
	return description, components
}

func TestHomeAssistantIsNotToldOfUtilityFormats(t *testing.T) {
	if h, err := outside(t, "rl-dsp", OutsideOptions{}).HomeAssistant(HomeAssistantOptions{}); err == nil || !strings.Contains(err.Error(), "rl-dsp") {
		t.Errorf("%v, %v; want an error that names the format", h, err)
	}
}

func TestHomeAssistantDevice(t *testing.T) {
	h := NewTree(device).HomeAssistant(HomeAssistantOptions{ConfigurationURL: "http://192.0.2.1/"})
	d, _ := described(t, h.Discovery(take(house())))
	delete(d, "components")
	if got, want := string(encoded(d)), `{"availability":[{"topic":"smart-connect/0A1B2C3D4E5F/status"}],`+
		`"device":{"configuration_url":"http://192.0.2.1/","identifiers":["smart-connect-0A1B2C3D4E5F"],"manufacturer":"smartconnect",`+
		`"model":"Smart Connect","name":"Smart Connect 0A1B2C3D4E5F","serial_number":"0A1B2C3D4E5F","sw_version":"1.2.3"},`+
		`"origin":{"name":"smartconnect","sw_version":"1.2.3"},"qos":1,"state_topic":"smart-connect/0A1B2C3D4E5F/electricity"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if m := h.Removal(); m.Topic != h.Discovery(take(house())).Topic || len(m.Payload) != 0 || !m.Retain {
		t.Errorf("removal is %+v, want an empty retained payload on the same topic", m)
	}
}

func TestHomeAssistantComponents(t *testing.T) {
	french := take(house())
	french.Apparent = true
	m := house()
	for _, q := range []telegram.Quantity{telegram.PowerFactor, telegram.ReactiveEnergyImport, telegram.ActiveDemandMonthPeak, telegram.ActiveDemand} {
		m.Set(q, telegram.Of(1))
	}
	m.Channels[1] = telegram.Channel{Device: 4, ID: telegram.TextOf("H1"), Time: noon, Value: telegram.Of(1), Unit: telegram.GigaJoule}
	m.Channels[2] = telegram.Channel{Device: 7, ID: telegram.TextOf("W1"), Time: noon, Value: telegram.Of(1), Unit: telegram.CubicMetre}
	m.Channels[3] = telegram.Channel{Device: 12, ID: telegram.TextOf("H2"), Time: noon, Value: telegram.Of(1)}
	for _, c := range []struct {
		name, id string
		s        *snapshot.Snapshot
		want     string // "": no such component
	}{
		{"what was never sent", "frequency", take(m), ""},
		{"a tariff that has never counted", "active_energy_import_t3", heard(t, "linky-standard-tri"), ""},
		{"a power of the moment", "active_power", take(m), `{"device_class":"power","expire_after":30,"name":"Active power","platform":"sensor","state_class":"measurement","unique_id":"smart-connect-0A1B2C3D4E5F-active-power","unit_of_measurement":"W","value_template":"{{ value_json.active_power if value_json.quality == 'ok' else none }}"}`},
		{"an apparent one", "active_power", french, `{"device_class":"apparent_power","expire_after":30,"name":"Active power","platform":"sensor","state_class":"measurement","unique_id":"smart-connect-0A1B2C3D4E5F-active-power","unit_of_measurement":"VA","value_template":"{{ value_json.active_power if value_json.quality == 'ok' else none }}"}`},
		{"a counter", "active_energy_import_t1", take(m), `{"device_class":"energy","name":"Active energy import T1","platform":"sensor","state_class":"total_increasing","unique_id":"smart-connect-0A1B2C3D4E5F-active-energy-import-t1","unit_of_measurement":"Wh","value_template":"{{ value_json.active_energy_import_t1 }}"}`},
		{"a counter few look at", "reactive_energy_import", take(m), `{"enabled_by_default":false,"name":"Reactive energy import","platform":"sensor","state_class":"total_increasing","unique_id":"smart-connect-0A1B2C3D4E5F-reactive-energy-import","unit_of_measurement":"varh","value_template":"{{ value_json.reactive_energy_import }}"}`},
		{"a power factor", "power_factor", take(m), `{"device_class":"power_factor","enabled_by_default":false,"expire_after":30,"name":"Power factor","platform":"sensor","state_class":"measurement","unique_id":"smart-connect-0A1B2C3D4E5F-power-factor","value_template":"{{ value_json.power_factor if value_json.quality == 'ok' else none }}"}`},
		{"a peak that has been", "active_demand_month_peak", french, ""},
		{"and was sent", "active_demand_month_peak", take(m), `{"device_class":"power","name":"Active demand month peak","platform":"sensor","state_class":"measurement","unique_id":"smart-connect-0A1B2C3D4E5F-active-demand-month-peak","unit_of_measurement":"W","value_template":"{{ value_json.active_demand_month_peak }}"}`},
		{"the tariff", "tariff", take(m), `{"name":"Tariff","platform":"sensor","unique_id":"smart-connect-0A1B2C3D4E5F-tariff","value_template":"{{ value_json.tariff }}"}`},
		{"gas", "gas_1", take(m), `{"device_class":"gas","name":"Gas 1","platform":"sensor","state_class":"total_increasing","state_topic":"smart-connect/0A1B2C3D4E5F/gas/1","unique_id":"smart-connect-0A1B2C3D4E5F-gas-1","unit_of_measurement":"m³","value_template":"{{ value_json.value }}"}`},
		{"heat", "heat_2", take(m), `{"device_class":"energy","name":"Heat 2","platform":"sensor","state_class":"total_increasing","state_topic":"smart-connect/0A1B2C3D4E5F/heat/2","unique_id":"smart-connect-0A1B2C3D4E5F-heat-2","unit_of_measurement":"GJ","value_template":"{{ value_json.value }}"}`},
		{"water", "water_3", take(m), `{"device_class":"water","name":"Water 3","platform":"sensor","state_class":"total_increasing","state_topic":"smart-connect/0A1B2C3D4E5F/water/3","unique_id":"smart-connect-0A1B2C3D4E5F-water-3","unit_of_measurement":"m³","value_template":"{{ value_json.value }}"}`},
		{"a channel without a unit", "heat_4", take(m), `{"name":"Heat 4","platform":"sensor","state_class":"total_increasing","state_topic":"smart-connect/0A1B2C3D4E5F/heat/4","unique_id":"smart-connect-0A1B2C3D4E5F-heat-4","value_template":"{{ value_json.value }}"}`},
	} {
		_, components := described(t, NewTree(device).HomeAssistant(HomeAssistantOptions{}).Discovery(c.s))
		got, named := components[c.id]
		if want := c.want; named != (want != "") || named && string(unescaped(encoded(got))) != want {
			t.Errorf("%s (%s)\ngot  %s\nwant %s", c.name, c.id, unescaped(encoded(got)), want)
		}
	}
}

// unescaped makes the quotes of templates readable again.
func unescaped(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\u0027`), []byte("'")) }

// What is described must be published, in the tree it is described of: the topic
// among its messages, the key of the template in the object there, and with a
// number where the meter sent one.
func TestHomeAssistantFindsWhatItIsToldOf(t *testing.T) {
	key := regexp.MustCompile(`value_json\.(\w+)`)
	type tree struct {
		h        *HomeAssistant
		messages []Message
		fewest   int
	}
	for _, name := range []string{"dsmr50", "emucs", "e450", "linky-historique", "linky-standard-tri"} {
		s := heard(t, name)
		trees := map[string]tree{}
		local := NewTree(device)
		trees["house"] = tree{local.HomeAssistant(HomeAssistantOptions{}), append(slices.Clone(local.Reading(s, snapshot.OK)), local.Status(true)), 5}
		for _, format := range []string{"xemex", "values"} {
			for _, energy := range []bool{false, true} {
				o := outside(t, format, OutsideOptions{Energy: energy})
				h, err := o.HomeAssistant(HomeAssistantOptions{})
				if err != nil {
					t.Fatal(err)
				}
				trees[format+map[bool]string{true: " with energy"}[energy]] = tree{h, append(slices.Clone(o.Telegram(s, snapshot.OK, noon)), o.Status(true, noon)), 3}
			}
		}
		for where, c := range trees {
			published := map[string]string{}
			for _, m := range c.messages {
				published[m.Topic] = string(m.Payload)
			}
			d, components := described(t, c.h.Discovery(s))
			if len(components) < c.fewest {
				t.Errorf("%s, %s: %d components", name, where, len(components))
			}
			place := d["availability"].([]any)[0].(map[string]any)["topic"].(string)
			if _, ok := published[place]; !ok {
				t.Errorf("%s, %s: nothing under %s", name, where, place)
			}
			unique := map[any]bool{}
			for id, component := range components {
				unique[component["unique_id"]] = true
				topic, ok := component["state_topic"].(string)
				if !ok {
					topic, _ = d["state_topic"].(string)
				}
				k := key.FindStringSubmatch(component["value_template"].(string))[1]
				if v, ok := object(t, published[topic])[k].(float64); !ok {
					t.Errorf("%s, %s: %s is %v: no number under %s of %s", name, where, id, v, k, topic)
				}
			}
			if len(unique) != len(components) {
				t.Errorf("%s, %s: %d unique ids of %d components", name, where, len(unique), len(components))
			}
		}
	}
}

func TestHomeAssistantOutside(t *testing.T) {
	o := outside(t, "xemex", OutsideOptions{Energy: true})
	h, err := o.HomeAssistant(HomeAssistantOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d, components := described(t, h.Discovery(take(house())))
	if got, want := string(unescaped(encoded(d["availability"]))), `[{"topic":"`+chalet+`/status","value_template":"{{ 'online' if value_json.online else 'offline' }}"}]`; got != want {
		t.Errorf("availability %s, want %s", got, want)
	}
	for id, want := range map[string]any{"active_power": nil, "active_energy_import_t1": chalet + "/data/energy", "gas_1": chalet + "/data/gas/1"} {
		if got := components[id]["state_topic"]; got != want {
			t.Errorf("%s under %v, want %v", id, got, want)
		}
	}
	for id, want := range map[string]string{
		"active_power":            "{{ value_json.active_power if value_json.timestamp is none or now().timestamp() - value_json.timestamp < 120 else none }}",
		"active_energy_import_t1": "{{ value_json.active_energy_import_t1 }}", // late and true
	} {
		if got := components[id]["value_template"]; got != want {
			t.Errorf("%s is read by %v, want %s", id, got, want)
		}
	}
	if got := d["state_topic"]; got != chalet+"/data/electricity" {
		t.Errorf("the others under %v", got)
	}
	if _, named := components["tariff"]; named {
		t.Error("tariff described, though this format does not carry it")
	}
}

func TestDescriptionChangesWithWhatIsThere(t *testing.T) {
	h := NewTree(device).HomeAssistant(HomeAssistantOptions{})
	say := func(change func(*telegram.Measurement), period time.Duration) []byte {
		m := house()
		change(&m)
		s := take(m)
		s.Period = period
		return h.Discovery(s).Payload
	}
	nothing := func(*telegram.Measurement) {}
	last := say(nothing, time.Second)
	for _, c := range []struct {
		name    string
		change  func(*telegram.Measurement)
		period  time.Duration
		changes bool
	}{
		{"other values", func(m *telegram.Measurement) { m.Set(telegram.VoltageL1, telegram.Of(1)) }, time.Second, false},
		{"a value goes missing", func(m *telegram.Measurement) { m.Set(telegram.VoltageL1, telegram.Value{}) }, time.Second, false},
		{"a channel dies", func(m *telegram.Measurement) { m.Channels[0] = telegram.Channel{} }, time.Second, false},
		{"the period wanders", nothing, 1004 * time.Millisecond, false},
		{"the period is that of a slow meter", nothing, 10 * time.Second, true},
		{"and wanders", nothing, 10020 * time.Millisecond, true},
		{"and wanders on", nothing, 10040 * time.Millisecond, false},
		{"back", nothing, 9 * time.Second, false},
		{"one quantity more", func(m *telegram.Measurement) { m.Set(telegram.Frequency, telegram.Of(50)) }, time.Second, true},
		{"that is gone again", nothing, time.Second, false},
		{"a tariff of another contract", func(m *telegram.Measurement) { m.Set(telegram.ActiveEnergyImportT3, telegram.Of(0)) }, time.Second, false},
		{"which begins to count", func(m *telegram.Measurement) { m.Set(telegram.ActiveEnergyImportT3, telegram.Of(1)) }, time.Second, true},
		{"another kind of channel", func(m *telegram.Measurement) { m.Channels[0].Device = 7 }, time.Second, true},
		{"and back", nothing, time.Second, true},
		{"apparent powers", func(m *telegram.Measurement) { m.Apparent = true }, time.Second, true},
	} {
		now := say(c.change, c.period)
		if changed := !bytes.Equal(now, last); changed != c.changes {
			t.Errorf("%s: changed %t, want %t", c.name, changed, c.changes)
		}
		last = now
	}
}

func TestComponentThatIsGoneIsTakenBack(t *testing.T) {
	h := NewTree(device).HomeAssistant(HomeAssistantOptions{})
	h.Discovery(take(house()))
	m := house()
	m.Channels[0].Device = 7
	_, components := described(t, h.Discovery(take(m)))
	if gas := components["gas_1"]; !maps.Equal(gas, map[string]any{"platform": "sensor"}) || components["water_1"] == nil {
		t.Errorf("gas_1 %v, water_1 %v; want the first empty but for its platform", gas, components["water_1"])
	}
	if _, components := described(t, h.Discovery(take(house()))); components["gas_1"]["unique_id"] == nil {
		t.Errorf("gas_1 is back, and is described as %v", components["gas_1"])
	}
}

func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		period, owner time.Duration
		want          float64
	}{
		{time.Second, 0, 30},
		{10 * time.Second, 0, 60},
		{time.Second, time.Minute, 120},
		{time.Minute, 0, 360},
	} {
		s := take(house())
		s.Period = c.period
		_, components := described(t, NewTree(device).HomeAssistant(HomeAssistantOptions{StaleAfter: c.owner}).Discovery(s))
		if got := components["active_power"]["expire_after"]; got != c.want {
			t.Errorf("every %v, owner's limit %v: expires after %v s, want %v", c.period, c.owner, got, c.want)
		}
	}
}
