package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// cookieName is that of a page's session. Its prefix makes browsers refuse it from
// anybody but this host over TLS (RFC 6265bis, section 4.1.3.2).
const cookieName = "__Host-sc"

// backgroundHeader marks what a page asks by itself.
const backgroundHeader = "Smartconnect-Background"

// takeoverParameter of any request ends the session of somebody else, where it is 1.
const takeoverParameter = "takeover"

// admit reports whether a request comes from who may make it: the user, by the cookie
// of a page or by name and password (RFC 7617), or for a reader's route a machine by
// its token (RFC 6750). If not, it has answered. The request it returns ends with
// the session it belongs to.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, need access) (*http.Request, bool) {
	if token, ok := bearer(r); ok {
		return r, s.admitToken(w, r, token, need)
	}
	done, why := s.resume(r)
	if done == nil {
		user, password, given := r.BasicAuth()
		if !given {
			s.ask(w, r, why)
			return nil, false
		}
		if !s.verified(w, r, user, password) {
			return nil, false
		}
		var other *Holder
		if done, other = s.enter(r); other != nil {
			s.refuseSecond(w, r, other)
			return nil, false
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(done, cancel)
	context.AfterFunc(r.Context(), func() { stop(); cancel() })
	return r.WithContext(ctx), true
}

// resume returns the session of the request's cookie.
func (s *Server) resume(r *http.Request) (done context.Context, why ending) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil, ""
	}
	return s.Sessions.resume(c.Value, s.credential(), r.Header.Get(backgroundHeader) == "")
}

// enter gives the program that made the request its turn.
func (s *Server) enter(r *http.Request) (done context.Context, other *Holder) {
	before := s.Sessions.holder(s.credential())
	done, other = s.Sessions.enter(source(r), s.credential(), takesOver(r))
	if other == nil {
		s.logTurn(r, before)
	}
	return done, other
}

// takesOver reports whether a request is to end the session of somebody else. That of a
// foreign page is not, be it only for an image: the browser may add the password to it.
func takesOver(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.URL.Query().Get(takeoverParameter) == "1" && site != "cross-site" && site != "same-site"
}

// logTurn notes that the box has changed hands.
func (s *Server) logTurn(r *http.Request, before *Holder) {
	switch {
	case before == nil:
		s.Log.Info("session opened", "event", "session_opened", "source", source(r))
	case before.Source != source(r):
		s.Log.Warn("session taken over", "event", "session_taken", "source", source(r), "from", before)
	}
}

// refuseSecond answers a second user. It is no 401: a browser would ask for the
// password again, and that was right.
func (s *Server) refuseSecond(w http.ResponseWriter, r *http.Request, other *Holder) {
	wait := seconds(max(time.Until(other.Ends), time.Second))
	w.Header().Set("Retry-After", wait)
	sentence := fmt.Sprintf("somebody else is logged in, from %s: one user at a time; try again in %s s, or take over with ?takeover=1; "+
		"machines that only read use a token instead (POST /api/v1/tokens)", other.Source, wait)
	if !isAPI(r) {
		fail(w, r, http.StatusConflict, "%s", sentence)
		return
	}
	answer(w, http.StatusConflict, map[string]any{"error": sentence, "session": other.answer()})
}

// verified reports whether user and password are right. If not, it has answered.
func (s *Server) verified(w http.ResponseWriter, r *http.Request, user, password string) bool {
	ok, wait := s.check(r, user, password)
	switch {
	case ok:
		return true
	case wait > 0:
		w.Header().Set("Retry-After", seconds(wait))
		fail(w, r, http.StatusTooManyRequests, "too many wrong passwords: try again in %s s", seconds(wait))
	default:
		s.challenge(w, r, "wrong user name or password: the user name is \"user\", the password is on the label of the box")
	}
	return false
}

// check is Server.Check with its line in the log.
func (s *Server) check(r *http.Request, user, password string) (ok bool, wait time.Duration) {
	ok, wait = s.Check(source(r), user, password)
	switch {
	case ok:
	case wait > 0:
		if s.locked.begin(wait) {
			s.Log.Warn("login locked after wrong passwords", "event", "auth_locked", "source", source(r), "wait", wait)
		}
	default:
		// The user name stays out of the log: people type the password there.
		s.Log.Warn("login refused", "event", "auth_failed", "source", source(r), "path", logPath(r))
	}
	return ok, wait
}

// logPath is the path of a request as far as it is worth a line: strangers choose it.
func logPath(r *http.Request) string { return fmt.Sprintf("%.100s", r.URL.Path) }

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// admitToken lets a machine with a token read.
func (s *Server) admitToken(w http.ResponseWriter, r *http.Request, token string, need access) bool {
	name, ok := "", false
	if s.Token != nil {
		name, ok = s.Token(token)
	}
	switch {
	case !ok:
		if s.stranger.begin(time.Minute) {
			s.Log.Warn("unknown token refused", "event", "token_refused", "source", source(r), "path", logPath(r))
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="Smart Connect", error="invalid_token"`)
		fail(w, r, http.StatusUnauthorized, "the token is not one of this box")
	case need != reader || r.Method != http.MethodGet && r.Method != http.MethodHead:
		fail(w, r, http.StatusForbidden, "the token %q reads readings, status, history, the Modbus log and metrics; this wants the user name and the password", name)
	default:
		return true
	}
	return false
}

// still reports whether an admitted request would be let in now: a token may have been
// removed since, and a password changed by another process.
func (s *Server) still(r *http.Request) bool {
	if token, ok := bearer(r); ok {
		_, ok = s.Token(token)
		return ok
	}
	s.Sessions.confirm(s.credential())
	return r.Context().Err() == nil
}

// ask answers a request without any credential: a person is led to the login. It is
// not an attempt: a browser's first request never has one.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, why ending) {
	if isAPI(r) {
		s.challenge(w, r, "log in with the user name \"user\" and the password on the label of the box")
		return
	}
	if r.Method == http.MethodPost && r.URL.Path != "/logout" {
		s.loginAside(w, r)
		return
	}
	to := url.URL{Path: "/login"}
	q := url.Values{}
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		q.Set("next", r.URL.Path)
	}
	if why != "" {
		q.Set("why", strings.TrimPrefix(string(why), "login.ended."))
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// challenge answers 401. Where the script of a page asks, the browser must not cover
// it with a box of its own for name and password, as it does at the word Basic.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, sentence string) {
	scheme := `Basic realm="Smart Connect", charset="UTF-8"`
	if r.Header.Get(backgroundHeader) != "" {
		scheme = `Bearer realm="Smart Connect"`
	}
	w.Header().Set("WWW-Authenticate", scheme)
	fail(w, r, http.StatusUnauthorized, "%s", sentence)
}

// credential names the password of now.
func (s *Server) credential() string {
	if s.Credential == nil {
		return ""
	}
	return s.Credential()
}
