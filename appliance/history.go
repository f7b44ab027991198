package appliance

import (
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/history"
	"smartconnect/appliance/run"
	"smartconnect/telegram"
)

// historyFile keeps the quarter-hours of 400 days, where the owner wants that.
const historyFile = "history"

func (l *life) addHistory() error {
	l.history = history.New(l.past.hourOf(l.cfg.Meter), l.store, l.openArchive(l.cfg.History.OnDisk), l.log)
	l.tasks = append(l.tasks, run.Task{Name: "history", Run: l.history.Run})
	return nil
}

// openArchive opens the file of the quarter-hours. Where the owner does not want one
// there is none, also of earlier; a configuration that cannot be read does not say
// that he does not.
func (l *life) openArchive(wanted bool) *history.Archive {
	path := filepath.Join(l.o.State, historyFile)
	switch {
	case wanted:
		archive, err := history.Open(path)
		if err != nil {
			l.warn(fmt.Errorf("the quarter-hours cannot be kept: %w", err))
		}
		return archive
	case !l.unsaid:
		if err := history.Remove(path); err != nil {
			l.warn(fmt.Errorf("the quarter-hours that are no longer wanted are still there: %w", err))
		}
	}
	return nil
}

// remembered is the history as the API wants it.
func (l *life) remembered() api.History {
	h := l.history
	return api.History{
		OnDisk:     h.Archive != nil,
		Quantities: history.Quantities(),
		Seconds: func(from, to time.Time, of ...telegram.Quantity) api.Window {
			w := h.Hour.Between(from, to, time.Now(), of...)
			columns := make([]api.Column, len(w.Columns))
			for i, c := range w.Columns {
				columns[i] = api.Column(c)
			}
			return api.Window{Start: w.Start, Columns: columns}
		},
		Quarters: func(from, to time.Time) iter.Seq[api.Quarter] {
			return func(yield func(api.Quarter) bool) {
				for q := range h.Archive.Between(from, to) {
					if !yield(quarterHour(q)) {
						return
					}
				}
			}
		},
	}
}

func quarterHour(q history.Quarter) api.Quarter {
	unit := telegram.Watt
	if q.Apparent {
		unit = telegram.VoltAmpere
	}
	watts := func(v telegram.Value) api.Number {
		if x, ok := v.Get(); ok {
			return api.Number{Value: telegram.Of(math.Round(x*10) / 10)}
		}
		return api.Number{}
	}
	return api.Quarter{
		Start: q.Start, KnownSeconds: int(q.Known / time.Second), PowerUnit: unit,
		ImportWh: api.Number{Value: q.ImportWh}, ExportWh: api.Number{Value: q.ExportWh},
		Import: watts(q.Import), Export: watts(q.Export), Max: watts(q.Max), Min: watts(q.Min),
	}
}
