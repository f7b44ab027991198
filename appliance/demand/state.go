package demand

import (
	"encoding/json"
	"fmt"
	"time"

	"smartconnect/telegram"
)

// State is what is kept of a Demand over a restart: the peaks of 13 months, and how
// far the running quarter-hour has come.
type State struct{ state }

type state struct {
	meter   telegram.Text
	at      time.Time      // of the last telegram
	host    time.Time      // then, by the host
	own     bool           // the meter has a clock
	draws   telegram.Value // W then, import alone
	powered time.Time      // when draws came, by the host
	running quarterHour
	counter telegram.Value // Wh, when it last moved
	since   interval
	months  [telegram.NumPeaks + 1]telegram.Peak // newest first
}

// State returns what is to be kept.
func (d *Demand) State() State { return State{d.state} }

// Restore goes on from a state that was kept. Where the quarter-hour is still the
// same the counter tells what was drawn meanwhile.
func (d *Demand) Restore(s State) { d.state, d.life = s.state, life{} }

// noticeable is how much higher a peak must be than the one that was kept, to be
// worth a write of its own.
const noticeable = 1.01

// Exceeds reports whether the peak of a month is noticeably higher than in old, or not
// in it.
func (s State) Exceeds(old State) bool {
	if s.meter != old.meter {
		old = State{}
	}
	for _, p := range s.months {
		if p.Value.Or(0) > noticeable*old.Peak(p.Month) {
			return true
		}
	}
	return false
}

// Peak is that of the month that ends then, in W; 0 without one.
func (s State) Peak(month time.Time) float64 {
	for _, p := range s.months {
		if p.Month.Equal(month) {
			return p.Value.Or(0)
		}
	}
	return 0
}

// keep puts a peak where its month is: clocks are put back over the end of one, and
// boxes begin in the last. It reports whether it is the highest of that month.
func (s *state) keep(p telegram.Peak) bool {
	for i, have := range s.months {
		if have.Month.After(p.Month) {
			continue
		}
		if !have.Month.Equal(p.Month) {
			copy(s.months[i+1:], s.months[i:])
		} else if have.Value.Or(-1) >= p.Value.Or(0) {
			return false
		}
		s.months[i] = p
		return true
	}
	return false
}

// version is the form of a kept state.
const version = 1

type kept struct {
	Version int         `json:"version"`
	Meter   string      `json:"meter"`
	At      int64       `json:"at"`   // ns
	Host    int64       `json:"host"` // ns
	Own     bool        `json:"own"`
	Draws   *float64    `json:"draws"`
	Powered int64       `json:"powered"` // ns
	Began   int64       `json:"began"`   // s
	Set     bool        `json:"set"`
	Took    int64       `json:"took"` // ns
	Unseen  int64       `json:"unseen"`
	Energy  float64     `json:"energy"`
	Weight  float64     `json:"weight"`
	Counter *float64    `json:"counter"`
	Moved   keptMove    `json:"moved"`
	Months  []keptMonth `json:"months"`
}

type keptMove struct {
	Time     int64   `json:"time"` // ns
	Energy   float64 `json:"energy"`
	Weight   float64 `json:"weight"`
	Repeated bool    `json:"repeated"`
}

type keptMonth struct {
	End  int64   `json:"end"`
	Time int64   `json:"time"`
	Peak float64 `json:"peak"`
}

// MarshalJSON prints the state.
func (s State) MarshalJSON() ([]byte, error) {
	k := kept{Version: version, Meter: s.meter.String(), Months: []keptMonth{}}
	if q := s.running; !q.began.IsZero() {
		k.At, k.Began, k.Took, k.Unseen, k.Energy, k.Weight = s.at.UnixNano(), q.began.Unix(), int64(q.took), int64(q.unseen), q.energy, q.weight
		k.Set, k.Own, k.Host = q.set, s.own, s.host.UnixNano()
		k.Moved = keptMove{int64(s.since.time), s.since.energy, s.since.weight, s.since.repeated}
		if watts, ok := s.draws.Get(); ok {
			k.Draws, k.Powered = &watts, s.powered.UnixNano()
		}
		if wh, ok := s.counter.Get(); ok {
			k.Counter = &wh
		}
	}
	for _, m := range s.months {
		if v, ok := m.Value.Get(); ok {
			k.Months = append(k.Months, keptMonth{m.Month.Unix(), m.Time.Unix(), v})
		}
	}
	return json.Marshal(k)
}

// UnmarshalJSON reads a state. One that cannot be meant is an error, and leaves s as
// it was.
func (s *State) UnmarshalJSON(b []byte) error {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("demand: %w", err)
	}
	if k.Version != version {
		return fmt.Errorf("demand: version %d: want %d", k.Version, version)
	}
	if min(k.Energy, k.Weight, k.Moved.Energy, k.Moved.Weight) < 0 || max(k.Energy, k.Moved.Energy) > most || min(k.Took, k.Unseen, k.Moved.Time) < 0 {
		return fmt.Errorf("demand: a quarter-hour of %v Wh in %v", k.Energy, time.Duration(k.Took))
	}
	next := state{meter: telegram.TextOf(k.Meter)}
	at, began := time.Unix(0, k.At).UTC(), time.Unix(k.Began, 0).UTC()
	if telegram.Plausible(at) && at.Truncate(quarter).Equal(began) {
		next.at = at
		next.host, next.own = time.Unix(0, k.Host).UTC(), k.Own
		if k.Draws != nil {
			next.draws, next.powered = telegram.Of(*k.Draws), time.Unix(0, k.Powered).UTC()
		}
		next.running = quarterHour{began, k.Set, time.Duration(k.Took), time.Duration(k.Unseen), k.Energy, k.Weight}
		next.since = interval{time.Duration(k.Moved.Time), k.Moved.Energy, k.Moved.Weight, k.Moved.Repeated}
		if k.Counter != nil {
			next.counter = telegram.Of(*k.Counter)
		}
	}
	for _, m := range k.Months {
		p := telegram.Peak{Month: time.Unix(m.End, 0).UTC(), Time: time.Unix(m.Time, 0).UTC(), Value: telegram.Of(m.Peak)}
		if m.Peak < 0 || m.Peak > most {
			return fmt.Errorf("demand: a peak of %v W", m.Peak)
		}
		if telegram.Plausible(p.Month) {
			next.keep(p)
		}
	}
	s.state = next
	return nil
}

// most is more than any meter has ever measured, in W and in Wh.
const most = 1e9
