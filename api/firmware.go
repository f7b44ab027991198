package api

import "net/http"

// Firmware says what runs on the box.
type Firmware struct {
	Version  string `json:"version"`  // as printed by the version command
	Revision string `json:"revision"` // commit it was built from, "" if unknown
	Built    string `json:"built"`    // time of that commit, RFC 3339, "" if unknown
	State    string `json:"state"`    // "idle" while no update is under way
}

func (s *Server) getFirmware(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.Firmware())
}
