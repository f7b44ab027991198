package api

import (
	"math"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

func TestPageSaysWhatTheStatusSays(t *testing.T) {
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	lamp := func(name, word string) string { return name + "</b> <em>" + word + "</em>" }
	for _, test := range []struct {
		name      string
		status    Status
		want, not []string
	}{
		{"as it should be", exampleStatus(),
			[]string{"1\u202f234\u00a0W", "to the grid", "230.1\u00a0V", "<td>–</td>", "1\u202f234.567\u00a0kWh", "E0043007052870318", "dsmr5", "115200 8N1",
				"0.6\u00a0s ago", "4 (checksum 3, malformed 1)", "p1: checksum mismatch: sent 0C97, computed 1A2B (70\u00a0min ago)",
				"PhoenixContact-EMPro", "2 of 16", "184\u202f467", "12 (0B 12)", "port 1883 is in use by another program", "26\u00a0h", "192.168.1.20",
				lamp("System", "fault"), "MQTT in the house: fault", lamp("Meter", "works"), lamp("Link", "works"), lamp("Network", "works"), lamp("Internet", "not checked"), lamp("MQTT", "off"),
				"name a host under Box", "Light of the box: green, steady. Meter and network are well.", `class="led green"`},
			[]string{"card big old", "not fresh", "waiting for a restart"}},
		{"nothing has come yet", Status{Meter: Meter{State: NoSignal, Level: Waiting, Detail: "No telegram yet."}},
			[]string{"No telegram yet.", "–", "no power reading", "no values yet", "never", lamp("Meter", "waiting"), "card big old"},
			[]string{"0\u00a0W", "to the grid", "from the grid", "<table>", "<figure>"}},
		{"no cable", Status{Meter: Meter{State: NoSignal, Level: Fault, Detail: "the source cannot be read: no such device", Errors: map[string]uint64{"source": 4}, LastError: "no such device", LastErrorAgeSeconds: n(1)}},
			[]string{"<dt>Lost telegrams</dt><dd>0</dd>", "<dt>Failures of the source</dt><dd>4</dd>", lamp("Meter", "no signal"), "Is the cable plugged in"}, []string{"Last error"}},
		{"a wrong key", Status{Meter: Meter{State: KeyWrong, Level: Fault, Detail: "Meter.Key does not decrypt them.", Stages: Stages{Octets: 1602, Frames: 12}}},
			[]string{lamp("Meter", "key is wrong"), "Meter.Key does not decrypt them.", "1\u202f602 octets, 12 frames, 0 telegrams"}, []string{"Tried before"}},
		{"looking for the line", Status{Meter: Meter{State: Receiving, Level: Waiting, Line: "9600 8N1", Searching: true, Tried: []TriedLine{{Line: "115200 8N1", Octets: 3, Seen: "noise"}}}},
			[]string{"receiving", "115200 8N1: noise"}, nil},
		{"events, a copy, readers", Status{Events: []Event{{time.Now().Unix() - 605, "implausible", "a scaler is wrong", 3}},
			Meter: Meter{Out: &Out{Device: "/dev/ttyUSB1", Octets: 7, Lost: 2, Detail: "unplugged"}, Share: &Share{Listen: ":2001", Readers: 2}}},
			[]string{"10\u00a0min ago</dt><dd>Values contradict each other × 3 <span class=\"quiet\" lang=\"en\">a scaler is wrong</span>", "/dev/ttyUSB1, 7 octets, 2 lost: unplugged", ":2001, 2 readers"}, nil},
		{"silent meter", Status{Meter: Meter{State: MeterStale, Level: Stale, Detail: "Silent since 3 min.", AgeSeconds: n(190)}, Readings: []Reading{{"active_power", n(500), "W", false}}},
			[]string{"card big old", "not fresh, last values: 3\u00a0min ago", "500\u00a0W", lamp("Meter", "silent"), "Silent since 3 min."}, nil},
		{"exactly nothing flows", Status{Readings: []Reading{{"active_power", n(0), "W", false}}},
			[]string{`<p class="power">0` + "\u00a0W</p>", "from the grid"}, nil},
		{"power missing", Status{Readings: []Reading{{"active_power", Number{}, "W", false}, {"current_l1", n(1), "A", false}}},
			[]string{`<p class="power">–</p>`, "no power reading", "1.00\u00a0A"}, []string{">0\u00a0W<", "L2"}},
		{"warnings and restart", Status{Warnings: []string{"The clock is not set."}, RestartRequired: true, RestartFor: []string{"/MQTT/Broker", "/Modbus/Servers/1/Listen", "/Broker/Users", "/Meter/List"}},
			[]string{"The clock is not set.", "waiting for a restart", "MQTT: Address of the broker, Modbus: Port, Users, Meter.List", lamp("System", "attention")}, nil},
		{"broker switched off", Status{Broker: Broker{State: Off}}, []string{"MQTT in the house <em>off</em>"}, []string{"Messages sent to clients"}},
		{"a state of tomorrow", Status{Broker: Broker{State: "draining"}}, []string{"MQTT in the house <em>draining</em>"}, nil},
		{"no name server", Status{MQTT: MQTT{State: Fault, Reason: "name-unknown", Detail: "lookup broker.example.com: no such host"}},
			[]string{lamp("MQTT", "fault"), "The name of the broker is not known.", "lookup broker.example.com: no such host"}, nil},
		{"no cable to the network", Status{Network: Network{Link: Link{Lamp: Lamp{State: Fault, Reason: ReasonNoCarrier}}, Address: Address{Lamp: Lamp{State: Fault, Reason: ReasonNoAddress}}},
			Light: Light{Colours: []string{"green", "orange"}, Meaning: "no-network"}},
			[]string{lamp("Link", "fault"), "No cable, or nothing at its other end.", lamp("Network", "fault"), "No IPv4 address.", "green and orange in turn"}, nil},
		{"a quarter-hour that will be a peak", Status{Readings: []Reading{{"active_demand", n(900), "W", true}, {"active_demand_forecast", n(3000), "W", true}, {"active_demand_month_peak", n(2000), "W", false}}},
			[]string{"This quarter-hour", "900\u00a0W so far, 3\u202f000\u00a0W expected at its end", `class="forecast over" width="300"`, `M200 0V26`, "Peak of the month"}, nil},
		{"one phase", Status{Readings: []Reading{{"active_power_l1", n(0), "W", false}, {"active_power_l2", Number{}, "W", false}, {"voltage_l1", Number{}, "V", false}}},
			[]string{`<th scope="row">L1</th><td>0` + "\u00a0W</td><td>–</td>"}, []string{"L2"}},
		{"hostile meter", Status{Meter: Meter{ID: `<script>alert(1)</script>`}}, []string{"&lt;script&gt;alert"}, []string{"<script>alert"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.Status, b.History = func() Status { return test.status }, History{} })
			_, body := b.do(request{path: "/"})
			for _, w := range test.want {
				if !strings.Contains(body, w) {
					t.Errorf("no %q in the page", w)
				}
			}
			for _, w := range test.not {
				if strings.Contains(body, w) {
					t.Errorf("%q in the page", w)
				}
			}
			if t.Failed() {
				t.Log(body)
			}
		})
	}
}

// A phone on a weak network loads all of it in one go.
func TestPageWeight(t *testing.T) {
	b := start(t, nil)
	total := 0
	for _, path := range []string{"/", "/login", "/settings/mqtt", "/style.css", "/page.js", "/icon.svg"} {
		_, body := b.do(request{path: path})
		total += len(body)
	}
	if total > 100_000 {
		t.Errorf("the page weighs %d bytes", total)
	}
	t.Logf("%d bytes", total)
}

func TestChart(t *testing.T) {
	gap := float32(math.NaN())
	for _, test := range []struct {
		name              string
		points            []float32
		line, area        string
		zero, least, most string
	}{
		{"nothing known", []float32{gap, gap}, "", "", "", "", ""},
		{"one value", []float32{gap, 100}, "M300.0 3.0h0", "M300.0 3.0V87.0H300.0Z", "", "100\u00a0W", "100\u00a0W"},
		{"import and export", []float32{-100, 100}, "M150.0 87.0L300.0 3.0", "M150.0 87.0L300.0 3.0V45.0H150.0Z", "45.0", "−100\u00a0W", "100\u00a0W"},
		{"export alone", []float32{-100, -50}, "M150.0 87.0L300.0 45.0", "M150.0 87.0L300.0 45.0V3.0H150.0Z", "3.0", "−100\u00a0W", "−50\u00a0W"},
		{"a meter of two seconds", []float32{50, gap, 100}, "M100.0 45.0L300.0 3.0", "M100.0 45.0L300.0 3.0V87.0H100.0Z", "", "50\u00a0W", "100\u00a0W"},
		{"a silence is no line", []float32{100, gap, gap, gap, 100}, "M60.0 3.0h0M300.0 3.0h0", "M60.0 3.0V87.0H60.0ZM300.0 3.0V87.0H300.0Z", "", "100\u00a0W", "100\u00a0W"},
		{"nothing flows", []float32{0, 0}, "M150.0 87.0L300.0 87.0", "M150.0 87.0L300.0 87.0V87.0H150.0Z", "", "0\u00a0W", "0\u00a0W"},
	} {
		c := tongues[0].draw(test.points, time.Second, 3*time.Second)
		if c == nil {
			c = &chart{}
		}
		if c.Line != test.line || c.Area != test.area || c.Zero != test.zero || c.Least != test.least || c.Most != test.most {
			t.Errorf("%s: %+v", test.name, *c)
		}
	}
}
