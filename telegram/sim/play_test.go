package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// record notes when each Write came and, if it has pauses left, takes one.
type record struct {
	at     []time.Time
	all    bytes.Buffer
	pauses []time.Duration
	err    error
}

func (r *record) Write(b []byte) (int, error) {
	r.at = append(r.at, time.Now())
	r.all.Write(b)
	if len(r.pauses) > 0 {
		time.Sleep(r.pauses[0])
		r.pauses = r.pauses[1:]
	}
	return len(b), r.err
}

func (r *record) gaps() []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(r.at); i++ {
		gaps = append(gaps, r.at[i].Sub(r.at[i-1]))
	}
	return gaps
}

func TestFeedKeepsTheInterval(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration
		pauses   []time.Duration
		want     []time.Duration
	}{
		{"the meter's own", 0, nil, []time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second}},
		{"another", time.Second, nil, []time.Duration{time.Second, time.Second, time.Second}},
		{"slow reader", time.Second, []time.Duration{300 * time.Millisecond}, []time.Duration{time.Second, time.Second, time.Second}},
		{"late reader misses telegrams", time.Second, []time.Duration{3200 * time.Millisecond}, []time.Duration{3200 * time.Millisecond, 800 * time.Millisecond, time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, start := record{pauses: c.pauses}, time.Now()
				if err := Feed(t.Context(), &w, meter(t, "dsmr42"), Play{Interval: c.interval, Count: 4}); err != nil {
					t.Fatal(err)
				}
				if !w.at[0].Equal(start) || !slices.Equal(w.gaps(), c.want) {
					t.Errorf("first after %v, then %v, want at once, then %v", w.at[0].Sub(start), w.gaps(), c.want)
				}
			})
		})
	}
}

func TestFeedIsDeterministic(t *testing.T) {
	play := func(seed uint64) string {
		var w record
		synctest.Test(t, func(t *testing.T) { // the clock starts at a fixed time
			if err := Feed(t.Context(), &w, meter(t, "dsmr50"), Play{Seed: seed, Count: 20, Lively: true}); err != nil {
				t.Fatal(err)
			}
		})
		return w.all.String()
	}
	first, again := play(1), play(1)
	if first != again {
		t.Error("the same seed gave different telegrams")
	}
	if first == play(2) {
		t.Error("another seed gave the same telegrams")
	}
}

func TestFeedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		var w record
		if err := Feed(ctx, &w, meter(t, "dsmr50"), Play{}); !errors.Is(err, context.DeadlineExceeded) || len(w.at) != 3 {
			t.Errorf("%d telegrams, then %v", len(w.at), err)
		}
		broken := record{err: io.ErrClosedPipe}
		if err := Feed(t.Context(), &broken, meter(t, "dsmr50"), Play{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v, want that of the writer", err)
		}
	})
}
