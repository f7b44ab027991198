package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// counted is a Verifier whose comparisons are counted. The hash of a password
// is the password itself, so that comparing costs nothing.
type counted struct {
	*Verifier
	users    map[string]string
	compared atomic.Int64
	at       atomic.Int64 // comparisons going on
	most     atomic.Int64
	pause    time.Duration // what a comparison takes
}

func newCounted() *counted {
	c := &counted{users: map[string]string{"user": "right", "other": "right", "closed": ""}}
	c.Verifier = NewVerifier(func(user string) (string, bool) {
		hash, ok := c.users[user]
		return hash, ok
	})
	c.compare = func(hash, password []byte) error {
		c.compared.Add(1)
		c.most.Store(max(c.most.Load(), c.at.Add(1)))
		defer c.at.Add(-1)
		time.Sleep(c.pause)
		if string(hash) != string(password) {
			return errors.New("mismatch")
		}
		return nil
	}
	return c
}

func (c *counted) check(t *testing.T, from, user, password string, want bool, wantRetry time.Duration) {
	t.Helper()
	ok, retry := c.Check(from, user, password)
	if ok != want || retry != wantRetry {
		t.Errorf("%s as %q with %q: %t, again after %s; want %t, %s", from, user, password, ok, retry, want, wantRetry)
	}
}

func TestCheckRefuses(t *testing.T) {
	c := newCounted()
	for i, try := range []struct{ user, password string }{
		{"user", ""}, {"user", "Right"}, {"user", "right "}, {"User", "right"}, {"", ""}, {"", "right"}, {"nobody", "right"},
		{"nobody", c.nobody}, // what an unknown user is compared with is nobody's password
		{"closed", ""}, {"closed", "right"}, {"closed", c.nobody},
		{"userright", ""}, {"use", "rright"},
	} {
		if ok, _ := c.Check(fmt.Sprint(i), try.user, try.password); ok {
			t.Errorf("%q with %q is let in", try.user, try.password)
		}
	}
	if got := c.compared.Load(); got != 13 {
		t.Errorf("%d comparisons, want one for each of 13 tries: a try without one tells that there is no such user", got)
	}
	c.users["user"] = strings.Repeat("x", 73)
	if ok, _ := c.Check("long", "user", strings.Repeat("x", 73)); ok {
		t.Error("a password longer than bcrypt reads is let in")
	}
}

// Comparing for an unknown user is the whole work of a bcrypt of the usual cost.
func TestCheckUnknownUser(t *testing.T) {
	v := NewVerifier(nil)
	if cost, err := bcrypt.Cost([]byte(v.nobody)); err != nil || cost != config.HashCost {
		t.Errorf("cost %d (%v), want %d", cost, err, config.HashCost)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(v.nobody), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("comparing ends with %v, before the work is done", err)
	}
}

func TestCheckRemembers(t *testing.T) {
	c := newCounted()
	for i := range 1000 {
		c.check(t, fmt.Sprint(i), "user", "right", true, 0)
	}
	if got := c.compared.Load(); got != 1 {
		t.Errorf("%d comparisons for 1000 requests with one password, want 1", got)
	}
	c.check(t, "a", "other", "right", true, 0) // the same password is another credential
	if got := c.compared.Load(); got != 2 {
		t.Errorf("%d comparisons for 2 users, want 2", got)
	}
	c.check(t, "a", "user", "wrong", false, 0)
	c.check(t, "a", "user", "right", true, 0)
	c.users["user"] = "changed"
	c.check(t, "a", "user", "right", false, 0)
	c.check(t, "a", "user", "changed", true, 0)
	delete(c.users, "user")
	c.check(t, "a", "user", "changed", false, 0)
}

func TestCheckBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		c.check(t, "good", "user", "right", true, 0)
		guesses := 0
		guess := func(want time.Duration) {
			t.Helper()
			guesses++
			c.check(t, "bad", "user", fmt.Sprint("guess ", guesses), false, want)
		}
		for range 4 {
			guess(0)
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			want *= time.Second
			guess(want)
			compared := c.compared.Load()
			time.Sleep(want / 2)
			c.check(t, "bad", "user", "right", false, want/2) // not even looked at
			guess(want / 2)
			c.check(t, "good", "user", "right", true, 0)
			if c.compared.Load() != compared {
				t.Error("compared while the source had to wait")
			}
			time.Sleep(want / 2)
		}
		c.check(t, "bad", "user", "right", true, 0)
		for range 4 { // forgiven
			guess(0)
		}
		guess(time.Second)
		time.Sleep(forgotten)
		guess(0)
	})
}

// The same wrong password again is told to wait as others are.
func TestCheckTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		for range 4 {
			c.check(t, "bad", "user", "wrong", false, 0)
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			want *= time.Second
			c.check(t, "bad", "user", "wrong", false, want)
			time.Sleep(want / 2)
			c.check(t, "bad", "user", "wrong", false, want/2)
			time.Sleep(want / 2)
		}
		if got := c.compared.Load(); got != 1 {
			t.Errorf("%d comparisons of one password, want 1", got)
		}
		time.Sleep(forgotten)
		c.check(t, "bad", "user", "wrong", false, 0)
	})
}

// A machine that goes on with the password of before guesses nothing, and keeps out
// nobody who comes by the same address: its owner behind the same router, or on the
// same computer.
func TestCheckOldPasswordOfAMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		poll := func(seconds int) {
			for range seconds {
				if ok, _ := c.Check("router", "user", "old"); ok {
					t.Fatal("let in")
				}
				time.Sleep(time.Second)
			}
		}
		poll(3600)
		for range 3 { // a day has several logins
			c.check(t, "router", "user", "mistyped", false, 0)
			poll(1)
			c.check(t, "router", "user", "right", true, 0)
			poll(3600)
		}
		if got := c.compared.Load(); got > 9 {
			t.Errorf("%d comparisons, want no more than the owner and the first of each turn cost", got)
		}
	})
}

// Connections in parallel gain nothing: a source's wrong tries are counted one
// after the other, and a browser's first requests cost one comparison.
func TestCheckTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		c.pause = 60 * time.Millisecond
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if ok, _ := c.Check("good", "user", "right"); !ok {
					t.Error("refused")
				}
			})
		}
		all.Wait()
		if got := c.compared.Swap(0); got != 1 {
			t.Errorf("%d comparisons for 50 requests at once, want 1", got)
		}
		for i := range 100 {
			all.Go(func() { c.Check("bad", "user", fmt.Sprint(i)) })
		}
		all.Wait()
		if got := c.compared.Load(); got != freeTries {
			t.Errorf("%d comparisons for 100 wrong requests at once, want %d", got, freeTries)
		}
		for i := range 100 {
			all.Go(func() { c.Check(fmt.Sprint(i), "user", "wrong") })
		}
		all.Wait()
		if got := c.most.Load(); got != 1 {
			t.Errorf("%d comparisons at a time, want 1", got)
		}
	})
}

// Row S3 of the security table: a crowd that guesses gets few guesses, costs
// little processor time, and does not keep the owner out for more than a minute.
func TestCheckCrowd(t *testing.T) {
	for _, crowd := range []int{1, 200, 5000} {
		synctest.Test(t, func(t *testing.T) {
			c := newCounted()
			c.pause = 100 * time.Millisecond // a comparison on a small processor
			attack := func(of time.Duration) {
				for start, i := time.Now(), 0; time.Since(start) < of; i++ {
					if ok, _ := c.Check(fmt.Sprint("10.0.", i%crowd), "user", fmt.Sprint("guess ", i)); ok {
						t.Fatal("a guess was let in")
					}
					time.Sleep(3 * time.Millisecond)
				}
			}
			attack(time.Minute)
			if got := c.compared.Swap(0); got > 310 {
				t.Errorf("%d sources: %d comparisons in the first minute, want at most 310", crowd, got)
			}
			attack(time.Minute)
			if got := c.compared.Load(); got > 241 {
				t.Errorf("%d sources: %d comparisons a minute later on, want at most 240", crowd, got)
			}
			if n := len(c.sources); n > maxSources {
				t.Errorf("%d sources remembered, want at most %d", n, maxSources)
			}
		})
	}
}

// The owner at another address waits less than a minute, whenever he comes.
func TestCheckCrowdAndOwner(t *testing.T) {
	const crowd = 200
	for _, after := range []time.Duration{500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newCounted()
			c.pause = 100 * time.Millisecond
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for i := range crowd {
				all.Go(func() {
					for ctx.Err() == nil {
						c.Check(fmt.Sprint("10.0.0.", i), "user", "wrong")
						time.Sleep(100 * time.Millisecond)
					}
				})
			}
			time.Sleep(after)
			start := time.Now()
			for ok, retry := c.Check("owner", "user", "right"); !ok; ok, retry = c.Check("owner", "user", "right") {
				if retry <= 0 || retry > longest {
					t.Errorf("the owner is told to wait %s", retry)
				}
				time.Sleep(retry)
			}
			if waited := time.Since(start); waited > longest {
				t.Errorf("the owner waited %s among %d guessing sources", waited, crowd)
			} else {
				t.Logf("after %s: the owner waited %s", after, waited)
			}
			stop()
			all.Wait()
		})
	}
}

func BenchmarkCheckRemembered(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), config.HashCost)
	if err != nil {
		b.Fatal(err)
	}
	v := NewVerifier(func(string) (string, bool) { return string(hash), true })
	for b.Loop() {
		if ok, _ := v.Check("a", "user", "right"); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkCheckCompared(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), config.HashCost)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v := NewVerifier(func(string) (string, bool) { return string(hash), true })
		if ok, _ := v.Check("a", "user", "right"); !ok {
			b.Fatal("refused")
		}
	}
}
