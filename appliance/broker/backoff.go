package broker

import (
	"net/netip"
	"sync"
	"time"
)

// How long a login is refused unheard after a wrong password: the first pause,
// doubled by each further one. Passwords have 80 random bits, so this is not
// against guessing: it keeps a client with a wrong password in its settings
// from having one verified every second.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second
)

// maxAttempts bounds the memory for failed logins. Who has more addresses than
// that may be forgotten.
const maxAttempts = 1024

// attempt is who tries to log in. Both count: a wrong password of one program
// must not lock out the other programs of its host.
type attempt struct {
	from netip.Addr
	user string
}

type failure struct {
	pause time.Duration
	until time.Time
}

// backoff remembers failed logins. The zero backoff is ready.
type backoff struct {
	mu       sync.Mutex
	failures map[attempt]failure
}

// wait reports whether a must wait at now.
func (b *backoff) wait(a attempt, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, ok := b.failures[a]
	return ok && now.Before(f.until)
}

// failed notes a wrong password and reports whether it is news: the first, or
// the first after a quiet time.
func (b *backoff) failed(a attempt, now time.Time) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, ok := b.failures[a]
	news = !ok || now.After(f.until.Add(maxPause))
	if news {
		f.pause = firstPause
	} else {
		f.pause = min(2*f.pause, maxPause)
	}
	f.until = now.Add(f.pause)
	if !ok && len(b.failures) >= maxAttempts {
		b.failures = nil
	}
	if b.failures == nil {
		b.failures = map[attempt]failure{}
	}
	b.failures[a] = f
	return news
}

// succeeded forgets what failed before.
func (b *backoff) succeeded(a attempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failures, a)
}
