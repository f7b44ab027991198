// Package share passes the meter's telegrams on to any number of readers, whole and
// as they came: over TCP, as evcc, Home Assistant and DSMR-reader read a meter, or to
// whoever ranges over a [Reader].
//
// A reader begins with the next telegram. One that is slow loses old telegrams, each
// of them whole; it never delays the meter or another reader. What is kept here for it
// is of the last seconds: nobody wants a telegram of an hour ago. What its own system
// has taken for it, and it has not read, is not ours to take back.
//
// One over TCP that takes nothing for a while is dropped, possibly in the middle of a
// telegram. Then its connection is reset, so that it ends with an error and not as if
// that had been all.
package share

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Telegram is one as it stands on the line.
type Telegram struct {
	Format string
	Octets []byte // not to be changed
}

// Feed hands telegrams from the one meter to its readers. The zero Feed is ready.
type Feed struct {
	mu      sync.Mutex
	readers map[*Reader]struct{}

	passed, lost atomic.Uint64
}

const (
	maxReaders = maxServed + 4 // those of the API have given a password
	maxWaiting = 64            // telegrams that a reader may be behind: what a gateway
	maxOctets  = 64 << 10      // has held back for a minute comes at once
)

// ErrFull says that there are as many readers as there may be.
var ErrFull = fmt.Errorf("share: no room for another reader, there are %d", maxReaders)

// Publish hands a telegram to every reader. It does not wait for any of them.
func (f *Feed) Publish(t Telegram) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		r.waiting = append(r.waiting, t)
		r.octets += len(t.Octets)
		for len(r.waiting) > maxWaiting || r.octets > maxOctets && len(r.waiting) > 1 {
			r.drop()
			r.lost++
			f.lost.Add(1)
		}
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	f.passed.Add(1)
}

// Wanted reports whether anybody reads.
func (f *Feed) Wanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers) > 0
}

// Stats of a feed.
type Stats struct {
	Readers int
	Passed  uint64 // telegrams handed on
	Lost    uint64 // that slow readers did not get, for each of them
}

// Stats returns what the feed has done.
func (f *Feed) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{Readers: len(f.readers), Passed: f.passed.Load(), Lost: f.lost.Load()}
}

// Join adds a reader, who must leave. The error is ErrFull.
func (f *Feed) Join() (*Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.readers) >= maxReaders {
		return nil, ErrFull
	}
	if f.readers == nil {
		f.readers = map[*Reader]struct{}{}
	}
	r := &Reader{feed: f, news: make(chan struct{}, 1)}
	f.readers[r] = struct{}{}
	return r, nil
}

// Reader is one who reads.
type Reader struct {
	feed *Feed
	news chan struct{}

	waiting []Telegram // guarded by the feed, as all below
	octets  int        // in them
	lost    uint64
}

// Next returns the next telegram. The error is that of ctx.
func (r *Reader) Next(ctx context.Context) (Telegram, error) {
	for {
		if t, ok := r.take(); ok {
			return t, nil
		}
		select {
		case <-ctx.Done():
			return Telegram{}, ctx.Err()
		case <-r.news:
		}
	}
}

func (r *Reader) take() (Telegram, bool) {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if len(r.waiting) == 0 {
		return Telegram{}, false
	}
	return r.drop(), true
}

// drop takes the oldest telegram out; the feed is locked.
func (r *Reader) drop() Telegram {
	t := r.waiting[0]
	r.waiting = slices.Delete(r.waiting, 0, 1)
	r.octets -= len(t.Octets)
	return t
}

// Lost returns how many telegrams the reader was too slow for.
func (r *Reader) Lost() uint64 {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	return r.lost
}

// Leave takes the reader off the feed.
func (r *Reader) Leave() {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	delete(r.feed.readers, r)
}
