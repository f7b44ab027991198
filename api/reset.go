package api

import "net/http"

// postReset ends this life of the box. The answer goes out first, whole, on a
// connection that then closes: a client must not have to guess whether its
// request arrived.
func (s *Server) postReset(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.body(w, r); !ok {
		return
	}
	s.Log.Info("reset requested", "event", "reset_requested", "source", source(r))
	s.answerAndReset(w, "the box restarts with the saved configuration and answers again in about a second")
}

// answerAndReset says what happens now, and restarts the box.
func (s *Server) answerAndReset(w http.ResponseWriter, sentence string) {
	w.Header().Set("Connection", "close")
	answer(w, http.StatusAccepted, map[string]string{"status": sentence})
	// A client that is gone already wanted the reset all the same.
	_ = http.NewResponseController(w).Flush()
	s.Reset()
}
