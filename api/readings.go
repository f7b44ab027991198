package api

import (
	"fmt"
	"net/http"
)

// Snapshot is a reading of the meter, as one JSON object in one line.
type Snapshot struct {
	Seq  uint64 // of the telegram it came with, 0 before the first
	JSON []byte // nil: nothing new
}

// getReadings sends the latest reading with every object of the meter.
func (s *Server) getReadings(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "application/json", append(s.Reading(true).JSON, '\n'))
}

// getReadingsStream streams the latest reading and each one after it, until the client
// or the box has gone. Who comes back needs nothing sent again: Last-Event-ID is not
// looked at.
func (s *Server) getReadingsStream(w http.ResponseWriter, r *http.Request) {
	var objects bool
	switch given := r.URL.Query().Get("obis"); given {
	case "", "0":
	case "1":
		objects = true
	default:
		fail(w, r, http.StatusBadRequest, "obis=%s in the address is neither 0 nor 1", given)
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", eventStream)
		return
	}
	from := source(r)
	if !s.streams.take(from) {
		w.Header().Set("Retry-After", "10")
		fail(w, r, http.StatusServiceUnavailable, "no room for another stream: there may be %d at once, %d of them to one address", maxStreams, maxStreamsPerSource)
		return
	}
	defer s.streams.leave(from)
	send := s.stream(w, r)
	ok := send(": readings follow\n\n")
	for snap := range s.Readings(r.Context(), objects) {
		if ok = ok && send(readingEvent(snap)); !ok {
			return
		}
	}
}

// readingEvent is a reading as an event; one without is a sign of life.
func readingEvent(s Snapshot) string {
	if s.JSON == nil {
		return ": no telegram\n\n"
	}
	return fmt.Sprintf("event: reading\nid: %d\ndata: %s\n\n", s.Seq, s.JSON)
}
