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
	want := `{"serial":"","model":"","version":"","support_until":"","uptime_seconds":0,"restart_required":false,"restart_for":[],"warnings":[],"light":{"colours":[],"meaning":""},
	"meter":{"state":"","level":"","detail":"","source":"","line":"","searching":false,"tried":[],"format":"","id":"","header":"","encrypted":false,"authenticated":false,"out":null,"share":null,"period_seconds":null,"age_seconds":null,
	  "limit_seconds":null,"seq":0,"telegrams":0,"stages":{"octets":0,"noise":0,"frames":0,"checksum":0,"segments":0,"decrypt":0,"replay":0,"parse":0,"telegrams":0},"errors":{},"last_error":"","last_error_age_seconds":null},
	"events":[],"readings":[],
	"modbus":[{"state":"","detail":"","meter_type":"","listen":"","clients":0,"max_clients":0,"refused":0,"requests":0,"exceptions":{}}],
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

func TestWords(t *testing.T) {
	en, de := tongues[0], tongues[1]
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	for _, test := range []struct{ got, want string }{
		{en.amount(Number{}, "W"), "–"},
		{en.amount(n(-0.4), "W"), "0 W"},
		{en.amount(n(-999), "W"), "−999 W"},
		{en.amount(n(1000), "W"), "1 000 W"},
		{en.amount(n(-1234567), "W"), "−1 234 567 W"},
		{en.amount(n(1234567891), "Wh"), "1 234 567.891 kWh"},
		{en.amount(n(0.97), ""), "0.97"},
		{en.amount(n(1234.5), "GJ"), "1 234.5 GJ"},
		{en.span(-1), "0 s"},
		{en.span(0.64), "0.6 s"},
		{en.span(9.97), "10 s"},
		{en.span(119.9), "119 s"},
		{en.span(120), "2 min"},
		{en.span(7200), "2 h"},
		{en.span(172800), "2 days"},
		{en.ago(Number{}), "never"},
		{en.quantity("active_energy_import_t1"), "Energy from the grid, tariff 1"},
		{de.quantity("active_energy_import_t1"), "Energie aus dem Netz, Tarif 1"},
		{en.quantity("reactive_power_q4"), "Reactive power q4"},
		{en.quantity("voltage"), "Voltage"},
		{en.quantity("tariff"), "Tariff"},
		{en.quantity(""), ""},
		{de.amount(n(1234567891), "Wh"), "1 234 567,891 kWh"},
		{de.span(1.5), "1,5 s"},
		{de.ago(n(172800)), "vor 2 Tagen"},
		{de.ago(Number{}), "nie"},
		{tally(nil), "0"},
		{tally(map[string]uint64{"b": 1, "a": 2, "c": 0}), "3 (a 2, b 1)"},
	} {
		plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(test.got)
		if plain != test.want {
			t.Errorf("got %q, want %q", plain, test.want)
		}
	}
}
