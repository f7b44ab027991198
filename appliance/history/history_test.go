package history

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// live is a life of the box in which a meter says watts in each second.
func live(t *testing.T, archive *Archive, watts float64, d time.Duration, log *slog.Logger) *History {
	n := uint64(0)
	store := snapshot.NewStore(func() uint64 { n++; return n })
	h := New(NewHour(time.Now()), store, archive, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		s := told(watts)
		store.Publish(s.Reading, s.Received, s.Period)
	}
	synctest.Wait()
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("ended with %v", err)
	}
	return h
}

// untilNoon takes the clock of a bubble, which begins with the year 2000, to a time
// that a box believes.
func untilNoon() { time.Sleep(time.Until(noon)) }

var silent = slog.New(slog.DiscardHandler)

// Two lives share a quarter-hour, and the box is switched off in another.
func TestLives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	synctest.Test(t, func(t *testing.T) {
		untilNoon()
		h := live(t, open(t, path), 100, 20*time.Minute, silent)
		if got := h.Hour.lastPower(5); got != "100×4 -" {
			t.Errorf("the hour ends with %s", got)
		}
		live(t, open(t, path), 400, 10*time.Minute, silent)
		live(t, open(t, path), 500, 3*time.Minute, silent)
		var got []string
		for q := range open(t, path).Between(noon, time.Now()) {
			got = append(got, q.written())
		}
		want := "12:00 +100 -0 100..100 -/- 900s, 12:15 +300 -0 100..400 -/- 900s, 12:30 +500 -0 500..500 -/- 180s"
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// A meter that has died does not keep the quarter-hour from the disk.
func TestSilentMeter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	synctest.Test(t, func(t *testing.T) {
		untilNoon()
		store := snapshot.NewStore(func() uint64 { return 0 })
		h := New(NewHour(time.Now()), store, open(t, path), silent)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		s := told(100)
		store.Publish(s.Reading, s.Received, s.Period)
		time.Sleep(length - time.Second)
		if _, ok := h.Archive.At(s.Received); ok {
			t.Error("a quarter-hour is kept before it is over")
		}
		time.Sleep(look + 2*time.Second)
		if q, ok := h.Archive.At(s.Received); !ok || q.Known != telegram.Limit(time.Second) {
			t.Errorf("%+v %v", q, ok)
		}
		cancel()
		<-done
	})
}

func TestNothingOnTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := live(t, nil, 100, 31*time.Minute, silent)
		if h.Archive != nil || h.Hour.lastPower(2) != "100 -" {
			t.Errorf("%s", h.Hour.lastPower(2))
		}
	})
}

// A disk that cannot be written is said once.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a := open(t, filepath.Join(dir, "history"))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		untilNoon()
		var text strings.Builder
		h := live(t, a, 100, time.Hour, slog.New(slog.NewTextHandler(&text, nil)))
		if n := strings.Count(text.String(), "cannot be kept"); n != 1 {
			t.Errorf("said %d times: %s", n, text.String())
		}
		if h.Hour.lastPower(2) != "100 -" {
			t.Errorf("the hour ends with %s", h.Hour.lastPower(2))
		}
	})
}

// BenchmarkTelegram is what each telegram costs, kept on the disk or not.
func BenchmarkTelegram(b *testing.B) {
	for name, archive := range map[string]*Archive{"memory": nil, "disk": open(b, filepath.Join(b.TempDir(), "history"))} {
		b.Run(name, func(b *testing.B) {
			h := New(NewHour(time.Now()), snapshot.NewStore(func() uint64 { return 0 }), archive, silent)
			s := told(100)
			b.ReportAllocs()
			for b.Loop() {
				s.Received = s.Received.Add(10 * time.Millisecond)
				s.At[telegram.Instantaneous] = s.Received
				h.take(s)
			}
		})
	}
}

// BenchmarkBetween is a whole hour of everything.
func BenchmarkBetween(b *testing.B) {
	h, now := NewHour(time.Now()), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		h.Between(now.Add(-time.Hour), now.Add(time.Second), now, Quantities()...)
	}
}
