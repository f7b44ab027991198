package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// corpus returns the folder of real telegrams, or skips: they are not ours to
// publish, so they are not in the repository.
func corpus(t *testing.T) string {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "captures")
	}
	dir = filepath.Join(dir, "p1")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus of real telegrams: %v (SMARTCONNECT_CORPUS names it)", err)
	}
	return dir
}

// sidecar is what independent readers found in a capture.
type sidecar struct {
	File   string
	Format string
	Frame  struct {
		Valid *bool `json:"crc_valid"`
	}
	Keys *struct {
		Key  string
		Auth string `json:"authentication_key"`
	} `json:"encryption"`
	Base float64         `json:"timezone_base_offset_hours"`
	Good json.RawMessage `json:"good_telegrams"` // how many, or a list of them
	Many []listed        `json:"telegrams"`
	Want *struct {
		Header  string
		TimeRaw string             `json:"timestamp_raw"`
		Time    *string            `json:"timestamp_utc"`
		Energy  map[string]float64 `json:"energy_wh"`
		Totals  map[string]float64 `json:"energy_wh_derived"`
		Power   map[string]float64 `json:"power_w"`
		Phases  map[string]map[string]float64
		Mbus    []struct {
			Channel, Type int
			ID            *string
			Time          *string `json:"time_utc"`
			Value         *float64
			Unit          *string
		}
	} `json:"expected"`
}

type listed struct {
	Time string  `json:"timestamp_utc"`
	Net  float64 `json:"net_w"`
}

// lostAs says how the damaged telegrams of a capture are reported, in order;
// the captures that are not named lose none.
var lostAs = map[string]string{
	"bang-split":                          "malformed",
	"crc-flip-digit":                      "checksum",
	"lf-only":                             "checksum",
	"nl-dsmr50-iskra-merged":              "malformed",
	"nl-e360-bitrot":                      "malformed",
	"no-crc-digits":                       "checksum",
	"nul-inside":                          "checksum",
	"oversize-no-end":                     "malformed",
	"truncated-then-good":                 "malformed",
	"lu-bitflip-then-good":                "checksum",
	"lu-truncated-then-good":              "malformed",
	"at-est5-units-anonymised":            "checksum",
	"kamstrup-omnia-anonymised":           "checksum",
	"nl-dsmr40-lgyr-e350-seed-anonymised": "checksum",
	"nl-dsmr50-ene5-anonymised":           "checksum",
	"sagemcom-xt211-anonymised":           "checksum",
}

func TestDecodeCorpus(t *testing.T) {
	dir := corpus(t)
	sidecars, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil || len(sidecars) == 0 {
		t.Fatalf("no sidecars in %s: %v", dir, err)
	}
	for _, path := range sidecars {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := sidecar{Base: 1}
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		t.Run(name, func(t *testing.T) { checkCapture(t, name, filepath.Join(dir, s.File), s) })
	}
}

func checkCapture(t *testing.T, name, file string, s sidecar) {
	args := []string{"decode", "--utc-offset", (time.Duration(s.Base * float64(time.Hour))).String(), file}
	if s.Keys != nil {
		args = append([]string{"decode", "--key", s.Keys.Key, "--auth-key", s.Keys.Auth}, args[1:]...)
	}
	good, lost := decodeFile(t, args)
	if lost != lostAs[name] {
		t.Errorf("lost %q, want %q", lost, lostAs[name])
	}
	switch {
	case s.Frame.Valid != nil && !*s.Frame.Valid: // read only with the checksum off
		if len(good) != 0 {
			t.Errorf("%d telegrams in spite of a wrong checksum", len(good))
		}
		if good, lost = decodeFile(t, append([]string{"decode", "--no-checksum"}, args[1:]...)); len(good) != 1 || lost != "" {
			t.Fatalf("without checksum: %d telegrams, lost %q", len(good), lost)
		}
	case s.Good != nil:
		checkGood(t, good, s)
	}
	if s.Want == nil {
		return
	}
	if len(good) == 0 {
		t.Fatal("no telegram")
	}
	for i := range good {
		checkWant(t, &good[i], s)
	}
}

// decodeFile runs decode and checks its exit code; lost is the classes of the
// telegrams that were lost.
func decodeFile(t *testing.T, args []string) (good []printed, lost string) {
	t.Helper()
	r := call(t, "", args...)
	var classes []string
	for _, p := range lines(t, r.out) {
		if p.Error == "" {
			good = append(good, p)
			continue
		}
		if !strings.HasPrefix(p.Detail, "p1: ") {
			t.Errorf("the detail %q does not say where", p.Detail)
		}
		classes = append(classes, p.Error)
	}
	if want := map[bool]int{true: exitOK, false: exitFailed}[len(good) > 0]; r.code != want || r.err != "" {
		t.Errorf("exit code %d for %d telegrams, %s", r.code, len(good), r.err)
	}
	return good, strings.Join(classes, " ")
}

func checkGood(t *testing.T, good []printed, s sidecar) {
	var count int
	if json.Unmarshal(s.Good, &count) != nil {
		var list []any
		if err := json.Unmarshal(s.Good, &list); err != nil {
			t.Fatal(err)
		}
		count = len(list)
		if json.Unmarshal(s.Good, &s.Many) != nil { // a list of checksums, which are not printed
			s.Many = nil
		}
	}
	if len(good) != count {
		t.Fatalf("%d telegrams, want %d", len(good), count)
	}
	for i, want := range s.Many {
		if good[i].Time == nil || *good[i].Time != want.Time || good[i].Values["active_power"] != want.Net {
			t.Errorf("telegram %d: %v, %v W; want %s, %v W", i, good[i].Time, good[i].Values["active_power"], want.Time, want.Net)
		}
	}
}

func checkWant(t *testing.T, p *printed, s sidecar) {
	w := s.Want
	format := "p1"
	if s.Keys != nil {
		format = "p1-encrypted"
	}
	if p.Format != format || p.Header != w.Header || p.Meter == "" || p.OBIS == nil || p.Channels == nil {
		t.Errorf("format %q, header %q, meter %q", p.Format, p.Header, p.Meter)
	}
	if w.TimeRaw != "" {
		sameText(t, "time", p.Time, w.Time)
	}
	value := func(key string, from map[string]float64, name string) {
		t.Helper()
		want, sent := from[name]
		got, ok := p.Values[key]
		if ok != sent || math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
			t.Errorf("%s is %v (present %v), want %v (present %v)", key, got, ok, want, sent)
		}
	}
	for _, way := range []string{"import", "export"} {
		value("active_power_"+way, w.Power, way)
		value("reactive_power_"+way, w.Power, "reactive_"+way+"_var")
		energy := w.Energy
		if _, sent := energy[way+"_total"]; !sent {
			energy = w.Totals
		}
		value("active_energy_"+way, energy, way+"_total")
		value("reactive_energy_"+way, w.Energy, "reactive_"+way+"_total")
		for _, tariff := range []string{"_t1", "_t2", "_t3", "_t4"} {
			value("active_energy_"+way+tariff, w.Energy, way+tariff)
			value("reactive_energy_"+way+tariff, w.Energy, "reactive_"+way+tariff)
		}
	}
	value("active_power", w.Power, "net")
	for _, l := range []string{"l1", "l2", "l3"} {
		for key, name := range map[string]string{
			"voltage_": "voltage_v", "current_": "current_a",
			"active_power_": "power_w", "active_power_import_": "import_w", "active_power_export_": "export_w",
			"reactive_power_import_": "reactive_import_var", "reactive_power_export_": "reactive_export_var",
		} {
			value(key+l, w.Phases[l], name)
		}
	}
	checkChannels(t, p, s)
}

func checkChannels(t *testing.T, p *printed, s sidecar) {
	classes := map[int]string{2: "electricity", 3: "gas", 4: "heat", 7: "water"}
	next := 0
	for _, want := range s.Want.Mbus {
		if want.Type == 0 {
			continue // a place without a device
		}
		if next == len(p.Channels) {
			t.Fatalf("%d M-Bus devices, want more", next)
		}
		got := p.Channels[next]
		next++
		name := fmt.Sprintf("channel %d", want.Channel)
		if got.Channel != want.Channel || got.Type != classes[want.Type] {
			t.Errorf("%s, type %d is printed as channel %d, type %q", name, want.Type, got.Channel, got.Type)
		}
		if want.ID != nil && got.ID != *want.ID {
			t.Errorf("%s: id %q, want %q", name, got.ID, *want.ID)
		}
		if want.Value != nil && (got.Value == nil || *got.Value != *want.Value) {
			t.Errorf("%s: value %v, want %v", name, got.Value, *want.Value)
		}
		if want.Unit != nil && got.Unit != *want.Unit {
			t.Errorf("%s: unit %q, want %q", name, got.Unit, *want.Unit)
		}
		sameText(t, name+" time", got.Time, want.Time)
	}
	if next != len(p.Channels) {
		t.Errorf("%d M-Bus devices, want %d", len(p.Channels), next)
	}
}

// sameText compares texts that may be null.
func sameText(t *testing.T, name string, got, want *string) {
	t.Helper()
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Errorf("%s is %s, want %s", name, textOf(got), textOf(want))
	}
}

func textOf(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
