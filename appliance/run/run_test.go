package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestFailedTaskStartsAgainAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var starts []time.Duration
		begin := time.Now()
		other := 0
		done := make(chan bool)
		go func() {
			defer close(done)
			All(ctx, quiet, Backoff{time.Second, 8 * time.Second},
				Task{Name: "failing", Run: func(context.Context) error {
					starts = append(starts, time.Since(begin))
					return errors.New("no such port")
				}},
				Task{Name: "steady", Run: func(ctx context.Context) error { other++; <-ctx.Done(); return nil }})
		}()
		time.Sleep(time.Minute)
		cancel()
		<-done
		if other != 1 {
			t.Errorf("the steady task was started %d times", other)
		}
		if len(starts) < 9 || len(starts) > 18 {
			t.Errorf("%d starts in a minute: %v", len(starts), starts)
		}
		for i := 5; i+1 < len(starts); i++ {
			if gap := starts[i+1] - starts[i]; gap < 4*time.Second || gap > 8*time.Second {
				t.Errorf("pause %v at the end of the back-off", gap)
			}
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		runs := 0
		done := make(chan bool)
		go func() {
			defer close(done)
			All(ctx, quiet, DefaultBackoff, Task{
				Name:   "fragile",
				Run:    func(ctx context.Context) error { runs++; panic("boom") },
				Failed: func(err error) { told = append(told, err.Error()) },
			})
		}()
		time.Sleep(2 * time.Second)
		cancel()
		<-done
		if runs < 2 || len(told) == 0 || told[0] != "run: fragile panicked: boom" {
			t.Errorf("%d runs, told %q", runs, told)
		}
	})
}

func TestSameFailureIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		port := 41000
		All(ctx, slog.New(slog.NewTextHandler(&log, nil)), DefaultBackoff,
			Task{Name: "meter", Run: func(context.Context) error { return errors.New("unplugged") }},
			Task{Name: "reset", Run: func(context.Context) error {
				port++
				return fmt.Errorf("read tcp 10.0.0.2:%d->10.0.0.7:2000: connection reset by peer", port)
			}},
			Task{Name: "hang", Run: func(context.Context) error {
				time.Sleep(time.Minute)
				return errors.New("nothing received for 1m0s")
			}})
		for _, failure := range []string{"unplugged", "reset by peer", "nothing received"} {
			if n := strings.Count(log.String(), failure); n != 1 {
				t.Errorf("an hour of %q made %d log lines", failure, n)
			}
		}
	})
}

func TestAllWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := false
		go func() { time.Sleep(time.Second); cancel() }()
		All(ctx, quiet, DefaultBackoff, Task{Name: "slow to end", Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(3 * time.Second)
			ended = true
			return ctx.Err()
		}})
		if !ended {
			t.Error("All returned before its task")
		}
	})
}
