package api

import (
	"iter"
	"net/http"
	"time"

	"smartconnect/telegram"
)

// History is what the box remembers of the readings.
type History struct {
	OnDisk     bool                // the quarter-hours of the last 400 days are kept
	Quantities []telegram.Quantity // that there is a value a second of, in the order to show

	// Seconds returns the values from the second of from to the one before that of
	// to, as far as they lie in the last hour.
	Seconds func(from, to time.Time, of ...telegram.Quantity) Window
	// Quarters yields the quarter-hours that are kept, from the one that from is in to
	// the last that begins before to, the oldest first.
	Quarters func(from, to time.Time) iter.Seq[Quarter]
}

// Window is a part of the last hour.
type Window struct {
	Start   time.Time // of the first value; a whole second
	Columns []Column  // of one length
}

// Column is one quantity in a Window, a value a second.
type Column struct {
	Quantity telegram.Quantity
	Unit     telegram.Unit
	Values   []float32 // NaN: missing
}

// Quarter is what is kept of a quarter-hour.
type Quarter struct {
	Start          time.Time
	ImportWh       Number // the meter's counters as they were last heard in it
	ExportWh       Number
	Import, Export Number // average power, over the time for which it is known
	Max, Min       Number // of the net power: import - export
	KnownSeconds   int    // for which the power is known, up to 900
	PowerUnit      telegram.Unit
}

// getHistory answers with the seconds or the quarter-hours of a time, as JSON or as
// a table for a spreadsheet.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) {
	if s.History.Seconds == nil {
		fail(w, r, http.StatusNotFound, "this box remembers nothing")
		return
	}
	q, err := s.History.query(r, time.Now())
	if err != nil {
		fail(w, r, http.StatusBadRequest, "%v", err)
		return
	}
	form := historyForms[q.format]
	w.Header().Set("Content-Type", form.contentType)
	if form.file != "" {
		w.Header().Set("Content-Disposition", `attachment; filename="`+form.file+`"`)
	}
	if r.Method == http.MethodHead {
		return
	}
	out, from, to := s.paced(w), time.Unix(q.from, 0), time.Unix(q.to, 0)
	if q.resolution == aSecond {
		form.seconds(out, &s.History, s.History.Seconds(from, to, q.of...))
	} else {
		form.quarters(out, &s.History, q, s.History.Quarters(from, to))
	}
	_ = out.Flush() // that the client may be gone by now is its own affair
}
