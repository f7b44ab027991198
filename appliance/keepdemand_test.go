package appliance

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/demand"
	"smartconnect/telegram"
)

// The peak of the month and the running quarter-hour outlive a stop and a reset. The
// meter's clock tells how long it was.
func TestDemandIsKept(t *testing.T) {
	began := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	before := demand.New(time.Hour, 0)
	for after := time.Duration(0); after <= 16*time.Minute; after += time.Minute {
		var r telegram.Reading
		r.Time = began.Add(after)
		r.At = [telegram.NumKinds]time.Time{telegram.Instantaneous: r.Time, telegram.Cumulative: r.Time}
		r.Set(telegram.ActivePower, telegram.Of(2000))
		r.Set(telegram.ActiveEnergyImport, telegram.Of(math.Round(100e3+2000*after.Hours())))
		before.Add(&r, r.Time)
	}
	kept, err := json.Marshal(before.State())
	if err != nil {
		t.Fatal(err)
	}
	f := newFeeder(t)
	b := start(t, f.source(), `{"Meter":{"DemandCap":3000}}`)
	b.stop()
	if err := os.WriteFile(filepath.Join(b.o.State, demandFile), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	for life, after := range []time.Duration{17 * time.Minute, 18 * time.Minute} {
		eventually(t, 3*time.Second, "the telegram", func() bool {
			f.say(telegramP1("1-3:0.2.8(50)", "0-0:1.0.0("+began.Add(after+time.Hour).Format("060102150405")+"W)",
				"1-0:1.7.0(02.000*kW)", "1-0:2.7.0(00.000*kW)", "1-0:31.7.0(009*A)", fmt.Sprintf("1-0:1.8.1(%010.3f*kWh)", 100+2*after.Hours())))
			s, err := b.status()
			return err == nil && len(s.Readings) > 0
		})
		s, err := b.status()
		if err != nil {
			t.Fatal(err)
		}
		is := func(name string, want float64) {
			i := slices.IndexFunc(s.Readings, func(r api.Reading) bool { return r.Name == name })
			if i < 0 || math.Abs(s.Readings[i].Value.Or(-1)-want) > 10 {
				t.Errorf("life %d: %s is not %v: %v", life+1, name, want, s.Readings)
			}
		}
		minutes := (after - 15*time.Minute).Minutes()
		is("active_demand", 2000*minutes/15)
		is("active_demand_month_peak", 2000)
		is("active_demand_headroom", (3000*15-2000*minutes)/(15-minutes)-2000)
		if code, _, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
			t.Fatal(code, err)
		}
		f.hangUp()
		eventually(t, 3*time.Second, "the next life begins", func() bool { return strings.Count(b.log.String(), "life begins") == life+3 })
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
