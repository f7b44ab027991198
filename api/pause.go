package api

import (
	"sync"
	"time"
)

// pause keeps what strangers can cause as often as they like from filling the
// log: one line for each time of waiting.
type pause struct {
	mu  sync.Mutex
	end time.Time
}

// begin reports whether no pause is running, and starts one of length d if so.
func (p *pause) begin(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.end) {
		return false
	}
	p.end = now.Add(d)
	return true
}
