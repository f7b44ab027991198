package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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
		is("active_demand_forecast", 2000)
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

// hour is a demand keeper over a few hours of fake time, and the house it hears of.
type hour struct {
	k     *demandKeeper
	d     *demand.Demand
	wrote []time.Duration // when, since the beginning
}

// newHour waits for a time that can be one: fake time begins in 2000.
func newHour(path string) *hour {
	time.Sleep(time.Until(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)))
	return &hour{k: newDemandKeeper(path, slog.New(slog.DiscardHandler)), d: demand.New(time.Hour, 0)}
}

// quarters feeds it a house that draws each of these for a quarter-hour, a telegram
// every half minute.
func (h *hour) quarters(watts ...float64) {
	began := time.Now()
	var last string
	for i := range 30*len(watts) + 1 {
		var r telegram.Reading
		now := time.Now()
		r.Time, r.At[telegram.Instantaneous] = now, now
		r.Set(telegram.ActivePower, telegram.Of(watts[min(i/30, len(watts)-1)]))
		peak := h.d.Add(&r, now)
		h.k.note(h.d.State(), peak)
		synctest.Wait()
		if b, _ := os.ReadFile(h.k.path); string(b) != last {
			last = string(b)
			h.wrote = append(h.wrote, now.Sub(began))
		}
		time.Sleep(30 * time.Second)
	}
}

// A power cut is no orderly end: what it must not take was written before.
func TestDemandOverAPowerCut(t *testing.T) {
	const quarter = 15 * time.Minute
	for _, c := range []struct {
		name  string
		watts []float64
		wrote []time.Duration
		peak  float64 // after the cut
	}{
		{"nothing has ended", nil, nil, 0},
		{"the first peak of a month, at once", []float64{2000}, []time.Duration{quarter}, 2000},
		{"lower ones write nothing", []float64{2000, 1000, 1500, 2000, 500}, []time.Duration{quarter}, 2000},
		{"less than 1 % more, within the hour", []float64{2000, 2010, 2010, 2010, 2010, 2010, 2010}, []time.Duration{quarter, 5 * quarter}, 2010},
		{"rising all the time, four writes an hour", []float64{1000, 2000, 3000, 4000, 5000}, []time.Duration{quarter, 2 * quarter, 3 * quarter, 4 * quarter, 5 * quarter}, 5000},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), demandFile)
			synctest.Test(t, func(t *testing.T) {
				h := newHour(path)
				ctx, stop := context.WithCancel(t.Context())
				go h.k.run(ctx)
				if c.watts != nil {
					h.quarters(c.watts...)
				}
				if !slices.Equal(h.wrote, c.wrote) {
					t.Errorf("written after %v, want %v", h.wrote, c.wrote)
				}
				h.k.path = filepath.Join(t.TempDir(), "lost") // whatever comes now
				stop()
				synctest.Wait()
			})
			var s demand.State
			b, _ := os.ReadFile(path)
			if err := json.Unmarshal(b, &s); c.peak > 0 && err != nil {
				t.Fatal(err)
			}
			if got := s.Peak(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)); got != c.peak {
				t.Errorf("a peak of %v, want %v", got, c.peak)
			}
		})
	}
}

func TestDemandKeeper(t *testing.T) {
	var r telegram.Reading
	now := time.Now()
	r.Set(telegram.ActivePowerImport, telegram.Of(1))
	d := demand.New(time.Hour, 0)
	d.Add(&r, now)
	dir := t.TempDir()
	written := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	k := newDemandKeeper(filepath.Join(dir, "a"), slog.New(slog.DiscardHandler))
	if k.save(true) || written("a") {
		t.Error("written before there was anything")
	}
	k.note(d.State(), false)
	if k.save(false) || written("a") {
		t.Error("written without a new peak")
	}
	k.note(d.State(), true)
	k.path = filepath.Join(dir, "gone", "b")
	if !k.save(false) || len(k.rises) != 1 {
		t.Error("a peak that could not be kept is not tried again")
	}
	k.path = filepath.Join(dir, "c")
	if !k.save(false) || !written("c") {
		t.Error("it is not written once it can be")
	}
}

// The end of a life is kept also where the disk was full just before, and the meter in
// the middle of a telegram.
func TestDemandAtTheEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "full")
	synctest.Test(t, func(t *testing.T) {
		h := newHour(filepath.Join(dir, demandFile))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.k.run(ctx) }()
		h.quarters(1000, 2000)
		if h.wrote != nil {
			t.Fatal("it was written into a folder that is not there")
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
		before, err := os.ReadFile(h.k.path)
		if err != nil {
			t.Fatal(err)
		}
		var r telegram.Reading
		r.Time = time.Now()
		h.d.Add(&r, r.Time)
		h.k.note(h.d.State(), false)
		if after, err := os.ReadFile(h.k.path); err != nil || bytes.Equal(before, after) {
			t.Errorf("the last telegram is not in what is kept: %v", err)
		}
		next := (&life{o: Options{State: dir}, log: h.k.log}).openDemand(demand.New(time.Hour, 0))
		if next.kept != h.d.State() {
			t.Errorf("the next life thinks that %+v is kept", next.kept)
		}
	})
}
