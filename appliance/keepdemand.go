package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/demand"
)

// demandFile keeps the quarter-hours. It is written when this life ends and, for the
// sake of a power cut, when the peak of a month has risen: at once where it is
// noticeable, within an hour where it is not, and never twice in a quarter of that.
const demandFile = "demand"

const demandEvery = time.Hour

// demandKeeper keeps the quarter-hours over a restart.
type demandKeeper struct {
	path  string
	every time.Duration
	log   *slog.Logger
	rises chan struct{} // holds one while a peak has risen noticeably

	file sync.Mutex // one writes at a time, and what is newest then

	mu    sync.Mutex
	state demand.State
	known bool         // there is a state
	kept  demand.State // what is in the file
	peak  bool         // there is one that is not kept yet
	ended bool         // whoever still notes something saves it
}

func newDemandKeeper(path string, log *slog.Logger) *demandKeeper {
	return &demandKeeper{path: path, every: demandEvery, log: log, rises: make(chan struct{}, 1)}
}

// openDemand restores d from the state folder.
func (l *life) openDemand(d *demand.Demand) *demandKeeper {
	k := newDemandKeeper(filepath.Join(l.o.State, demandFile), l.log)
	b, err := config.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return k
	}
	var s demand.State
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		l.warn(fmt.Errorf("the peaks of the months are lost: %s: %w", k.path, err))
		return k
	}
	d.Restore(s)
	k.kept = s
	return k
}

// note takes what is known after a telegram.
func (k *demandKeeper) note(s demand.State, peak bool) {
	k.mu.Lock()
	k.state, k.known, k.peak = s, true, k.peak || peak
	rises, ended := peak && s.Exceeds(k.kept), k.ended
	k.mu.Unlock()
	if rises {
		k.hurry()
	}
	if ended {
		k.save(true)
	}
}

// hurry makes run save without waiting for the hour.
func (k *demandKeeper) hurry() {
	select {
	case k.rises <- struct{}{}:
	default:
	}
}

// run keeps what is to be kept until ctx is done. It goes on where the file cannot be
// written: a task that rests after a failure would miss the end of this life.
func (k *demandKeeper) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-k.rises:
		case <-time.After(k.every - k.every/4):
		}
		if ctx.Err() == nil && k.save(false) {
			select {
			case <-ctx.Done():
			case <-time.After(k.every / 4):
			}
		}
	}
	k.mu.Lock()
	k.ended = true // the meter may be in the middle of a telegram
	k.mu.Unlock()
	k.save(true)
	return ctx.Err()
}

// save writes the state: always, or where there is a new peak. It reports whether
// there was something to write.
func (k *demandKeeper) save(always bool) bool {
	k.file.Lock()
	defer k.file.Unlock()
	k.mu.Lock()
	state, want := k.state, k.known && (always || k.peak)
	k.peak = false
	k.mu.Unlock()
	if !want {
		return false
	}
	b, err := json.Marshal(state)
	if err == nil {
		err = config.WriteFile(k.path, append(b, '\n'), 0o600)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.log.Warn("the peaks of the months cannot be kept", "error", err)
		k.peak = true
		k.hurry()
		return true
	}
	k.kept = state
	return true
}
