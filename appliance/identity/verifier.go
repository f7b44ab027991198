package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// Limits of a Verifier (EN 303 645 5.1-5: guessing is impracticable, and costs
// the box little). A bcrypt comparison takes 50 to 100 ms of a small processor.
const (
	freeTries  = 5           // wrong passwords of a source before it has to wait
	firstWait  = time.Second // doubled with every further one
	longest    = time.Minute //
	forgotten  = time.Hour   // after the last wrong one, a source starts over
	maxSources = 1024        // of which failures are remembered; the oldest goes
	maxLength  = 72          // octets of a password bcrypt looks at
)

// Comparisons there may be in all, whoever asks: sources that have not failed
// have a share of their own, so that a crowd that guesses cannot keep the owner
// out for more than a minute. (One with more than maxSources addresses can, for
// as long as it goes on: its members are forgotten, and count as new again. A
// credential that was right in this life needs no comparison and passes even so.)
var (
	newSources    = bucket{perSecond: 3, burst: 60}
	failedSources = bucket{perSecond: 1, burst: 10}
)

// Verifier checks passwords against bcrypt hashes. A credential that was right
// once is remembered as a keyed hash, so that basic authentication costs one
// bcrypt and not one a request. It compares one password at a time, and in
// constant time; a user who does not exist takes as long as one who does. Its
// memory is bounded.
type Verifier struct {
	lookup  func(user string) (hash string, ok bool)
	nobody  string // the hash that a user who does not exist is compared with
	compare func(hash, password []byte) error
	key     [sha256.Size]byte

	turn chan struct{} // holds one while a password is compared

	mu       sync.Mutex
	right    map[string][]byte // by user: tag of the credential last found right
	sources  map[string]*source
	untried  bucket
	failures bucket
}

// source is where wrong passwords came from. The same one again is no guess: a machine
// that goes on with an old password waits alone, and the owner who comes by its address
// does not.
type source struct {
	last  time.Time // when one was wrong
	all   tries
	wrong []byte // tag of the credential that was wrong last
	again tries  // of that one
}

// tries are wrong passwords in a row.
type tries struct {
	failed int
	until  time.Time // when the next is looked at
}

// fail counts one more and returns how long to wait.
func (t *tries) fail(now time.Time) time.Duration {
	if t.failed++; t.failed < freeTries {
		return 0
	}
	wait := min(firstWait<<min(t.failed-freeTries, 16), longest)
	t.until = now.Add(wait)
	return wait
}

// NewVerifier returns a Verifier for the users that lookup knows. lookup is
// asked every time, so a password that changes counts at once, and the old one
// no more.
func NewVerifier(lookup func(user string) (hash string, ok bool)) *Verifier {
	v := &Verifier{
		lookup: lookup,
		// A hash that no password has, of the usual cost: comparing takes as
		// long as with a real one, and making it takes no time.
		nobody:   fmt.Sprintf("$2a$%02d$%053d", config.HashCost, 0),
		compare:  bcrypt.CompareHashAndPassword,
		turn:     make(chan struct{}, 1),
		right:    map[string][]byte{},
		sources:  map[string]*source{},
		untried:  newSources,
		failures: failedSources,
	}
	_, _ = rand.Read(v.key[:]) // never fails
	return v
}

// Check reports whether the password is the user's. from is where the request
// comes from: an IP address. If not, retryAfter is how long the source has to
// wait until the next password is looked at, 0 if it need not.
func (v *Verifier) Check(from, user, password string) (ok bool, retryAfter time.Duration) {
	hash, exists := v.lookup(user)
	if !exists || hash == "" {
		exists, hash = false, v.nobody
	}
	tag := v.tag(user, password, hash)
	if ok, retryAfter, decided := v.known(from, user, tag, exists); decided {
		return ok, retryAfter
	}
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	// Somebody with the same credential, or the same source with another, may
	// have had the turn.
	if ok, retryAfter, decided := v.known(from, user, tag, exists); decided {
		return ok, retryAfter
	}
	if wait := v.admit(from); wait > 0 {
		return false, wait
	}
	ok = len(password) <= maxLength && v.compare([]byte(hash), []byte(password)) == nil && exists
	return ok, v.note(from, user, tag, ok)
}

// tag identifies a credential without telling it. The hash is part of it: a
// password that was changed is forgotten.
func (v *Verifier) tag(user, password, hash string) []byte {
	mac := hmac.New(sha256.New, v.key[:])
	for _, s := range []string{user, password, hash} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	return mac.Sum(nil)
}

// known decides what can be decided without bcrypt: a source that has to wait, a
// credential that was right before, and one that was wrong a moment ago.
func (v *Verifier) known(from, user string, tag []byte, exists bool) (ok bool, retryAfter time.Duration, decided bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, s := time.Now(), v.failing(from)
	if s != nil {
		if wait := s.all.until.Sub(now); wait > 0 {
			return false, wait, true
		}
	}
	if exists && hmac.Equal(v.right[user], tag) {
		s.forgive()
		return true, 0, true
	}
	if s == nil || !hmac.Equal(s.wrong, tag) {
		return false, 0, false
	}
	if wait := s.again.until.Sub(now); wait > 0 {
		return false, wait, true
	}
	s.last = now
	return false, s.again.fail(now), true
}

// failing returns the source of wrong passwords from is, nil if it is none.
func (v *Verifier) failing(from string) *source {
	s := v.sources[from]
	if s != nil && time.Since(s.last) >= forgotten {
		delete(v.sources, from)
		return nil
	}
	return s
}

// forgive lets a source start over. What was wrong stays wrong.
func (s *source) forgive() {
	if s != nil {
		s.all = tries{}
	}
}

// admit takes a comparison from the share of the source, or says how long until
// there is one.
func (v *Verifier) admit(from string) (wait time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.failing(from); s != nil && s.all.failed > 0 {
		return v.failures.take()
	}
	return v.untried.take()
}

// note remembers the outcome of a comparison and returns how long the source
// has to wait.
func (v *Verifier) note(from, user string, tag []byte, ok bool) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.failing(from)
	if ok {
		s.forgive()
		v.right[user] = tag
		return 0
	}
	if s == nil {
		v.makeRoom()
		s = &source{}
		v.sources[from] = s
	}
	s.last = time.Now()
	s.wrong, s.again = tag, tries{failed: 1}
	return s.all.fail(s.last)
}

// makeRoom lets go of the source that failed the longest ago once there are too
// many.
func (v *Verifier) makeRoom() {
	if len(v.sources) < maxSources {
		return
	}
	var oldest string
	var last time.Time
	for from, s := range v.sources {
		if oldest == "" || s.last.Before(last) {
			oldest, last = from, s.last
		}
	}
	delete(v.sources, oldest)
}

// bucket lets perSecond things happen a second, and burst at once.
type bucket struct {
	perSecond, burst float64
	used             float64
	at               time.Time
}

// take returns 0 if the thing may happen now, and else when to ask again.
func (b *bucket) take() time.Duration {
	now := time.Now()
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*b.perSecond)
	b.at = now
	if b.used+1 > b.burst {
		return time.Duration(math.Ceil((b.used+1-b.burst)/b.perSecond*1e3)) * time.Millisecond
	}
	b.used++
	return 0
}
