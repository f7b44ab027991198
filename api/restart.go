package api

import (
	"net/http"
	"time"
)

const restartPath = "/restart"

// restartPause is how long the box goes on, so that the page can fetch its style and
// its script: without them it would neither look like one nor come back.
const restartPause = time.Second

// restartView is the page that is shown while the box restarts.
type restartView struct{}

// getRestart asks whether the box is to restart.
func (s *Server) getRestart(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "restart.html", restartPath, "restart.title", nil)
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
	s.render(w, r, http.StatusAccepted, "restart.html", restartPath, "restart.title", &restartView{})
	_ = http.NewResponseController(w).Flush() // a client that is gone already wanted it all the same
	time.Sleep(restartPause)
	s.Reset()
}
