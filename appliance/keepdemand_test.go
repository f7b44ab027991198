package appliance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/demand"
	"smartconnect/telegram"
)

// The peak of the month outlives a reset and a power cut, and costs few writes.
func TestDemandIsKept(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), `{"Meter":{"DemandCap":3000}}`)
	began := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	say := func(after time.Duration) {
		f.say(telegramP1("1-3:0.2.8(50)", "0-0:1.0.0("+began.Add(after).Format("060102150405")+"W)",
			"1-0:1.7.0(02.000*kW)", "1-0:2.7.0(00.000*kW)", "1-0:31.7.0(009*A)", fmt.Sprintf("1-0:1.8.1(%010.3f*kWh)", 100+2*after.Hours())))
	}
	reading := func(name string) (float64, bool) {
		s, _ := b.status()
		for _, r := range s.Readings {
			if r.Name == name {
				return r.Value.Get()
			}
		}
		return 0, false
	}
	for s := time.Duration(0); s <= 16*time.Minute; s += time.Minute {
		say(s)
	}
	eventually(t, 3*time.Second, "a peak", func() bool { v, ok := reading("active_demand_month_peak"); return ok && v >= 1995 && v <= 2005 })
	if v, ok := reading("active_demand_headroom"); !ok || v < 1000 {
		t.Errorf("headroom %v (%v)", v, ok)
	}
	if _, err := os.Stat(filepath.Join(b.o.State, demandFile)); err == nil {
		t.Error("it is written to the flash already")
	}
	if code, _, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
		t.Fatal(code, err)
	}
	f.hangUp()
	eventually(t, 3*time.Second, "the next life begins", func() bool { return strings.Count(b.log.String(), "life begins") == 2 })
	say(17 * time.Minute)
	eventually(t, 3*time.Second, "the peak is still known", func() bool { v, ok := reading("active_demand_month_peak"); return ok && v >= 1995 && v <= 2005 })
	if v, ok := reading("active_demand"); !ok || v < 250 || v > 280 { // two minutes of 2 kW
		t.Errorf("the running quarter-hour is %v (%v)", v, ok)
	}
	b.stop()

	if err := os.WriteFile(filepath.Join(b.o.State, demandFile), []byte(`{"version":1,`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	s, err := b.status()
	if err != nil || len(s.Warnings) == 0 || !strings.Contains(s.Warnings[0], "peaks of the months are lost") {
		t.Errorf("a damaged file: %v, %q", err, s.Warnings)
	}
}

func TestDemandKeeperWritesSeldom(t *testing.T) {
	k := &demandKeeper{path: filepath.Join(t.TempDir(), demandFile)}
	var r telegram.Reading
	r.Set(telegram.ActivePowerImport, telegram.Of(1))
	d := demand.New(time.Hour, 0)
	d.Add(&r, time.Now())
	written := func() bool { _, err := os.Stat(k.path); return err == nil }
	if err := k.save(true); err != nil || written() {
		t.Errorf("written before there was anything: %v", err)
	}
	k.note(d.State(), false)
	if err := k.save(false); err != nil || written() {
		t.Errorf("written without a new peak: %v", err)
	}
	k.note(d.State(), true)
	k.path = filepath.Join(t.TempDir(), "gone", demandFile)
	if err := k.save(false); err == nil || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("a folder that is not there: %v", err)
	}
	k.path = filepath.Join(t.TempDir(), demandFile)
	if err := k.save(false); err != nil || !written() {
		t.Errorf("a peak that could not be kept is not tried again: %v", err)
	}
}
