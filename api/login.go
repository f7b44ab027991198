package api

import (
	"net/http"
	"time"
)

// loginView is what the login page shows.
type loginView struct {
	Next     string // where to go then
	Why      string // why the reader is here and was not yet a moment ago
	Error    string
	Occupied string // who else is logged in, as far as a stranger may know
	Aside    bool   // in another tab: this one holds a form that was not saved
}

// getLogin asks for the password of the label.
func (s *Server) getLogin(w http.ResponseWriter, r *http.Request) {
	t := tongueOf(r)
	v := loginView{Next: localPath(r.URL.Query().Get("next"))}
	if why := "login.ended." + r.URL.Query().Get("why"); t.has(why) {
		v.Why = t.T(why)
	}
	s.showLogin(w, r, http.StatusOK, v)
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	t := tongueOf(r)
	if h := s.Sessions.holder(s.credential()); h != nil && h.Source != source(r) && v.Occupied == "" {
		v.Occupied = t.T("login.occupied")
	}
	s.render(w, r, status, screen{name: "login.html", path: "/login", title: "login.title", body: v})
}

// loginAside answers a form whose session is over. To lead on to the login would lose
// what was typed; the browser that loads this answer again sends it once more.
func (s *Server) loginAside(w http.ResponseWriter, r *http.Request) {
	s.showLogin(w, r, http.StatusForbidden, loginView{Next: "/", Why: tongueOf(r).T("login.aside"), Aside: true})
}

// postLogin begins the session of a page.
func (s *Server) postLogin(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	t := tongueOf(r)
	v := loginView{Next: localPath(form.Get("next"))}
	right, wait := s.check(r, form.Get("user"), form.Get("password"))
	switch {
	case wait > 0:
		w.Header().Set("Retry-After", seconds(wait))
		v.Error = t.T("login.wait", seconds(wait))
		s.showLogin(w, r, http.StatusTooManyRequests, v)
		return
	case !right:
		v.Error = t.T("login.wrong")
		s.showLogin(w, r, http.StatusForbidden, v)
		return
	}
	before := s.Sessions.holder(s.credential())
	cookie, other := s.Sessions.login(source(r), s.credential(), form.Get("takeover") == "1")
	if other != nil {
		v.Occupied = t.T("login.occupied.by", other.Source, t.span(time.Since(other.Since).Seconds()))
		w.Header().Set("Retry-After", seconds(time.Until(other.Ends)))
		s.showLogin(w, r, http.StatusConflict, v)
		return
	}
	s.logTurn(r, before)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, v.Next, http.StatusSeeOther)
}

// postLogout ends it.
func (s *Server) postLogout(w http.ResponseWriter, r *http.Request) {
	s.Sessions.End()
	s.Log.Info("session ended", "event", "session_ended", "source", source(r))
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
