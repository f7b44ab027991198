package p1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// corpus returns the folder of real telegrams, or skips: they are not ours to
// publish, so they are not in the repository.
func corpus(t testing.TB) string {
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

type sidecar struct {
	File   string
	Bad    string
	Format string
	Frame  struct {
		Valid *bool `json:"crc_valid"`
	}
	Base  *float64        `json:"timezone_base_offset_hours"`
	Good  json.RawMessage `json:"good_telegrams"`
	Many  []listed        `json:"telegrams"`
	Wants *struct {
		Header    string
		Time      *string            `json:"timestamp_utc"`
		TimeRaw   string             `json:"timestamp_raw"`
		ID        *string            `json:"equipment_id"`
		Version   string             `json:"p1_version"`
		Version2  string             `json:"emucs_version"`
		Energy    map[string]float64 `json:"energy_wh"`
		Totals    map[string]float64 `json:"energy_wh_derived"`
		Power     map[string]float64 `json:"power_w"`
		Phases    map[string]map[string]float64
		Tariff    *float64
		Frequency *float64 `json:"frequency_hz"`
		Demand    *float64 `json:"current_avg_demand_w"`
		Month     *struct {
			Time string `json:"time_utc"`
			W    float64
		} `json:"month_max_demand"`
		Peaks []struct {
			Period string  `json:"period_utc"`
			Peak   string  `json:"peak_utc"`
			W      float64 `json:"w"`
		} `json:"max_demand_13m"`
		Mbus []struct {
			Channel int
			Type    int
			ID      *string
			Time    *string `json:"time_utc"`
			Value   *float64
			Unit    *string
		}
	} `json:"expected"`
}

type listed struct {
	CRC  string
	Time string  `json:"timestamp_utc"`
	Net  float64 `json:"net_w"`
}

// energyNames and phaseNames translate the sidecars' words into quantities.
var energyNames = map[string]telegram.Quantity{
	"import_total": telegram.ActiveEnergyImport, "import_t1": telegram.ActiveEnergyImportT1,
	"import_t2": telegram.ActiveEnergyImportT2, "import_t3": telegram.ActiveEnergyImportT3, "import_t4": telegram.ActiveEnergyImportT4,
	"export_total": telegram.ActiveEnergyExport, "export_t1": telegram.ActiveEnergyExportT1,
	"export_t2": telegram.ActiveEnergyExportT2, "export_t3": telegram.ActiveEnergyExportT3, "export_t4": telegram.ActiveEnergyExportT4,
	"reactive_import_total": telegram.ReactiveEnergyImport, "reactive_import_t1": telegram.ReactiveEnergyImportT1, "reactive_import_t2": telegram.ReactiveEnergyImportT2,
	"reactive_export_total": telegram.ReactiveEnergyExport, "reactive_export_t1": telegram.ReactiveEnergyExportT1, "reactive_export_t2": telegram.ReactiveEnergyExportT2,
}

var powerNames = map[string]telegram.Quantity{
	"import": telegram.ActivePowerImport, "export": telegram.ActivePowerExport, "net": telegram.ActivePower,
	"reactive_import_var": telegram.ReactivePowerImport, "reactive_export_var": telegram.ReactivePowerExport,
}

var phaseNames = map[string]telegram.Quantity{
	"voltage_v": telegram.VoltageL1, "current_a": telegram.CurrentL1,
	"import_w": telegram.ActivePowerImportL1, "export_w": telegram.ActivePowerExportL1, "power_w": telegram.ActivePowerL1,
	"reactive_import_var": telegram.ReactivePowerImportL1, "reactive_export_var": telegram.ReactivePowerExportL1,
}

func TestCorpus(t *testing.T) {
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
		var s sidecar
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if strings.Contains(s.Format, "encrypted") {
			continue // another issue's formats
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".expect.json"), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, s.File))
			if err != nil {
				t.Fatal(err)
			}
			checkCapture(t, raw, s)
		})
	}
}

func checkCapture(t *testing.T, raw []byte, s sidecar) {
	o := telegram.Options{UTCOffset: time.Hour}
	if s.Base != nil {
		o.UTCOffset = time.Duration(*s.Base * float64(time.Hour))
	}
	got, errs := decodeAll(raw, o)
	invalid := s.Frame.Valid != nil && !*s.Frame.Valid
	switch {
	case invalid: // rejected with the checksum on, read with it off
		if len(got) != 0 || len(errs) != 1 || telegram.Class(errs[0]) != "checksum" {
			t.Fatalf("with a wrong checksum: %d telegrams, errors %v; want none and one checksum error", len(got), errs)
		}
		o.NoChecksum = true
		if got, errs = decodeAll(raw, o); len(got) != 1 {
			t.Fatalf("without checksum: %d telegrams, errors %v", len(got), errs)
		}
	case s.Good != nil:
		checkGood(t, got, s)
	}
	if s.Wants != nil {
		// Two captures hold the same telegram twice.
		if want := bytes.Count(raw, []byte("/"+s.Wants.Header)); len(got) != want {
			t.Fatalf("%d telegrams, errors %v; want %d", len(got), errs, want)
		}
		for i := range got {
			checkWants(t, &got[i].m, s)
		}
	}
}

type decoded struct {
	m   telegram.Measurement
	crc string
}

func decodeAll(raw []byte, o telegram.Options) (got []decoded, errs []error) {
	telegram.Telegrams(raw, Format, func(e telegram.Event) {
		if e.Lost.Err != nil {
			errs = append(errs, e.Lost.Err)
		}
		if e.Raw == nil {
			return
		}
		m, err := decode(e.Raw, o, nil)
		if err != nil {
			errs = append(errs, err)
			return
		}
		_, sum, _ := split(e.Raw)
		got = append(got, decoded{m, strings.ToUpper(string(sum))})
	})
	return got, errs
}

// checkGood compares the telegrams that came out of a damaged stream with the
// sidecar's list: a count, checksums, or checksums with time and power.
func checkGood(t *testing.T, got []decoded, s sidecar) {
	var count int
	if json.Unmarshal(s.Good, &count) == nil {
		if len(got) != count {
			t.Fatalf("%d telegrams, want %d", len(got), count)
		}
	}
	list := s.Many
	if json.Unmarshal(s.Good, &list) != nil {
		var sums []string
		if json.Unmarshal(s.Good, &sums) == nil {
			list = nil
			for _, sum := range sums {
				list = append(list, listed{CRC: sum})
			}
		}
	}
	if len(list) != len(got) && (s.Many == nil || len(list) > len(got)) {
		t.Fatalf("%d telegrams, want %d: %s", len(got), len(list), s.Good)
	}
	for i, want := range list {
		if len(want.CRC) == 4 && got[i].crc != want.CRC {
			t.Errorf("telegram %d has checksum %s, want %s", i, got[i].crc, want.CRC)
		}
		if want.Time != "" {
			same(t, fmt.Sprintf("telegram %d power", i), got[i].m.Get(telegram.ActivePower), want.Net)
			sameTime(t, fmt.Sprintf("telegram %d time", i), got[i].m.Time, &want.Time)
		}
	}
}

func checkWants(t *testing.T, m *telegram.Measurement, s sidecar) {
	w := s.Wants
	if got := m.Meter.Header.String(); got != w.Header {
		t.Errorf("header %q, want %q", got, w.Header)
	}
	if w.ID != nil {
		if got := m.Meter.ID.String(); got != *w.ID {
			t.Errorf("id %q, want %q", got, *w.ID)
		}
	}
	if want := w.Version + w.Version2; m.Meter.Version.String() != want {
		t.Errorf("version %q, want %q", m.Meter.Version.String(), want)
	}
	if w.TimeRaw != "" {
		sameTime(t, "time", m.Time, w.Time)
	}
	for name, q := range energyNames {
		want, ok := w.Energy[name]
		if !ok {
			want, ok = w.Totals[name]
		}
		sameOrMissing(t, name, m.Get(q), want, ok)
	}
	for name, q := range powerNames {
		want, ok := w.Power[name]
		sameOrMissing(t, name, m.Get(q), want, ok)
	}
	for i, l := range []string{"l1", "l2", "l3"} {
		for name, q := range phaseNames {
			q += telegram.Quantity(i)
			want, ok := w.Phases[l][name]
			sameOrMissing(t, l+" "+name, m.Get(q), want, ok)
		}
	}
	for _, opt := range []struct {
		name string
		q    telegram.Quantity
		want *float64
	}{{"tariff", telegram.Tariff, w.Tariff}, {"frequency", telegram.Frequency, w.Frequency}, {"demand", telegram.ActiveDemand, w.Demand}} {
		want := 0.0
		if opt.want != nil {
			want = *opt.want
		}
		sameOrMissing(t, opt.name, m.Get(opt.q), want, opt.want != nil)
	}
	if w.Month != nil {
		same(t, "month peak", m.Get(telegram.ActiveDemandMonthPeak), w.Month.W)
		sameTime(t, "month peak time", m.PeakTime, &w.Month.Time)
	}
	for i := range m.Peaks {
		if i >= len(w.Peaks) {
			if m.Peaks[i].Value.OK() {
				t.Errorf("peak %d is present, want %d peaks", i, len(w.Peaks))
			}
			continue
		}
		same(t, "peak", m.Peaks[i].Value, w.Peaks[i].W)
		sameTime(t, "peak month", m.Peaks[i].Month, &w.Peaks[i].Period)
		sameTime(t, "peak time", m.Peaks[i].Time, &w.Peaks[i].Peak)
	}
	checkChannels(t, m, s)
}

func checkChannels(t *testing.T, m *telegram.Measurement, s sidecar) {
	announced := 0
	for _, c := range m.Channels {
		if c.Device != 0 {
			announced++
		}
	}
	want := 0
	for _, c := range s.Wants.Mbus {
		if c.Type != 0 {
			want++
		}
	}
	if announced != want {
		t.Errorf("%d M-Bus devices, want %d", announced, want)
	}
	for _, want := range s.Wants.Mbus {
		got := m.Channels[want.Channel-1]
		if int(got.Device) != want.Type {
			t.Errorf("channel %d: device %d, want %d", want.Channel, got.Device, want.Type)
		}
		if want.ID != nil && got.ID.String() != *want.ID {
			t.Errorf("channel %d: id %q, want %q", want.Channel, got.ID, *want.ID)
		}
		if want.Value != nil {
			same(t, "channel value", got.Value, *want.Value)
		}
		if want.Unit != nil && got.Unit.String() != *want.Unit {
			t.Errorf("channel %d: unit %q, want %q", want.Channel, got.Unit, *want.Unit)
		}
		sameTime(t, "channel time", got.Time, want.Time)
	}
}

func same(t *testing.T, name string, got telegram.Value, want float64) {
	t.Helper()
	if v, ok := got.Get(); !ok || math.Abs(v-want) > 1e-9*math.Max(1, math.Abs(want)) {
		t.Errorf("%s is %v (present %v), want %v", name, v, ok, want)
	}
}

func sameOrMissing(t *testing.T, name string, got telegram.Value, want float64, sent bool) {
	t.Helper()
	if sent {
		same(t, name, got, want)
	} else if got.OK() {
		t.Errorf("%s is present, want it missing", name)
	}
}

func sameTime(t *testing.T, name string, got time.Time, want *string) {
	t.Helper()
	if want == nil {
		if !got.IsZero() {
			t.Errorf("%s is %v, want none", name, got)
		}
		return
	}
	if w, err := time.Parse(time.RFC3339, *want); err != nil || !got.Equal(w) {
		t.Errorf("%s is %v, want %s", name, got, *want)
	}
}
