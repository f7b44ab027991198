package appliance

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/telegram"
)

// corpus returns the folder of real telegrams, or skips: they are not ours to
// publish, so they are not in the repository.
func corpus(t *testing.T) string {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "captures")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus of real telegrams: %v (SMARTCONNECT_CORPUS names it)", err)
	}
	return dir
}

// sidecar is what independent readers found in a capture, as far as it names objects.
type sidecar struct {
	Keys *struct { // of a binary meter
		Key  *string `json:"guek"`
		Auth *string `json:"gak"`
	}
	Encryption *struct { // of a text
		Key  string
		Auth string `json:"authentication_key"`
	}
	Messages []struct {
		Cipher *struct {
			Counter uint32 `json:"invocation_counter"`
		} `json:"ciphering"`
		Values []struct {
			OBIS      *string
			Attribute *int8
			Unit      *string
			Value     *float64
			Text      *string
		}
	}
	Want *struct { // of every telegram of a P1 capture
		Energy map[string]float64 `json:"energy_wh"`
		Power  map[string]float64 `json:"power_w"`
		Phases map[string]map[string]float64
	} `json:"expected"`
	First *frame `json:"expected_first_frame"`
	Last  *frame `json:"expected_last_frame"` // of TIC, where it is another one
}

type frame struct{ Values map[string]json.RawMessage }

// told is one object of a reading.
type told struct {
	Value any
	Unit  string
}

// The objects of a reading are those that independent readers found in the captures.
func TestReadingOfCorpus(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(corpus(t), "*", "*.expect.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sidecars: %v", err)
	}
	checked := map[string]int{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s sidecar
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		captures, err := filepath.Glob(strings.TrimSuffix(path, "expect.json") + "[bt]*") // bin, tic, txt
		if err != nil || len(captures) != 1 {
			t.Fatalf("%s is of %v, %v", path, captures, err)
		}
		octets, err := os.ReadFile(captures[0])
		if err != nil {
			t.Fatal(err)
		}
		kind := filepath.Base(filepath.Dir(path))
		t.Run(kind+"/"+filepath.Base(captures[0]), func(t *testing.T) { checked[kind] += s.check(t, octets) })
	}
	t.Log(checked)
	for kind, least := range map[string]int{"p1": 500, "dlms": 400, "tic": 100} {
		if checked[kind] < least {
			t.Errorf("%d objects of %s looked at, want %d", checked[kind], kind, least)
		}
	}
}

// check reads a capture as the box does, and returns how many objects it has compared.
func (s *sidecar) check(t *testing.T, octets []byte) (compared int) {
	m, _ := readMeter(t, s.settings())
	_ = m.receiver.Run(bytes.NewReader(octets), time.Second, m.received)
	var got struct {
		Seq          uint64
		OBIS, Labels map[string]told
	}
	if err := json.Unmarshal(m.reading(true).JSON, &got); err != nil {
		t.Fatal(err)
	}
	if got.Seq == 0 {
		if len(got.OBIS) > 0 || len(got.Labels) > 0 {
			t.Error("objects without a telegram")
		}
		return 0
	}
	for code, want := range s.codes() {
		compared++
		if o, ok := got.OBIS[code]; !ok || !o.is(want) {
			t.Errorf("%s is %v (present %v), want %v", code, o, ok, want)
		}
	}
	for label, want := range s.labels() {
		compared++
		if o, ok := got.Labels[label]; !ok || !o.is(want) {
			t.Errorf("%s is %v (present %v), want %v", label, o, ok, want)
		}
	}
	return compared
}

// settings are those with the keys of the capture.
func (s *sidecar) settings() config.Meter {
	c := config.Default().Meter
	if k := s.Keys; k != nil && k.Key != nil {
		c.Key = telegram.NewSecret(*k.Key)
		if k.Auth != nil {
			c.AuthKey = telegram.NewSecret(*k.Auth)
		}
	}
	if e := s.Encryption; e != nil {
		c.Key, c.AuthKey = telegram.NewSecret(e.Key), telegram.NewSecret(e.Auth)
	}
	return c
}

// codes are the objects by their codes. The last telegram that has one counts, but not
// one that is played again.
func (s *sidecar) codes() map[string]told {
	all := map[string]told{}
	heard := uint32(0)
	for _, m := range s.Messages {
		if c := m.Cipher; c != nil && c.Counter <= heard {
			continue
		} else if c != nil {
			heard = c.Counter
		}
		for _, v := range m.Values {
			if v.OBIS == nil || v.Attribute == nil || *v.Attribute != 2 {
				continue
			}
			code := strings.TrimSuffix(*v.OBIS, ".255")
			switch {
			case v.Value != nil && v.Unit != nil:
				all[code] = told{*v.Value, strings.TrimPrefix(*v.Unit, "1")} // "1": a count
			case v.Text != nil:
				all[code] = told{*v.Text, ""}
			}
		}
	}
	if w := s.Want; w != nil {
		for of, code := range map[string]string{
			"import_total": "1-0:1.8.0", "import_t1": "1-0:1.8.1", "import_t2": "1-0:1.8.2", "import_t3": "1-0:1.8.3", "import_t4": "1-0:1.8.4",
			"export_total": "1-0:2.8.0", "export_t1": "1-0:2.8.1", "export_t2": "1-0:2.8.2", "export_t3": "1-0:2.8.3", "export_t4": "1-0:2.8.4",
		} {
			put(all, code, w.Energy, of, "Wh")
		}
		put(all, "1-0:1.7.0", w.Power, "import", "W")
		put(all, "1-0:2.7.0", w.Power, "export", "W")
		for phase, codes := range map[string][]string{
			"l1": {"1-0:32.7.0", "1-0:31.7.0", "1-0:21.7.0", "1-0:22.7.0"},
			"l2": {"1-0:52.7.0", "1-0:51.7.0", "1-0:41.7.0", "1-0:42.7.0"},
			"l3": {"1-0:72.7.0", "1-0:71.7.0", "1-0:61.7.0", "1-0:62.7.0"},
		} {
			put(all, codes[0], w.Phases[phase], "voltage_v", "V")
			put(all, codes[1], w.Phases[phase], "current_a", "A")
			put(all, codes[2], w.Phases[phase], "import_w", "W")
			put(all, codes[3], w.Phases[phase], "export_w", "W")
		}
	}
	return all
}

func put(all map[string]told, code string, from map[string]float64, name, unit string) {
	if v, ok := from[name]; ok {
		all[code] = told{v, unit}
	}
}

// labels are the groups of the last frame of TIC, as they were sent.
func (s *sidecar) labels() map[string]told {
	all := map[string]told{}
	for _, f := range []*frame{s.First, s.Last} {
		if f == nil {
			continue
		}
		for label, sent := range f.Values {
			var text string
			if json.Unmarshal(sent, &text) == nil {
				all[label] = told{text, ""}
			}
		}
	}
	return all
}

// is reports whether the object is the one that others have read. Of TIC they have
// the digits, without a unit.
func (o told) is(want told) bool {
	if v, ok := o.Value.(float64); ok {
		if text, sent := want.Value.(string); sent {
			var n json.Number
			if json.Unmarshal([]byte(strings.TrimLeft(text, "0")), &n) != nil {
				n = "0"
			}
			f, err := n.Float64()
			return err == nil && f == v
		}
		w, _ := want.Value.(float64)
		return math.Abs(v-w) <= 1e-9*math.Max(1, math.Abs(w)) && o.Unit == want.Unit
	}
	return o.Value == want.Value && o.Unit == want.Unit
}
