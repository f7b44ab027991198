// Package run keeps the tasks of the box alive. A task is a name and a function
// that ends with its context; a task that fails or panics is started again
// alone, after a pause that grows while it keeps failing. Nothing a task does
// ends another one.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Task is one thing the box does for as long as it runs.
type Task struct {
	Name string
	// Run works until ctx is done (and then returns nil or ctx's error), or
	// until it cannot go on. It has released everything when it returns.
	Run func(ctx context.Context) error
	// Failed, if set, is told why the task stopped before it is started again.
	Failed func(error)
}

// Backoff is how long a failed task rests: First after the first failure,
// doubled each time up to Max, with a random part so that boxes restarted by
// one power cut do not act in step. A task that ran longer than Max starts over.
type Backoff struct{ First, Max time.Duration }

// DefaultBackoff suits serial ports and sockets: quick to come back, quiet when
// something is unplugged for the night.
var DefaultBackoff = Backoff{First: 250 * time.Millisecond, Max: 5 * time.Second}

// All runs the tasks until ctx is done and every one of them has returned.
func All(ctx context.Context, log *slog.Logger, b Backoff, tasks ...Task) {
	var all sync.WaitGroup
	for _, t := range tasks {
		all.Go(func() { keep(ctx, log, b, t) })
	}
	all.Wait()
}

func keep(ctx context.Context, log *slog.Logger, b Backoff, t Task) {
	pause := b.First
	last := ""
	for {
		started := time.Now()
		err := guarded(ctx, t)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("run: %s ended by itself", t.Name)
		}
		if t.Failed != nil {
			t.Failed(err)
		}
		if time.Since(started) > b.Max {
			pause = b.First
		}
		if time.Since(started) > settled {
			last = ""
		}
		// The same failure every few seconds is said once: a log that fills
		// with an unplugged cable hides everything else.
		if s := digitless(err); s != last {
			log.Warn("task failed, starting it again", "task", t.Name, "error", err, "pause", pause)
			if p, ok := errors.AsType[panicked](err); ok {
				log.Error("task panicked", "task", t.Name, "stack", string(p.stack))
			}
			last = s
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, b.Max)
	}
}

// settled is how long a task must have run for the failure it had before to be
// news. A TCP source that says nothing fails once a minute, all night.
const settled = 10 * time.Minute

// digitless is what tells a failure from another one. A connection has another
// port of its own each time: "read tcp 10.0.0.2:41234->10.0.0.7:2000: reset".
func digitless(err error) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
}

func guarded(ctx context.Context, t Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked{t.Name, p, debug.Stack()}
		}
	}()
	return t.Run(ctx)
}

// panicked is a panic as an error of one line: a status shows it, and the stack
// is for the log.
type panicked struct {
	task  string
	value any
	stack []byte
}

// Error implements error.
func (p panicked) Error() string { return fmt.Sprintf("run: %s panicked: %v", p.task, p.value) }
