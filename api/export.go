package api

import (
	"net/http"
	"unicode/utf8"

	"smartconnect/telegram"
)

// importBytes is the longest file that is read; far above the longest that is
// written.
const importBytes = 1 << 20

// getExport answers with the configuration as a file, without secrets.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request) {
	s.export(w, r, telegram.Secret{})
}

// postExport answers with the configuration as a file that holds all secrets, sealed
// with the passphrase of the request.
func (s *Server) postExport(w http.ResponseWriter, r *http.Request) {
	const name = "passphrase"
	given, ok := s.members(w, r, name)
	if !ok {
		return
	}
	passphrase := telegram.NewSecret(given[name])
	if !passphrase.IsSet() { // secrets never leave without one
		refuse(w, []Problem{{pointer(name), "is wanted to seal the file with"}})
		return
	}
	s.export(w, r, passphrase)
}

func (s *Server) export(w http.ResponseWriter, r *http.Request, passphrase telegram.Secret) {
	file, err := s.Config.Export(passphrase)
	if s.refused(w, r, err, "the configuration could not be exported") {
		return
	}
	s.sendExport(w, r, file, passphrase)
}

// sendExport sends a file that was exported, and notes that.
func (s *Server) sendExport(w http.ResponseWriter, r *http.Request, file []byte, passphrase telegram.Secret) {
	s.Log.Info("configuration exported", "event", "config_exported", "source", source(r), "secrets", passphrase.IsSet())
	w.Header().Set("Content-Disposition", `attachment; filename="smart-connect-`+s.Serial+`-config.json"`)
	send(w, http.StatusOK, "application/json", file)
}

// postImport makes a file the configuration of the box.
func (s *Server) postImport(w http.ResponseWriter, r *http.Request) {
	body, ok := s.bodyUpTo(w, r, importBytes)
	if !ok {
		return
	}
	passphrase := telegram.NewSecret(latin1(r.Header.Get("Passphrase")))
	s.change(w, r, body, "configuration imported", "config_imported", func(file []byte) (PatchResult, error) {
		return s.Config.Import(file, passphrase)
	})
}

// latin1 returns a header as UTF-8. What is none was written by a browser, which
// writes Latin-1.
func latin1(header string) string {
	if utf8.ValidString(header) {
		return header
	}
	var runes []rune
	for _, octet := range []byte(header) {
		runes = append(runes, rune(octet))
	}
	return string(runes)
}
