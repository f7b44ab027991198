package api

import (
	"net/http"
	"sync"
	"time"
)

const eventStream = "text/event-stream"

// stream begins an answer of server-sent events (WHATWG HTML, section 9.2), which
// lasts as long as the client does. Each piece has the time of a whole answer to leave;
// send reports whether it has.
func (s *Server) stream(w http.ResponseWriter) (send func(text string) bool) {
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // a request that is read whole has no more to say
	w.Header().Set("Content-Type", eventStream)
	return func(text string) bool {
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

// places counts the streams that are open. The zero places has all of them free.
type places struct {
	mu    sync.Mutex
	taken int
	of    map[string]int // by address
}

// take takes a place for source, if there is one.
func (p *places) take(source string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= maxStreams || p.of[source] >= maxStreamsPerSource {
		return false
	}
	if p.of == nil {
		p.of = map[string]int{}
	}
	p.taken++
	p.of[source]++
	return true
}

// leave gives the place back.
func (p *places) leave(source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[source]--; p.of[source] == 0 {
		delete(p.of, source)
	}
}
