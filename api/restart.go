package api

import (
	"net/http"
	"time"
)

const restartPath = "/restart"

// restartPause is how long the box goes on, so that the page can fetch its style and
// its script: without them it would neither look like one nor come back.
const restartPause = time.Second

// getRestart asks whether the box is to restart.
func (s *Server) getRestart(w http.ResponseWriter, r *http.Request) {
	s.showRestart(w, r, http.StatusOK, false)
}

// postRestart restarts it. The page that is the answer waits for the next life, and
// leads back.
func (s *Server) postRestart(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.form(w, r); !ok {
		return
	}
	s.Log.Info("reset requested", "event", "reset_requested", "source", source(r))
	s.restart(w, r)
}

// restart shows the page that waits, and restarts the box.
func (s *Server) restart(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	s.showRestart(w, r, http.StatusAccepted, true)
	_ = http.NewResponseController(w).Flush() // a client that is gone already wanted it all the same
	time.Sleep(restartPause)
	s.Reset()
}

// showRestart shows the page that asks, or where the box is going down, the one that
// waits.
func (s *Server) showRestart(w http.ResponseWriter, r *http.Request, status int, going bool) {
	s.render(w, r, status, screen{name: "restart.html", path: restartPath, title: "restart.title", waits: s.Status().RestartFor, body: going})
}
