package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// A client can range over every list and counter, and the key set does not
// depend on the state.
func TestStatusOfAnEmptyBox(t *testing.T) {
	b := start(t, func(b *box) { b.Status = func() Status { return Status{Modbus: []Modbus{{}}} } })
	_, body := b.do(request{})
	want := `{"serial":"","version":"","uptime_seconds":0,"restart_required":false,"restart_for":[],"warnings":[],
	"meter":{"state":"","level":"","detail":"","source":"","line":"","searching":false,"tried":[],"format":"","id":"","header":"","encrypted":false,"authenticated":false,"out":null,"share":null,"period_seconds":null,"age_seconds":null,
	  "limit_seconds":null,"seq":0,"telegrams":0,"stages":{"octets":0,"noise":0,"frames":0,"checksum":0,"segments":0,"decrypt":0,"replay":0,"parse":0,"telegrams":0},"errors":{},"last_error":"","last_error_age_seconds":null},
	"events":[],"readings":[],
	"modbus":[{"state":"","detail":"","meter_type":"","listen":"","clients":0,"max_clients":0,"requests":0,"exceptions":{}}],
	"broker":{"state":"","detail":"","listen":"","doors":[],"clients":0,"messages":0,"dropped":0,"refused":0,"commands":0},
			"mqtt":{"state":"","reason":"","detail":"","broker":"","since_seconds":null,"next_try_seconds":null,"sent":0,"waiting":0,"kept_octets":0,
			  "dropped":0,"damaged":0,"strayed":0,"thinned":0,"commands":0,"refused":0},
	"network":{"state":"","detail":"","addresses":[],
	  "link":{"state":"","reason":"","detail":"","interface":"","kind":"","speed_mbit":null,"mac":""},
	  "address":{"state":"","reason":"","detail":"","list":[],"gateway":"","dns":[]},
	  "internet":{"state":"","reason":"","detail":""}}}`
	if !sameJSON(t, body, want) {
		t.Errorf("got %s\nwant %s", body, want)
	}
}

func TestStatusRoundTrip(t *testing.T) {
	want := exampleStatus()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Status
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		n    Number
		want string
	}{
		{Number{}, "null"},
		{Seconds(0), "0"},
		{Seconds(649 * time.Millisecond), "0.6"},
		{Seconds(90 * time.Minute), "5400"},
		{Number{telegram.Of(-1e9)}, "-1000000000"},
	} {
		if got, err := json.Marshal(test.n); err != nil || string(got) != test.want {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
	var n Number
	if err := json.Unmarshal([]byte(`"12"`), &n); err == nil {
		t.Error("a text passed for a number")
	}
}

func TestPageSaysWhatTheStatusSays(t *testing.T) {
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	for _, test := range []struct {
		name      string
		status    Status
		want, not []string
	}{
		{"as it should be", exampleStatus(),
			[]string{"1\u202f234\u00a0W", "to the grid", "230.1\u00a0V", "<td>–</td>", "1\u202f234.567\u00a0kWh", "E0043007052870318", "dsmr5", "115200 8N1",
				"0.6\u00a0s ago", "4 (checksum 3, malformed 1)", "p1: checksum mismatch: sent 0C97, computed 1A2B (70\u00a0min ago)",
				"PhoenixContact-EMPro", "2 of 16", "184\u202f467", "12 (0B 12)", "port 1883 is in use by another program", "up for 26\u00a0h", "stored but not applied", "192.168.1.20"},
			[]string{"old", "not fresh", "waiting for a restart"}},
		{"nothing has come yet", Status{Meter: Meter{State: NoSignal, Level: Waiting, Detail: "No telegram yet."}},
			[]string{"No telegram yet.", "–", "no power reading", "never", "waiting", "card old"},
			[]string{"0\u00a0W", "to the grid", "from the grid", "<table>"}},
		{"no cable", Status{Meter: Meter{State: NoSignal, Level: Fault, Detail: "the source cannot be read: no such device", Errors: map[string]uint64{"source": 4}, LastError: "no such device", LastErrorAgeSeconds: n(1)}},
			[]string{"<dt>Lost telegrams</dt><dd>0</dd>", "<dt>Failures of the source</dt><dd>4</dd>"}, []string{"Last error"}},
		{"a wrong key", Status{Meter: Meter{State: KeyWrong, Level: Fault, Detail: "Meter.Key does not decrypt them.", Stages: Stages{Octets: 1602, Frames: 12}}},
			[]string{`<span class="lamp bad"></span>Meter <em>key is wrong</em>`, "Meter.Key does not decrypt them.", "1\u202f602 octets, 12 frames, 0 telegrams"}, []string{"Tried before"}},
		{"looking for the line", Status{Meter: Meter{State: Receiving, Level: Waiting, Line: "9600 8N1", Searching: true, Tried: []TriedLine{{Line: "115200 8N1", Octets: 3, Seen: "noise"}}}},
			[]string{"receiving", "115200 8N1: noise"}, nil},
		{"events, a copy, readers", Status{Events: []Event{{time.Now().Unix() - 605, "implausible", "a scaler is wrong", 3}},
			Meter: Meter{Out: &Out{Device: "/dev/ttyUSB1", Octets: 7, Lost: 2, Detail: "unplugged"}, Share: &Share{Listen: ":2001", Readers: 2}}},
			[]string{"10\u00a0min ago</dt><dd>a scaler is wrong (3 times)", "/dev/ttyUSB1, 7 octets, 2 lost: unplugged", ":2001, 2 readers"}, nil},
		{"silent meter", Status{Meter: Meter{State: MeterStale, Level: Stale, Detail: "Silent since 3 min.", AgeSeconds: n(190)}, Readings: []Reading{{"active_power", n(500), "W", false}}},
			[]string{"card old", "not fresh, last values: 3\u00a0min ago", "500\u00a0W", "silent", "Silent since 3 min."}, nil},
		{"exactly nothing flows", Status{Readings: []Reading{{"active_power", n(0), "W", false}}},
			[]string{`<p class="power">0` + "\u00a0W</p>", "from the grid"}, nil},
		{"power missing", Status{Readings: []Reading{{"active_power", Number{}, "W", false}, {"current_l1", n(1), "A", false}}},
			[]string{`<p class="power">–</p>`, "no power reading", "1.00\u00a0A"}, []string{">0\u00a0W<", "L2"}},
		{"warnings and restart", Status{Warnings: []string{"The clock is not set."}, RestartRequired: true},
			[]string{"The clock is not set.", "waiting for a restart"}, nil},
		{"broker switched off", Status{Broker: Broker{State: Off}}, []string{"MQTT broker <em>off</em>"}, []string{"Messages sent to clients"}},
		{"a state of tomorrow", Status{Broker: Broker{State: "draining"}}, []string{`<span class="lamp wait"></span>MQTT broker <em>draining</em>`}, nil},
		{"hostile meter", Status{Meter: Meter{ID: `<script>alert(1)</script>`}}, []string{"&lt;script&gt;alert"}, []string{"<script>alert"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.Status = func() Status { return test.status } })
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
	for _, path := range []string{"/", "/style.css", "/refresh.js", "/icon.svg"} {
		_, body := b.do(request{path: path})
		total += len(body)
	}
	if total > 30_000 {
		t.Errorf("the page weighs %d bytes", total)
	}
}

func TestWords(t *testing.T) {
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	for _, test := range []struct{ got, want string }{
		{amount(Number{}, "W"), "–"},
		{amount(n(-0.4), "W"), "0 W"},
		{amount(n(-999), "W"), "−999 W"},
		{amount(n(1000), "W"), "1 000 W"},
		{amount(n(-1234567), "W"), "−1 234 567 W"},
		{amount(n(1234567891), "Wh"), "1 234 567.891 kWh"},
		{amount(n(0.97), ""), "0.97"},
		{amount(n(1234.5), "GJ"), "1 234.5 GJ"},
		{span(-1), "0 s"},
		{span(0.64), "0.6 s"},
		{span(9.97), "10 s"},
		{span(119.9), "119 s"},
		{span(120), "2 min"},
		{span(7200), "2 h"},
		{span(172800), "2 days"},
		{ago(Number{}), "never"},
		{label("active_energy_import_t1"), "Active energy import tariff 1"},
		{label("reactive_power_q4"), "Reactive power Q4"},
		{label("voltage_l1"), "Voltage L1"},
		{label("tariff"), "Tariff"},
		{label(""), ""},
		{tally(nil), "0"},
		{tally(map[string]uint64{"b": 1, "a": 2, "c": 0}), "3 (a 2, b 1)"},
	} {
		plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(test.got)
		if plain != test.want {
			t.Errorf("got %q, want %q", plain, test.want)
		}
	}
}
