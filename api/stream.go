package api

import (
	"net/http"
	"sync"
	"time"
)

const eventStream = "text/event-stream"

// stream begins an answer of server-sent events (WHATWG HTML, section 9.2), which
// lasts as long as the client does, and what let it in. Each piece has the time of a
// whole answer to leave; send reports whether it has.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) (send func(text string) bool) {
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // a request that is read whole has no more to say
	w.Header().Set("Content-Type", eventStream)
	return func(text string) bool {
		if !s.still(r) {
			return false
		}
		_ = out.SetWriteDeadline(time.Now().Add(s.Limits.Write))
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
}

// The streams of readings there may be at once, and those of one address: a page that
// is open in many tabs leaves room for an energy manager. They hold connections, of
// which there are no more than Limits.Conns.
const (
	maxStreams          = 16
	maxStreamsPerSource = 4
)

// room counts the streams that are open. The zero room is empty.
type room struct {
	mu    sync.Mutex
	taken int
	of    map[string]int // by address
}

// take takes a place for source, if there is one.
func (r *room) take(source string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken >= maxStreams || r.of[source] >= maxStreamsPerSource {
		return false
	}
	if r.of == nil {
		r.of = map[string]int{}
	}
	r.taken++
	r.of[source]++
	return true
}

// leave gives the place back.
func (r *room) leave(source string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken--
	if r.of[source]--; r.of[source] == 0 {
		delete(r.of, source)
	}
}
