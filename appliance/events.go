package appliance

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/telegram"
)

// events are the last things an owner should know, for the status. Each goes to
// the log, too. Whoever adds one does so when something begins, not as long as it
// lasts.
type events struct {
	log  *slog.Logger
	next func() uint64 // numbers what goes out
	// told, if set, sends an event to the broker outside.
	told func(seq uint64, kind, text string)

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
	eventStarted     = "started"           // a life of the box has begun
	eventConfig      = "config-changed"    // somebody has changed settings
	eventPassword    = "password-changed"  // somebody has changed a password of the label
	eventMeterLost   = "meter-lost"        // the meter has fallen silent
	eventMeterFound  = "meter-found"       // it is heard
	eventDamaged     = "telegrams-damaged" // many telegrams come damaged
	eventOverflow    = "queue-overflow"    // an outage is longer than what can be kept of it
	eventDisk        = "disk"              // an outage cannot be kept on the disk
)

// calm are the kinds that are no reason to worry.
var calm = map[string]bool{eventStarted: true, eventConfig: true, eventMeterFound: true, eventPlausible: true}

// passing are the kinds that go out each time: who follows them must know the last
// one.
var passing = map[string]bool{eventMeterLost: true, eventMeterFound: true}

// add adds an event. One of the same kind as one that is not long ago is counted
// with that: what comes and goes must not push out everything else.
func (e *events) add(kind, text string) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.list {
		if ev := &e.list[i]; ev.Kind == kind && now.Sub(time.Unix(ev.Time, 0)) < logEvery {
			ev.Count++
			ev.Text = text
			if passing[kind] {
				e.tell(kind, text)
			}
			return
		}
	}
	level := slog.LevelWarn
	if calm[kind] {
		level = slog.LevelInfo
	}
	e.log.Log(context.Background(), level, "event", "kind", kind, "text", text)
	if len(e.list) == maxEvents {
		e.list = slices.Delete(e.list, 0, 1)
	}
	e.list = append(e.list, api.Event{Time: now.Unix(), Kind: kind, Text: text, Count: 1})
	e.tell(kind, text)
}

// tell sends an event out. e.mu is held, so that they go in the order of their
// numbers.
func (e *events) tell(kind, text string) {
	if e.told != nil {
		e.told(e.next(), kind, text)
	}
}

// latest returns the events, the latest first.
func (e *events) latest() []api.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := slices.Clone(e.list)
	slices.Reverse(list)
	return list
}

// tell makes events of what a telegram says beside its values.
func (m *meter) tell(decoded *telegram.Measurement, reading *telegram.Reading) {
	m.mu.Lock()
	turns, doubt := m.count.turns, m.count.doubt
	m.mu.Unlock()
	before := turns.now
	named := !before.ID.Empty() || before.Header != reading.Meter.Header // and not only known better now
	if before != (telegram.Meter{}) && named && !reading.Meter.Same(before) {
		m.sense = telegram.Plausibility{Ratios: m.sense.Ratios}
		if !turns.taking(time.Now()) {
			m.events.add(eventMeter, fmt.Sprintf("another meter speaks: %s, and %s before", fullName(reading.Meter), fullName(before)))
		}
	}
	if m.receiver.Options.AuthKey.IsSet() && decoded.Seal.Encrypted && !decoded.Seal.Authenticated && !m.untagged {
		m.untagged = true
		m.events.add(eventNoTag, "Meter.AuthKey is set, and the meter sends telegrams without a tag: they are read, and nothing vouches for them")
	}
	if !decoded.Refreshes() {
		return
	}
	switch now := m.sense.Check(decoded); {
	case (now == "") == (doubt == ""):
		return
	case now != "":
		m.events.add(eventImplausible, now)
		m.note(func(c *meterCount) { c.doubt = now })
	default:
		m.events.add(eventPlausible, "what the meter says agrees again")
		m.note(func(c *meterCount) { c.doubt = "" })
	}
}

// doubtful returns what in the values cannot be right, "" if nothing.
func (m *meter) doubtful() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count.doubt
}
