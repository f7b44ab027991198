package api

import "net/http"

// The credentials that can be changed, by their names in the body.
const (
	memberPassword     = "Password"     // of the API
	memberMQTTPassword = "MQTTPassword" // of the broker's user of the label
)

// patchCredentials changes the passwords of the label. Whoever else holds an old one has
// to log in anew with the next request.
func (s *Server) patchCredentials(w http.ResponseWriter, r *http.Request) {
	names := []string{memberPassword, memberMQTTPassword}
	given, ok := s.members(w, r, names...)
	if !ok {
		return
	}
	changed := []string{}
	for _, name := range names {
		if _, ok := given[name]; ok {
			changed = append(changed, pointer(name))
		}
	}
	if len(changed) == 0 {
		refuse(w, []Problem{{pointer(memberPassword), "is wanted: the new password"}})
		return
	}
	err := s.setCredentials(r, given, changed)
	if s.refused(w, r, err, "the password could not be changed") {
		return
	}
	answer(w, http.StatusOK, map[string][]string{"changed": changed})
}

// setCredentials changes passwords. Who did it stays logged in.
func (s *Server) setCredentials(r *http.Request, given map[string]string, changed []string) error {
	credential := s.credential()
	renewed := s.Sessions.renewing()
	err := s.SetCredentials(given)
	if err == nil {
		credential = s.credential()
	}
	renewed(credential)
	if err != nil {
		return err
	}
	s.Log.Info("credentials changed", "event", "credentials_changed", "source", source(r), "credentials", changed)
	return nil
}
