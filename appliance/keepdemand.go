package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/demand"
)

// demandFile keeps the quarter-hours. It is written when this life ends and, for the
// sake of a power cut, once an hour where there is a new peak.
const demandFile = "demand"

const demandEvery = time.Hour

// demandKeeper keeps the quarter-hours over a restart.
type demandKeeper struct {
	path  string
	every time.Duration

	mu    sync.Mutex
	state demand.State
	known bool // there is a state
	peak  bool // with a peak that is not kept yet
}

// openDemand restores d from the state folder.
func (l *life) openDemand(d *demand.Demand) *demandKeeper {
	k := &demandKeeper{path: filepath.Join(l.o.State, demandFile), every: demandEvery}
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
	return k
}

// note takes what is known after a telegram.
func (k *demandKeeper) note(s demand.State, peak bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.known, k.peak = s, true, k.peak || peak
}

// run keeps what is to be kept until ctx is done.
func (k *demandKeeper) run(ctx context.Context) error {
	t := time.NewTicker(k.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = k.save(true) // the last chance; the next life says what it misses
			return ctx.Err()
		case <-t.C:
			if err := k.save(false); err != nil {
				return err
			}
		}
	}
}

// save writes the state: always, or where there is a new peak.
func (k *demandKeeper) save(always bool) error {
	k.mu.Lock()
	state, want := k.state, k.known && (always || k.peak)
	k.peak = false
	k.mu.Unlock()
	if !want {
		return nil
	}
	b, err := json.Marshal(state)
	if err == nil {
		err = config.WriteFile(k.path, append(b, '\n'), 0o600)
	}
	if err != nil {
		k.mu.Lock()
		k.peak = true
		k.mu.Unlock()
		return fmt.Errorf("appliance: the peaks of the months cannot be kept: %w", err)
	}
	return nil
}
