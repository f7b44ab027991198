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
	next func() uint64
	last atomic.Pointer[link]
	mu   sync.Mutex // held by the writer
}

// link is one published snapshot and the way to the one after it. A reader holds
// the link it has come to, and so what has not reached it yet; nobody else does.
type link struct {
	snap   *Snapshot
	number uint64        // of links before it
	after  chan struct{} // closed once next is there
	next   *link
}

// NewStore returns an empty store that numbers its snapshots with next.
func NewStore(next func() uint64) *Store {
	s := &Store{next: next}
	s.last.Store(&link{after: make(chan struct{})})
	return s
}

// Publish makes r, received at now, the latest snapshot and returns it.
func (s *Store) Publish(r telegram.Reading, now time.Time, period time.Duration) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := &Snapshot{Seq: s.next(), Received: now, Period: period, Reading: r}
	before := s.last.Load()
	l := &link{snap: snap, number: before.number + 1, after: make(chan struct{})}
	before.next = l
	s.last.Store(l)
	close(before.after)
	return snap
}

// Latest returns the newest snapshot, nil before the first telegram.
func (s *Store) Latest() *Snapshot { return s.last.Load().snap }

// Changes yields the newest snapshot, if there is one, and then every newer
// one until ctx is done. What comes while the caller is busy is skipped but for
// the newest.
func (s *Store) Changes(ctx context.Context) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		for at := s.last.Load(); ctx.Err() == nil; at = s.last.Load() {
			if at.snap != nil && !yield(at.snap) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-at.after:
			}
		}
	}
}

// Reader is for who must not lose a snapshot. It belongs to one goroutine.
type Reader struct {
	store *Store
	at    *link // the last one that was yielded
}

// Reader returns a reader of every snapshot that is published after the call.
func (s *Store) Reader() *Reader { return &Reader{s, s.last.Load()} }

// backlog is how many snapshots wait for a Reader: with the largest telegrams about
// 4 MB.
const backlog = 2048

// Every yields the snapshots in order until ctx is done; called again, it goes on
// where it was. What comes while the caller is busy waits for it, up to half an hour
// of it at one a second; of more the oldest are skipped.
func (r *Reader) Every(ctx context.Context) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.at.after:
			}
			if ctx.Err() != nil {
				return
			}
			r.at = r.at.next
			for last := r.store.last.Load(); last.number-r.at.number >= backlog; {
				r.at = r.at.next
			}
			if !yield(r.at.snap) {
				return
			}
		}
	}
}
