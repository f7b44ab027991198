package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Sessions is whose turn it is to use the box: "Une seule session utilisateur est
// autorisée à la fois" (manual, section 5.2). A session belongs to the address that
// logged in, so that the browser and the curl of one person are one user. Whoever else
// has the password is told who holds the box, and may take over. Machines that read
// with a token take no turn.
//
// It outlives the lives of the box: who restarts it stays logged in. The zero Sessions
// must not be copied once it is used.
type Sessions struct {
	changing sync.Mutex // If-Match and the change it allows are one step, whichever server is asked

	mu   sync.Mutex
	held *session
	// ended is the last session that did not end by its own wish, so that its page can
	// say why it is logged out.
	ended struct {
		key [sha256.Size]byte
		why ending
	}
}

// How long a session lasts without a request of its user. A page is looked at for
// longer than a program pauses between two requests.
const (
	programIdle = 5 * time.Minute
	pageIdle    = 15 * time.Minute
)

// session is one turn.
type session struct {
	source      string
	since, last time.Time
	idle        time.Duration
	key         [sha256.Size]byte // hash of the page's cookie; zero: there is no page
	seen        time.Time         // when the user of the page last did something
	from        string            // the source that the page took over from
	credential  string            // what Server.Credential was when it began
	renewing    bool              // its user sets another

	// done ends what was begun in this session and is still going on: a stream that
	// outlived it would let two users look on.
	done   context.Context
	cancel context.CancelFunc
}

// ending is why a session is over; a key of the catalogue.
type ending string

const (
	endedIdle     ending = "login.ended.idle"
	endedTaken    ending = "login.ended.taken"
	endedPassword ending = "login.ended.password"
)

// Holder is who has the box at the moment.
type Holder struct {
	Source string    // IP address
	Since  time.Time // when the session began
	Ends   time.Time // when it ends if nothing more is asked
}

// enter gives a program at source its turn. Where somebody else has it, and takeover
// does not say that this is to end, it returns who. From a page that has taken over from
// it, it cannot take over: one that tries with every request would keep people out.
func (s *Sessions) enter(source, credential string, takeover bool) (done context.Context, other *Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.held != nil && s.held.from == source
	if other := s.begin(source, credential, takeover && !taken); other != nil {
		return nil, other
	}
	s.held.idle = max(s.held.idle, programIdle)
	return s.held.done, nil
}

// login gives a page at source its turn, and the cookie by which it is known.
func (s *Sessions) login(source, credential string, takeover bool) (cookie string, other *Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.held
	if other := s.begin(source, credential, takeover); other != nil {
		return "", other
	}
	if before != nil && before != s.held {
		s.held.from = before.source
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	cookie = base64.RawURLEncoding.EncodeToString(secret)
	if s.held.key != ([sha256.Size]byte{}) { // another browser of the same machine
		s.ended.key, s.ended.why = s.held.key, endedTaken
	}
	s.held.key, s.held.seen, s.held.idle = sha256.Sum256([]byte(cookie)), time.Now(), pageIdle
	return cookie, nil
}

// begin makes s.held the session of source.
func (s *Sessions) begin(source, credential string, takeover bool) *Holder {
	s.expire(credential)
	now := time.Now()
	switch h := s.held; {
	case h == nil:
	case h.source == source:
		h.last = now
		return nil
	case !takeover:
		return h.holder()
	default:
		s.end(endedTaken)
	}
	done, cancel := context.WithCancel(context.Background())
	s.held = &session{source: source, since: now, last: now, credential: credential, done: done, cancel: cancel}
	return nil
}

// resume returns the session of a cookie, or why there is none. What a page asks by
// itself, without its user doing anything, does not make it last.
func (s *Sessions) resume(cookie, credential string, acts bool) (done context.Context, why ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(credential)
	key := sha256.Sum256([]byte(cookie))
	if s.held == nil || s.held.key != key {
		if s.ended.key == key {
			return nil, s.ended.why
		}
		return nil, ""
	}
	if acts {
		s.held.seen = time.Now()
		s.held.last = s.held.seen
	}
	return s.held.done, ""
}

// End ends the session, whoever has it.
func (s *Sessions) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end("")
}

// renewing lets the session go on while its user sets a new credential, and then under
// that one. What is asked meanwhile knows either.
func (s *Sessions) renewing() (renewed func(credential string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held
	if h == nil { // it has ended since the request was admitted
		return func(string) {}
	}
	h.renewing = true
	return func(credential string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		h.credential, h.renewing = credential, false
	}
}

// Holder returns who has the box, nil if nobody has.
func (s *Sessions) holder(credential string) *Holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(credential)
	if s.held == nil {
		return nil
	}
	return s.held.holder()
}

func (h *session) holder() *Holder { return &Holder{h.source, h.since, h.last.Add(h.idle)} }

// confirm ends the session if its password was changed.
func (s *Sessions) confirm(credential string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil && s.held.outdated(credential) {
		s.end(endedPassword)
	}
}

// outdated reports whether a session began with another credential than that of now.
func (h *session) outdated(credential string) bool { return h.credential != credential && !h.renewing }

// expire ends a session that nobody uses any more, or whose password was changed.
func (s *Sessions) expire(credential string) {
	switch h := s.held; {
	case h == nil:
	case h.outdated(credential):
		s.end(endedPassword)
	case time.Since(h.last) >= h.idle:
		s.end(endedIdle)
	case h.idle == pageIdle && time.Since(h.seen) >= pageIdle: // a program of the same source goes on
		s.ended.key, s.ended.why = h.key, endedIdle
		h.key, h.from, h.idle = [sha256.Size]byte{}, "", programIdle
	}
}

// end ends the session that is held, if one is.
func (s *Sessions) end(why ending) {
	if s.held == nil {
		return
	}
	s.held.cancel()
	s.ended.key, s.ended.why = s.held.key, why
	s.held = nil
}

// LogValue shows the holder in the log.
func (h Holder) LogValue() slog.Value { return slog.StringValue(h.Source) }

// sessionAnswer is who uses the box.
type sessionAnswer struct {
	Source      string `json:"source"`       // IP address
	Since       int64  `json:"since"`        // UTC, in seconds since 1970
	IdleExpires int64  `json:"idle_expires"` // the same: when the session ends if nothing more is asked
}

func (h *Holder) answer() *sessionAnswer {
	return &sessionAnswer{h.Source, h.Since.Unix(), h.Ends.Unix()}
}

// getSession says who uses the box; a machine may ask without taking a turn.
func (s *Server) getSession(w http.ResponseWriter, _ *http.Request) {
	var all struct {
		Session *sessionAnswer `json:"session"`
	}
	if h := s.Sessions.holder(s.credential()); h != nil {
		all.Session = h.answer()
	}
	answer(w, http.StatusOK, all)
}

// deleteSession ends the session of who asks, which is the one there is.
func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) {
	s.Sessions.End()
	s.Log.Info("session ended", "event", "session_ended", "source", source(r))
	w.WriteHeader(http.StatusNoContent)
}
