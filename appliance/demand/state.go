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

// State returns what is to be kept.
func (d *Demand) State() State { return State{d.state} }

// Restore goes on from a state that was kept. Where the quarter-hour is still the
// same the counter tells what was drawn meanwhile.
func (d *Demand) Restore(s State) {
	d.state, d.last, d.draws = s.state, time.Time{}, telegram.Value{}
}

// version is the form of a kept state.
const version = 1

type kept struct {
	Version int         `json:"version"`
	Meter   string      `json:"meter"`
	Began   int64       `json:"began"`
	Counter *float64    `json:"counter"`
	Start   *float64    `json:"start"`
	Since   float64     `json:"since"`
	Months  []keptMonth `json:"months"`
}

type keptMonth struct {
	End  int64   `json:"end"`
	Time int64   `json:"time"`
	Peak float64 `json:"peak"`
}

// MarshalJSON prints the state.
func (s State) MarshalJSON() ([]byte, error) {
	k := kept{Version: version, Meter: s.meter.String(), Counter: number(s.counter), Start: number(s.start), Since: s.since, Months: []keptMonth{}}
	if !s.began.IsZero() {
		k.Began = s.began.Unix()
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
	if k.Version != version || len(k.Months) > len(s.months) || !(k.Since >= 0) {
		return fmt.Errorf("demand: version %d, %d months, %v Wh: want version %d, at most %d months", k.Version, len(k.Months), k.Since, version, len(s.months))
	}
	next := state{meter: telegram.TextOf(k.Meter), counter: value(k.Counter), start: value(k.Start), since: k.Since}
	if k.Began != 0 {
		next.began = time.Unix(k.Began, 0).UTC().Truncate(quarter)
	}
	for i, m := range k.Months {
		next.months[i] = telegram.Peak{Month: time.Unix(m.End, 0).UTC(), Time: time.Unix(m.Time, 0).UTC(), Value: telegram.Of(m.Peak)}
		if i > 0 && !next.months[i].Month.Before(next.months[i-1].Month) {
			return fmt.Errorf("demand: month %d is not before month %d", i+1, i)
		}
	}
	s.state = next
	return nil
}

func number(v telegram.Value) *float64 {
	if f, ok := v.Get(); ok {
		return &f
	}
	return nil
}

func value(f *float64) telegram.Value {
	if f == nil {
		return telegram.Value{}
	}
	return telegram.Of(*f)
}
