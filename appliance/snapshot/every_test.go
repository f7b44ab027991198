package snapshot

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct {
		name   string
		pause  time.Duration // of the reader after each snapshot
		bursts []int         // telegrams in one read of the line
		want   [][2]uint64   // first and last of what is seen without a gap
	}{
		{"none", 0, nil, nil},
		{"two telegrams at once", 0, []int{2}, [][2]uint64{{2, 3}}},
		{"a reader that is slow for half an hour", time.Second, []int{1, backlog}, [][2]uint64{{2, backlog + 2}}},
		{"a reader that is slow for longer loses the oldest", time.Second, []int{1, backlog + 100}, [][2]uint64{{2, 2}, {103, backlog + 102}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewStore(counter())
				s.Publish(reading(1, time.Now()), time.Now(), time.Second) // before the call
				ctx, cancel := context.WithCancel(t.Context())
				all := s.Reader().Every(ctx)
				done := make(chan bool)
				var runs [][2]uint64
				go func() {
					defer close(done)
					for snap := range all {
						if n := len(runs); n > 0 && runs[n-1][1]+1 == snap.Seq {
							runs[n-1][1] = snap.Seq
						} else {
							runs = append(runs, [2]uint64{snap.Seq, snap.Seq})
						}
						time.Sleep(c.pause)
					}
				}()
				for _, n := range c.bursts {
					for range n {
						s.Publish(reading(1, time.Now()), time.Now(), time.Second)
					}
					synctest.Wait()
				}
				time.Sleep(time.Hour)
				cancel()
				<-done
				if len(runs) != len(c.want) {
					t.Fatalf("seen %v, want %v", runs, c.want)
				}
				for i := range runs {
					if runs[i] != c.want[i] {
						t.Errorf("seen %v, want %v", runs, c.want)
					}
				}
			})
		})
	}
}

// A reader that is stopped and started again goes on where it was.
func TestEveryGoesOn(t *testing.T) {
	s := NewStore(counter())
	r := s.Reader()
	for range 3 {
		s.Publish(reading(1, time.Now()), time.Now(), time.Second)
	}
	var seen []uint64
	for range 3 {
		for snap := range r.Every(t.Context()) {
			seen = append(seen, snap.Seq)
			break
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for snap := range r.Every(ended) {
			t.Errorf("%d is yielded when nobody wants any", snap.Seq)
		}
	}
	if len(seen) != 3 || seen[0] != 1 || seen[1] != 2 || seen[2] != 3 {
		t.Errorf("seen %v, want 1 2 3", seen)
	}
}
