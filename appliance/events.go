package appliance

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"smartconnect/api"
)

// events are the last things an owner should know, for the status. Each goes to
// the log, too. Whoever adds one does so when something begins, not as long as it
// lasts.
type events struct {
	log *slog.Logger

	mu   sync.Mutex
	list []api.Event // the oldest first
}

const maxEvents = 32

// The kinds of events.
const (
	eventImplausible = "implausible"       // what the meter says cannot be right together
	eventPlausible   = "plausible"         // it can again
	eventMeter       = "meter-changed"     // another meter speaks
	eventNoTag       = "unauthenticated"   // an authentication key is set, and the meter sends no tags
	eventCounter     = "counter-restarted" // the invocation counter has started anew
)

func (e *events) add(kind, text string) {
	e.log.Warn("event", "kind", kind, "text", text)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.list) == maxEvents {
		e.list = slices.Delete(e.list, 0, 1)
	}
	e.list = append(e.list, api.Event{Time: time.Now().Unix(), Kind: kind, Text: text})
}

// latest returns the events, the latest first.
func (e *events) latest() []api.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := slices.Clone(e.list)
	slices.Reverse(list)
	return list
}
