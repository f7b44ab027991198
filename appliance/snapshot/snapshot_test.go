package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/telegram"
)

func counter() func() uint64 {
	n := uint64(0)
	return func() uint64 { n++; return n }
}

func reading(power float64, at time.Time) telegram.Reading {
	var m telegram.Measurement
	m.Meter.Header = telegram.TextOf("TST5")
	m.Set(telegram.ActivePowerImport, telegram.Of(power))
	m.Complete(&telegram.Options{})
	var g telegram.Merge
	return g.Add(m, at)
}

func TestFresh(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &Snapshot{Period: time.Second, Reading: reading(1, at)}
	slow := &Snapshot{Period: 10 * time.Second, Reading: reading(1, at)}
	energyOnly := &Snapshot{Period: time.Second}
	for _, c := range []struct {
		name       string
		s          *Snapshot
		age        time.Duration
		staleAfter time.Duration
		want       bool
	}{
		{"no telegram yet", nil, 0, 0, false},
		{"never any power", energyOnly, 0, 0, false},
		{"a second's meter: at least five seconds", s, 5 * time.Second, 0, true},
		{"a second's meter past five seconds", s, 5*time.Second + 1, 0, false},
		{"a ten seconds' meter: three periods", slow, 30 * time.Second, 0, true},
		{"a ten seconds' meter past three periods", slow, 30*time.Second + 1, 0, false},
		{"the owner's limit", slow, 12 * time.Second, 12 * time.Second, true},
		{"past the owner's limit", slow, 12*time.Second + 1, 12 * time.Second, false},
	} {
		if got := c.s.Fresh(at.Add(c.age), c.staleAfter); got != c.want {
			t.Errorf("%s: fresh is %v", c.name, got)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Run("a slow reader skips to the newest and delays nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := NewStore(counter())
			ctx, cancel := context.WithCancel(t.Context())
			var seen []uint64
			done := make(chan bool)
			go func() {
				for snap := range s.Changes(ctx) {
					seen = append(seen, snap.Seq)
					time.Sleep(10 * time.Second)
				}
				close(done)
			}()
			for range 25 {
				s.Publish(reading(1, time.Now()), time.Now(), time.Second)
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute)
			cancel()
			<-done
			if len(seen) != 4 || seen[0] != 1 || seen[3] != 25 {
				t.Errorf("saw %v, want 4 snapshots from 1 to 25", seen)
			}
		})
	})
	t.Run("a reader that comes late gets the latest at once", func(t *testing.T) {
		s := NewStore(counter())
		s.Publish(reading(1, time.Now()), time.Now(), time.Second)
		for snap := range s.Changes(t.Context()) {
			if snap.Seq != 1 || snap != s.Latest() {
				t.Errorf("got %d", snap.Seq)
			}
			break
		}
	})
	t.Run("an ended context ends it even while telegrams keep coming", func(t *testing.T) {
		s := NewStore(counter())
		s.Publish(reading(1, time.Now()), time.Now(), time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for range s.Changes(ctx) {
			if n++; n == 3 {
				cancel()
			}
			s.Publish(reading(1, time.Now()), time.Now(), time.Second)
		}
		if n != 3 {
			t.Errorf("%d changes after the end", n)
		}
	})
	t.Run("many readers, one writer", func(t *testing.T) {
		s := NewStore(counter())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				last := uint64(0)
				for snap := range s.Changes(ctx) {
					if snap.Seq <= last {
						t.Errorf("%d came after %d", snap.Seq, last)
					}
					if last = snap.Seq; last == 2000 {
						return
					}
				}
			})
		}
		for range 2000 {
			s.Publish(reading(1, time.Now()), time.Now(), time.Second)
		}
		all.Wait()
	})
}

// A box that has not been told the time yet must not date a telegram to 1970.
func TestJSONWithoutAClock(t *testing.T) {
	s := &Snapshot{Seq: 1, Received: time.Unix(17, 0)}
	if got, want := string(s.AppendJSON(nil, OK)), `{"seq":1,"timestamp":null,`; !strings.HasPrefix(got, want) {
		t.Errorf("got %.60s, want %s", got, want)
	}
}

func TestJSON(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	keys := func(s *Snapshot) map[string]any {
		var m map[string]any
		b := s.AppendJSON(nil, OK)
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		return m
	}
	empty := keys(&Snapshot{Seq: 1, Received: at})
	full := &Snapshot{Seq: 184467, Received: at, Reading: reading(-1234.5, at)}
	full.Time = at.Add(-time.Second)
	got := keys(full)
	if len(empty) != len(got) || len(got) != int(telegram.NumQuantities)+8 {
		t.Errorf("%d keys without, %d with values: the key set is fixed", len(empty), len(got))
	}
	for key, want := range map[string]any{
		"seq": 184467.0, "timestamp": 1795262400.0, "meter_timestamp": 1795262399.0, "instantaneous_timestamp": 1795262400.0, "meter": "TST5", "quality": "ok",
		"active_power": -1234.5, "voltage_l1": nil,
	} {
		if v, there := got[key]; !there || v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	tariffs := &Snapshot{Seq: 1, Received: at}
	tariffs.Set(telegram.ActiveEnergyImportT1, telegram.Of(1))
	tariffs.Set(telegram.ActiveEnergyExportT1, telegram.Of(2))
	tariffs.Complete(&telegram.Options{})
	for s, want := range map[*Snapshot]string{full: "[]", tariffs: "[active_energy_import active_energy_export]"} {
		if got := fmt.Sprint(keys(s)["derived"]); got != want {
			t.Errorf("derived is %s, want %s", got, want)
		}
	}
	va := &Snapshot{}
	va.Apparent = true
	if w, v := keys(full)["power_unit"], keys(va)["power_unit"]; w != "W" || v != "VA" {
		t.Errorf("power_unit is %v, of a French meter %v", w, v)
	}
	if v := empty["meter_timestamp"]; v != nil {
		t.Errorf("meter_timestamp of no clock is %v", v)
	}
	if got := string(AppendString(nil, "a\"b\\c\n\x80é")); got != `"a\"b\\c\u000a\u0080\u00c3\u00a9"` {
		t.Errorf("string %s", got)
	}
}

func TestSequence(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	writes := 0
	save := func(path string, b []byte) error { writes++; return os.WriteFile(path, b, 0o600) }
	path := filepath.Join(t.TempDir(), "seq")

	s, err := OpenSequence(path, os.ReadFile, save, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for want := uint64(1); want <= 250_000; want++ {
		if got := s.Next(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	if writes != 3 {
		t.Errorf("%d writes for 250 000 telegrams, want 3", writes)
	}
	again, err := OpenSequence(path, os.ReadFile, save, quiet) // as after a power cut
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Next(); got <= 250_000 || got > 400_000 {
		t.Errorf("after a restart the sequence goes on at %d", got)
	}

	for _, content := range []string{"", "garbage", "-5", "9007199254740992"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSequence(path, os.ReadFile, save, quiet)
		if err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		if got := s.Next(); got < 1e12 || got >= maxSeq {
			t.Errorf("after %q the sequence goes on at %d", content, got)
		}
	}

}

// A full disk has cost people the order of their readings: numbers must neither
// begin anew nor jump ahead and back.
func TestSequenceOnAFullDisk(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	full := func(string, []byte) error { return errors.New("disk full") }
	works := func(path string, b []byte) error { return os.WriteFile(path, b, 0o600) }
	path := filepath.Join(t.TempDir(), "seq")
	var last uint64
	for i, save := range []func(string, []byte) error{works, full, full, works} {
		s, err := OpenSequence(path, os.ReadFile, save, quiet)
		if err != nil {
			t.Fatalf("life %d: %v", i, err)
		}
		first := s.Next()
		if first <= last || first > last+2*block {
			t.Errorf("life %d goes on at %d after %d", i, first, last)
		}
		for range block + 10 {
			last = s.Next()
		}
	}

	// Nowhere to write at all: numbers come nevertheless, and are kept as soon
	// as that can be done.
	failing := true
	s, err := OpenSequence(filepath.Join(t.TempDir(), "gone", "seq"), os.ReadFile, func(string, []byte) error {
		if failing {
			return errors.New("disk full")
		}
		return nil
	}, quiet)
	if err == nil || !strings.Contains(err.Error(), "disk full") || s == nil {
		t.Fatalf("a sequence that cannot be reserved: %v %v", s, err)
	}
	if n := s.Next(); n < 1e12 {
		t.Errorf("without a file the sequence begins at %d", n)
	}
	failing = false
	for range retry {
		last = s.Next()
	}
	if s.reserved < last+block-retry {
		t.Errorf("the block was not asked for again: reserved up to %d at %d", s.reserved, last)
	}
}
