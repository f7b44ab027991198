package api

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// authorised reports whether a request carries the right user and password
// (RFC 7617). If not, it has answered. A request without any is not an attempt:
// a browser's first one never has them.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request) bool {
	user, password, given := r.BasicAuth()
	if !given {
		s.ask(w, r, "log in with the user name \"user\" and the password on the label of the box")
		return false
	}
	ok, wait := s.Check(source(r), user, password)
	switch {
	case ok:
		return true
	case wait > 0:
		if s.locked.begin(wait) {
			s.Log.Warn("login locked after wrong passwords", "event", "auth_locked", "source", source(r), "wait", wait)
		}
		seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		w.Header().Set("Retry-After", seconds)
		fail(w, r, http.StatusTooManyRequests, "too many wrong passwords: try again in %s s", seconds)
	default:
		// The user name stays out of the log: people type the password there.
		s.Log.Warn("login refused", "event", "auth_failed", "source", source(r), "path", r.URL.Path)
		s.ask(w, r, "wrong user name or password: the user name is \"user\", the password is on the label of the box")
	}
	return false
}

func (s *Server) ask(w http.ResponseWriter, r *http.Request, sentence string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Smart Connect", charset="UTF-8"`)
	fail(w, r, http.StatusUnauthorized, "%s", sentence)
}

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
