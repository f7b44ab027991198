package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram/sim"
)

var update = flag.Bool("update", false, "write the goldens of testdata/decode anew")

// fixtures is the folder of the module's own fixtures.
var fixtures = filepath.Join("..", "..", "testdata")

const seed = "../../testdata/p1/e350-seed.txt"

// noon of a summer's day: meters say S, and the roof exports.
var noon = time.Date(2026, 7, 3, 10, 22, 0, 0, time.UTC)

// simulated is the n-th telegram of a simulated meter.
func simulated(t *testing.T, name string, n int) string {
	t.Helper()
	m, err := sim.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	at := noon.Add(time.Duration(n) * time.Minute)
	return string(m.Encode(nil, m.House(7, noon).Look(at), at))
}

// printed is a line of decode as a program would read it.
type printed struct {
	Error, Detail, Format, Meter, Header string
	Time                                 *string
	Values                               map[string]float64
	OBIS                                 map[string]any
	Raw                                  map[string]int64
	Scalers                              map[string]string `json:"scaler_source"`
	Channels                             []struct {
		Channel  int
		Type, ID string
		Time     *string
		Value    *float64
		Unit     string
	}
}

func lines(t *testing.T, out string) []printed {
	t.Helper()
	var list []printed
	for text := range strings.Lines(out) {
		var p printed
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		list = append(list, p)
	}
	return list
}

func TestDecodeFindsNothing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, in, file, says string
	}{
		{"an empty file", "", empty, "no telegram found, only 0 octets of noise"},
		{"empty input", "", "-", "no telegram found, only 0 octets of noise"},
		{"no argument is standard input", "", "", "no telegram found"},
		{"noise", strings.Repeat("\xff\x00noise", 1000), "-", "no telegram found, only 7000 octets of noise"},
		{"a folder", "", t.TempDir(), "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"decode", c.file}
			if c.file == "" {
				args = args[:1]
			}
			r := call(t, c.in, args...)
			if r.code != exitFailed || r.out != "" || !strings.Contains(r.err, c.says) {
				t.Errorf("%+v, want exit code 1 and %q", r, c.says)
			}
		})
	}
}

// The published telegram has its serial numbers masked, so its checksum is that
// of another text.
func TestDecodeSeed(t *testing.T) {
	r := call(t, "", "decode", seed)
	const want = `{"error":"checksum","detail":"p1: checksum mismatch: sent 0C97, computed 6E6A"}` + "\n"
	if r != (result{exitFailed, want, ""}) {
		t.Errorf("%+v", r)
	}
	r = call(t, "", "decode", "--no-checksum", seed)
	if r.code != exitOK || r.err != "" {
		t.Fatalf("without checksum: %+v", r)
	}
	got := lines(t, r.out)[0]
	if got.Format != "p1" || got.Time == nil || *got.Time != "2014-12-27T17:03:23Z" || got.Header != "XMX5LGBBFFB123456789" {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]float64{
		"active_energy_import_t1": 687138, "active_energy_import_t2": 523849, "active_energy_import": 1210987,
		"active_energy_export": 0, "active_power_import": 428, "active_power": 428, "active_power_l1": 428, "current_l1": 2, "tariff": 1,
	} {
		if v, ok := got.Values[name]; !ok || v != want {
			t.Errorf("%s is %v (present %v), want %v", name, v, ok, want)
		}
	}
	if v, ok := got.Values["voltage_l1"]; ok {
		t.Errorf("a voltage of %v V, which the meter does not send", v)
	}
}

func TestDecodeKeepsTheOrder(t *testing.T) {
	damaged := strings.Replace(simulated(t, "dsmr50", 1), "*kWh)", "*kWH)", 1)
	r := call(t, simulated(t, "dsmr50", 0)+damaged+simulated(t, "dsmr50", 2)+"/ISK5cut off", "decode", "-")
	if r.code != exitOK {
		t.Errorf("exit code %d, want 0: two of them are good", r.code)
	}
	got := lines(t, r.out)
	if len(got) != 3 || *got[0].Time != "2026-07-03T10:22:00Z" || got[1].Error != "checksum" || *got[2].Time != "2026-07-03T10:24:00Z" {
		t.Errorf("%s", r.out)
	}
}

func TestDecodeFlags(t *testing.T) {
	in := simulated(t, "dsmr50", 0)
	for _, c := range []struct {
		flags, time string
	}{
		{"", "2026-07-03T10:22:00Z"},
		{"--format p1", "2026-07-03T10:22:00Z"},
		{"--format auto", "2026-07-03T10:22:00Z"},
		{"--utc-offset 0s", "2026-07-03T11:22:00Z"}, // 12:22 summer time
		{"--utc-offset=2h", "2026-07-03T09:22:00Z"},
		{"--utc-offset -4h30m", "2026-07-03T15:52:00Z"},
	} {
		args := append(append([]string{"decode"}, strings.Fields(c.flags)...), "-")
		r := call(t, in, args...)
		if got := lines(t, r.out); r.code != exitOK || len(got) != 1 || *got[0].Time != c.time {
			t.Errorf("%q: %+v, want time %s", args, r, c.time)
		}
	}
}

// What an installer tries on a capture before he sets it in the box.
func TestDecodeMeterFlags(t *testing.T) {
	plain := lines(t, call(t, simulated(t, "e450", 0), "decode").out)[0]
	austria := lines(t, call(t, simulated(t, "at-mbus-plain", 0), "decode").out)[0]
	for _, c := range []struct {
		meter, flags string
		value        string
		want         float64
		source       string // of the scaler of its object 1-0:1.7.0
	}{
		{"e450", "", "active_power_import", plain.Values["active_power_import"], "profile"},
		{"e450", "--profile lg-e570-tenths", "active_power_import", plain.Values["active_power_import"] / 10, "profile"},
		{"e450", "--scaler 1-0:1.7.0=1", "active_power_import", plain.Values["active_power_import"] * 10, "override"},
		{"e450", "--scaler 1-1:1.7.0=1 --scaler 1-0:31.7.0=-3", "current_l1", plain.Values["current_l1"] / 10, "override"},
		{"e450", "--current-ratio 40", "active_power_import", plain.Values["active_power_import"] * 40, "profile"},
		{"e450", "--current-ratio 40 --voltage-ratio 2", "voltage_l1", plain.Values["voltage_l1"] * 2, "profile"},
		{"at-mbus-plain", "--profile lg-e570-tenths", "active_power_import", austria.Values["active_power_import"], "transmitted"},
		{"dsmr50", "--current-ratio 2", "current_l1", 2 * lines(t, call(t, simulated(t, "dsmr50", 0), "decode").out)[0].Values["current_l1"], ""},
	} {
		args := append(append([]string{"decode"}, strings.Fields(c.flags)...), "-")
		r := call(t, simulated(t, c.meter, 0), args...)
		got := lines(t, r.out)
		if r.code != exitOK || len(got) != 1 {
			t.Errorf("%q of %s: %+v", args, c.meter, r)
			continue
		}
		if v, ok := got[0].Values[c.value]; !ok || math.Abs(v-c.want) > 1e-6 || got[0].Scalers["1-0:1.7.0"] != c.source {
			t.Errorf("%q of %s: %s is %v, want %v; scaler %q, want %q", args, c.meter, c.value, v, c.want, got[0].Scalers["1-0:1.7.0"], c.source)
		}
	}
	// The raw integer stays what was sent, whatever is made of it.
	r := call(t, simulated(t, "e450", 0), "decode", "--scaler", "1-0:1.7.0=1", "--estimate-phases")
	got := lines(t, r.out)[0]
	if got.Raw["1-0:1.7.0"] != plain.Raw["1-0:1.7.0"] || got.OBIS["1-0:1.7.0"] != float64(10*plain.Raw["1-0:1.7.0"]) {
		t.Errorf("raw %v, obis %v", got.Raw, got.OBIS)
	}
	if !strings.Contains(r.out, `"derived":["active_power_l1","active_power_l2","active_power_l3"]`) {
		t.Errorf("no estimate in %s", r.out)
	}
}

// A live line is shown as it comes, however its octets are cut, and Ctrl-C ends
// it.
func TestDecodeLive(t *testing.T) {
	in, line := io.Pipe()
	c := startCommand(t, in, "decode", "-")
	first := simulated(t, "dsmr50", 0)
	feed := func(text string, size int) {
		for b := range slices.Chunk([]byte(text), size) {
			if _, err := line.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	feed(first[:len(first)/2], 100)
	if c.out.String() != "" {
		t.Errorf("half a telegram printed %s", &c.out)
	}
	feed(first[len(first)/2:], 100)
	c.out.wait(t, `"2026-07-03T10:22:00Z".*\n`)
	feed(simulated(t, "dsmr50", 1), 7)
	c.out.wait(t, `"2026-07-03T10:23:00Z".*\n`)
	c.endsInASecond(t)
	if n := len(lines(t, c.out.String())); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestDecodeInterruptedBeforeAnyTelegram(t *testing.T) {
	in, _ := io.Pipe()
	c := startCommand(t, in, "decode")
	if code, took := c.end(t); code != exitFailed || took > time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
}

// Nobody reads: what is left of the input is not worth reading either.
func TestDecodeCannotPrint(t *testing.T) {
	endless, line := io.Pipe()
	defer line.Close()
	go func() {
		for _, err := line.Write([]byte(simulated(t, "dsmr50", 0))); err == nil; {
			_, err = line.Write([]byte("noise "))
		}
	}()
	for name, in := range map[string]io.Reader{"a short file": strings.NewReader(simulated(t, "dsmr50", 0)), "a live line": endless} {
		var errs bytes.Buffer
		code := dispatch(context.Background(), world{in, broken{}, &errs}, []string{"decode"})
		if code != exitFailed || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%s: exit code %d, %s", name, code, &errs)
		}
	}
	endless.Close()
}

// The exact line for one telegram of each kind of meter. -update writes
// telegrams and lines anew; look at the difference before you keep it.
func TestDecodeGolden(t *testing.T) {
	for _, name := range []string{"dsmr50", "emucs", "dsmr22", "q3d", "at-plain", "warmtelink"} {
		t.Run(name, func(t *testing.T) {
			in, golden := filepath.Join(fixtures, "decode", name+".txt"), filepath.Join(fixtures, "decode", name+".json")
			if *update {
				write(t, in, simulated(t, name, 0))
			}
			r := call(t, "", "decode", in)
			if r.code != exitOK || r.err != "" {
				t.Fatalf("%+v", r)
			}
			if *update {
				write(t, golden, r.out)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if r.out != string(want) {
				at := 0
				for at < min(len(r.out), len(want)) && r.out[at] == want[at] {
					at++
				}
				t.Errorf("differs from octet %d on:\ngot  %.120s\nwant %.120s", at, r.out[max(at-40, 0):], want[max(at-40, 0):])
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Texts stay what they are, also where HTML would not have them.
func TestDecodeText(t *testing.T) {
	in := strings.Replace(simulated(t, "dsmr22", 0), "0-0:96.13.0()", "0-0:96.13.0(41203C263E2042)", 1)
	if r := call(t, in, "decode"); r.code != exitOK || !strings.Contains(r.out, `"0-0:96.13.0":"A <&> B"`) {
		t.Errorf("%+v", r)
	}
}

// The keys of a line are always there: null, {} or [] where there is nothing.
func TestDecodeKeys(t *testing.T) {
	for name, null := range map[string]bool{"dsmr50": false, "dsmr22": true, "warmtelink": false, "q3d": true} {
		var line map[string]json.RawMessage
		if err := json.Unmarshal([]byte(call(t, simulated(t, name, 0), "decode").out), &line); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"format", "meter", "time", "values", "obis", "channels"} {
			if line[key] == nil || key != "time" && string(line[key]) == "null" {
				t.Errorf("%s: %q is %s", name, key, line[key])
			}
		}
		if got := string(line["time"]) == "null"; got != null {
			t.Errorf("%s: time is %s", name, line["time"])
		}
	}
}
