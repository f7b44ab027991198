package appliance

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A whole box says the same of one telegram in the readings, in their stream and to
// Prometheus; and all of them tell of the silence behind it.
func TestReadingsEverywhere(t *testing.T) {
	before := runtime.NumGoroutine()
	f := newFeeder(t)
	b := start(t, f.source(), "")
	reading := func() (r anyReading) {
		code, body, err := b.call("GET", "/api/v1/readings", "")
		if err == nil {
			err = json.Unmarshal(body, &r)
		}
		if err != nil || code != 200 {
			t.Fatalf("%d %v: %s", code, err, body)
		}
		return r
	}
	scrape := func() map[string]string {
		code, body, err := b.call("GET", "/metrics", "")
		if err != nil || code != 200 {
			t.Fatalf("%d %v: %s", code, err, body)
		}
		samples := map[string]string{}
		for line := range strings.Lines(string(body)) {
			if i := strings.LastIndexByte(line, ' '); i > 0 {
				samples[line[:i]] = strings.TrimSpace(line[i:])
			}
		}
		return samples
	}
	const power, energy = `smartconnect_active_power_watts{phase=""}`, `smartconnect_active_energy_import_watthours_total{tariff="t2"}`
	if r := reading(); r.Seq != 0 || r.Quality != "stale" || r.Power != nil || len(r.OBIS) != 0 {
		t.Errorf("before the first telegram: %+v", r)
	}
	stream := listen(t, b, "/api/v1/readings/stream?obis=1")
	f.say(house(4321))
	if first := stream.next(); first.Seq == 0 || first.Quality != "ok" || first.OBIS["1-0:1.7.0"] != (told{4321.0, "W"}) {
		t.Errorf("the stream tells %+v", first)
	}
	var fresh anyReading
	var samples map[string]string
	eventually(t, 20*time.Second, "a reading and a scrape while a telegram is fresh", func() bool {
		f.say(house(4321))
		fresh, samples = reading(), scrape()
		return fresh.Quality == "ok" && samples[power] != ""
	})
	if fresh.Power == nil || *fresh.Power != 4321 || fresh.OBIS["1-0:32.7.0"] != (told{230.1, "V"}) {
		t.Errorf("the readings are %+v", fresh)
	}
	for name, want := range map[string]string{
		power:                                    "4321",
		energy:                                   "200000",
		`smartconnect_voltage_volts{phase="l1"}`: "230.1",
		`smartconnect_current_amperes{phase="l2"}`:               "0",
		`smartconnect_reactive_power_vars{phase="",quadrant=""}`: "",
		`smartconnect_meter_up`:                                  "1",
		`smartconnect_modbus_clients{server="1"}`:                "0",
		`smartconnect_broker_clients`:                            "0",
		`smartconnect_uplink_connected`:                          "",
	} {
		if got := samples[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	last := stream.next()
	for last.Quality == "ok" || last.Seq < fresh.Seq {
		last = stream.next()
	}
	if r := reading(); r.Seq != last.Seq || r.Quality != "stale" || *r.Power != 4321 {
		t.Errorf("in the silence the readings are %+v, and the stream has told %+v", r, last)
	}
	if samples := scrape(); samples[power] != "" || samples[energy] != "200000" {
		t.Errorf("in the silence Prometheus is told %q W, %q Wh", samples[power], samples[energy])
	}
	f.say(telegramP1("1-0:1.8.1(000100.001*kWh)"))
	if next := stream.next(); next.Seq != last.Seq+1 || next.Quality != "stale" || next.OBIS["1-0:1.8.1"] != (told{100001.0, "Wh"}) {
		t.Errorf("with counters alone the stream tells %+v", next)
	}
	b.stop()
	stream.ended()
	f.hangUp()
	eventually(t, 3*time.Second, "all goroutines of the box have ended", func() bool { return runtime.NumGoroutine() <= before+3 })
}

// listener is somebody at a stream of readings.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	end   func()
}

// anyReading is what the tests look at of one.
type anyReading struct {
	Seq     uint64
	Quality string
	Power   *float64 `json:"active_power"`
	OBIS    map[string]told
}

func listen(t *testing.T, b *box, path string) *listener {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, "GET", "https://"+b.https+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(b.label.User, b.label.Password)
	resp, err := (&http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t, bufio.NewScanner(resp.Body), func() { cancel(); resp.Body.Close() }}
	l.lines.Buffer(nil, 1<<20)
	t.Cleanup(l.end)
	return l
}

// next waits for the next event.
func (l *listener) next() (r anyReading) {
	l.t.Helper()
	var event []string
	for l.lines.Scan() {
		line := l.lines.Text()
		if line != "" && !strings.HasPrefix(line, ":") {
			event = append(event, line)
		}
		if line != "" || event == nil {
			continue
		}
		data, ok := strings.CutPrefix(event[len(event)-1], "data: ")
		if err := json.Unmarshal([]byte(data), &r); !ok || err != nil || len(event) != 3 || event[0] != "event: reading" || event[1] != fmt.Sprint("id: ", r.Seq) {
			l.t.Fatalf("%v: %q", err, event)
		}
		return r
	}
	l.t.Fatalf("the stream has ended: %v", l.lines.Err())
	return r
}

// ended waits for the end of the stream.
func (l *listener) ended() {
	for l.lines.Scan() {
		continue
	}
	l.end()
}
