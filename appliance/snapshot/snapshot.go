// Package snapshot holds the latest reading of the meter for everybody who
// offers it: one writer publishes, any number of readers take the latest or
// range over the changes. A snapshot never changes once published, and a slow
// reader skips to the newest: nothing it does can delay the meter.
package snapshot

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"smartconnect/telegram"
)

// Snapshot is what was known after one telegram.
type Snapshot struct {
	Seq      uint64        // grows with every telegram, across restarts too
	Received time.Time     // host time of the telegram
	Period   time.Duration // expected time between fresh instantaneous values
	telegram.Reading
}

// Age returns how old the instantaneous values are at now; ok is false if there
// never were any, as in a nil snapshot.
func (s *Snapshot) Age(now time.Time) (age time.Duration, ok bool) {
	if s == nil {
		return 0, false
	}
	at := s.At[telegram.Instantaneous]
	if at.IsZero() {
		return 0, false
	}
	return now.Sub(at), true
}

// Limit returns the age past which instantaneous values may no longer pass for
// fresh: staleAfter where the owner set one, else that of the period.
func (s *Snapshot) Limit(staleAfter time.Duration) time.Duration {
	if staleAfter > 0 {
		return staleAfter
	}
	return telegram.Limit(s.Period)
}

// Fresh reports whether the instantaneous values are within the limit at now.
// A nil snapshot is never fresh.
func (s *Snapshot) Fresh(now time.Time, staleAfter time.Duration) bool {
	age, ok := s.Age(now)
	return ok && age <= s.Limit(staleAfter)
}

// Store hands snapshots from the one writer to the readers.
type Store struct {
	next   func() uint64
	latest atomic.Pointer[Snapshot]

	mu      sync.Mutex
	changed chan struct{}
}

// NewStore returns an empty store that numbers its snapshots with next.
func NewStore(next func() uint64) *Store {
	return &Store{next: next, changed: make(chan struct{})}
}

// Publish makes r, received at now, the latest snapshot and returns it.
func (s *Store) Publish(r telegram.Reading, now time.Time, period time.Duration) *Snapshot {
	snap := &Snapshot{Seq: s.next(), Received: now, Period: period, Reading: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest.Store(snap)
	close(s.changed)
	s.changed = make(chan struct{})
	return snap
}

// Latest returns the newest snapshot, nil before the first telegram.
func (s *Store) Latest() *Snapshot { return s.latest.Load() }

// Changes yields the newest snapshot, if there is one, and then every newer
// one until ctx is done. What comes while the caller is busy is skipped but for
// the newest.
func (s *Store) Changes(ctx context.Context) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		var seen *Snapshot
		for ctx.Err() == nil {
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			if snap := s.latest.Load(); snap != seen {
				seen = snap
				if !yield(snap) {
					return
				}
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}
