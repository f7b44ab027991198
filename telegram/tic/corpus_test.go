package tic

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// corpus returns the folder of real frames, or skips: they are not ours to
// publish, so they are not in the repository.
func corpus(t testing.TB) string {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "captures")
	}
	dir = filepath.Join(dir, "tic")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus of real telegrams: %v (SMARTCONNECT_CORPUS names it)", err)
	}
	return dir
}

type sidecar struct {
	File   string
	Frames int        `json:"complete_frames"`
	First  *wantFrame `json:"expected_first_frame"`
	Last   *wantFrame `json:"expected_last_frame"`
}

type wantFrame struct {
	Mode       string
	Total      int      `json:"groups_total"`
	Bad        []string `json:"groups_bad_checksum"`
	Values     map[string]json.RawMessage
	EMPro      map[string]float64 `json:"empro_xemex_rule"`
	Normalised struct {
		ID       *string             `json:"meter_id"`
		Three    bool                `json:"three_phase"`
		Import   *float64            `json:"apparent_import_va"`
		Export   *float64            `json:"apparent_export_va"`
		Time     *time.Time          `json:"timestamp_utc"`
		Energy   map[string]float64  `json:"energy_wh"`
		Reactive map[string]float64  `json:"reactive_varh"`
		Tariff   *float64            `json:"tariff_index"`
		Current  map[string]float64  `json:"current_a"`
		L1       map[string]*float64 `json:"l1"`
		L2       map[string]*float64 `json:"l2"`
		L3       map[string]*float64 `json:"l3"`
	}
}

type read struct {
	m       telegram.Measurement
	objects map[string]telegram.Object
}

// frames reads every frame of a file.
func frames(b []byte, o telegram.Options) (all []read, errs []error) {
	telegram.Telegrams(b, Format, func(e telegram.Event) {
		if e.Lost.Err != nil {
			errs = append(errs, e.Lost.Err)
		}
		if e.Raw == nil {
			return
		}
		r := read{objects: map[string]telegram.Object{}}
		var err error
		r.m, err = Format.Decode(e.Raw, o, func(o telegram.Object) {
			o.Text = append([]byte(nil), o.Text...)
			r.objects[o.Label] = o
		})
		if err != nil {
			errs = append(errs, err)
			return
		}
		all = append(all, r)
	})
	return all, errs
}

func TestCorpus(t *testing.T) {
	dir := corpus(t)
	paths, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sidecars in %s: %v", dir, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s sidecar
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Run(s.File, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, s.File))
			if err != nil {
				t.Fatal(err)
			}
			got, errs := frames(b, telegram.Options{UTCOffset: time.Hour})
			want := s.Frames
			if strings.HasPrefix(s.File, "hist-parity-8n1") { // the sidecar counts for a reader that does not mask
				want = 1
			}
			if len(got) != want {
				t.Fatalf("%d frames, want %d; errors %v", len(got), want, errs)
			}
			if bad := strings.Contains(s.File, ".bad."); want == 0 && bad && len(errs) == 0 && !strings.Contains(s.File, "corrupted") {
				t.Error("a damaged file, and nothing is said")
			}
			if s.First != nil {
				checkFrame(t, "first", &got[0], s.First)
			}
			if s.Last != nil {
				checkFrame(t, "last", &got[len(got)-1], s.Last)
			}
			for _, err := range errs {
				if !strings.HasPrefix(err.Error(), "tic: ") {
					t.Errorf("error %q does not say where", err)
				}
			}
		})
	}
	// What comes with its parity reads as what comes without.
	plain, _ := os.ReadFile(filepath.Join(dir, "linky-hist-mono-base.tic"))
	parity, _ := os.ReadFile(filepath.Join(dir, "hist-parity-8n1.bad.bin"))
	a, _ := frames(plain, telegram.Options{})
	b, _ := frames(parity, telegram.Options{})
	if len(a) != 1 || len(b) != 1 || a[0].m != b[0].m {
		t.Errorf("with parity %+v, without %+v", b, a)
	}
}

func checkFrame(t *testing.T, which string, got *read, want *wantFrame) {
	t.Helper()
	m := &got.m
	if mode := map[string]string{"historique": "historique", "standard": "02"}[want.Mode]; m.Meter.Version.String() != mode {
		t.Errorf("%s: version %q, want %s", which, m.Meter.Version, mode)
	}
	for label, raw := range want.Values {
		var text string
		var stamped struct{ Horodate, Value string }
		if json.Unmarshal(raw, &text) != nil {
			if err := json.Unmarshal(raw, &stamped); err != nil {
				t.Fatal(err)
			}
			text = stamped.Value
		}
		o, ok := got.objects[label]
		if !ok || string(o.Text) != text || o.Stamp != stamped.Horodate {
			t.Errorf("%s: %s is %q %q (%v), want %s", which, label, o.Stamp, o.Text, ok, raw)
		}
	}
	if n := want.Total - len(want.Bad); len(got.objects) != n {
		t.Errorf("%s: %d groups, want %d", which, len(got.objects), n)
	}
	same := func(name string, q telegram.Quantity, want *float64) {
		t.Helper()
		v, ok := m.Get(q).Get()
		if ok != (want != nil) || ok && v != *want {
			t.Errorf("%s: %s is %v (%v), want %v", which, name, v, ok, want)
		}
	}
	n := &want.Normalised
	same("drawn", telegram.ApparentPowerImport, n.Import)
	same("injected", telegram.ApparentPowerExport, n.Export)
	id := ""
	if n.ID != nil {
		id = *n.ID
	}
	if m.Meter.ID.String() != id {
		t.Errorf("%s: meter %q, want %q", which, m.Meter.ID, id)
	}
	if n.Time != nil && !m.Time.Equal(*n.Time) {
		t.Errorf("%s: time %v, want %v", which, m.Time, n.Time)
	}
	for label, v := range n.Energy {
		if l, known := labels[label]; known {
			same(label, l.quantity, &v)
		} else if !strings.HasPrefix(label, "EASD") {
			t.Errorf("%s: %s means nothing", which, label)
		}
	}
	for label, v := range n.Reactive {
		same(label, labels[label].quantity, &v)
	}
	if n.Tariff != nil {
		same("tariff", telegram.Tariff, n.Tariff)
	}
	for i, l := range []map[string]*float64{n.L1, n.L2, n.L3} {
		if l != nil {
			same("voltage", telegram.VoltageL1+telegram.Quantity(i), l["voltage_v"])
			same("current", telegram.CurrentL1+telegram.Quantity(i), l["current_a"])
		}
	}
	for i, l := range []string{"l1", "l2", "l3"} {
		if v, ok := n.Current[l]; ok {
			same("current "+l, telegram.CurrentL1+telegram.Quantity(i), &v)
		}
	}
	for name, q := range map[string]telegram.Quantity{
		"p_total": telegram.ActivePower, "p1": telegram.ActivePowerL1, "p2": telegram.ActivePowerL2, "p3": telegram.ActivePowerL3,
		"u1": telegram.VoltageL1, "u2": telegram.VoltageL2, "u3": telegram.VoltageL3,
		"i1": telegram.CurrentL1, "i2": telegram.CurrentL2, "i3": telegram.CurrentL3,
	} {
		if got := m.Get(q).Or(0); got != want.EMPro[name] {
			t.Errorf("%s: the register of %s would read %v, want %v", which, name, got, want.EMPro[name])
		}
	}
	if !m.Apparent {
		t.Errorf("%s: its powers pass for active ones", which)
	}
}
