package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"smartconnect/telegram"
)

// Config is the configuration of the box as the API sees it.
type Config interface {
	// Public returns the saved configuration as one JSON object without any
	// secret. Equal configurations give equal bytes.
	Public() []byte

	// Revision is a text of letters and digits that is another one whenever
	// anything saved is, secrets included, and that reveals nothing about them.
	Revision() string

	// Patch applies a JSON merge patch (RFC 7396) to the saved configuration:
	// the whole of it or, on an error, nothing. body is well-formed JSON of any
	// type, in UTF-8. What the owner can put right is an error that wraps [Problems]; any
	// other error means that saving failed, and its text is shown: it holds no
	// secret.
	Patch(body []byte) (PatchResult, error)

	// Export returns the whole configuration as a file for the owner: sealed with a
	// passphrase and with all secrets, or, without one, open and with none. What is
	// wrong with a passphrase is an error that wraps [Problems].
	Export(passphrase telegram.Secret) ([]byte, error)

	// Import makes such a file, or what Public returns, the saved configuration.
	// body and errors are as in Patch; the passphrase may be empty.
	Import(body []byte, passphrase telegram.Secret) (PatchResult, error)
}

// PatchResult says what a change of the configuration did. Its names are, as
// all that the box says of itself, in snake case; those of the configuration are
// the manual's.
type PatchResult struct {
	Changed         []string `json:"changed"`          // JSON pointers (RFC 6901) of the settings that changed, never their values
	RestartRequired bool     `json:"restart_required"` // whether a reset would put something into effect
	RestartFor      []string `json:"restart_for"`      // pointers of all that was saved since this life began and that a reset puts into effect
	Notes           []string `json:"notes"`            // sentences the owner should read: what is stored but not applied, and the like
}

// Problems is an error that lists everything wrong with a patch.
type Problems interface {
	error
	Problems() []Problem
}

// Problem is one setting that was not accepted.
type Problem struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901): "/MQTT/Broker"; "" is the patch itself
	Detail  string `json:"detail"`  // a sentence that says what is wanted, without the value of a secret
}

func (s *Server) getConfig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("ETag", s.etag()) // first: a change between the two is refused later rather than lost
	answer(w, http.StatusOK, json.RawMessage(s.Config.Public()))
}

func (s *Server) patchConfig(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r)
	if !ok {
		return
	}
	s.change(w, r, body, "configuration changed", "config_changed", s.Config.Patch)
}

// change lets by make a body the configuration, or a change of it, and answers.
func (s *Server) change(w http.ResponseWriter, r *http.Request, body []byte, did, event string, by func([]byte) (PatchResult, error)) {
	body = withoutMark(body)
	if fault := malformed(body); fault != "" {
		fail(w, r, http.StatusBadRequest, "the body is not valid JSON: %s", fault)
		return
	}
	s.Sessions.changing.Lock()
	defer s.Sessions.changing.Unlock()
	if !s.current(w, r) {
		return
	}
	result, err := by(body)
	if s.refused(w, r, err, unsaved) {
		return
	}
	s.logChange(r, event, did, result)
	result.Changed, result.RestartFor, result.Notes = listed(result.Changed), listed(result.RestartFor), listed(result.Notes)
	w.Header().Set("ETag", s.etag())
	answer(w, http.StatusOK, result)
}

// logChange notes what was changed, and by whom; never to what.
func (s *Server) logChange(r *http.Request, event, did string, result PatchResult) {
	if len(result.Changed) > 0 {
		s.Log.Info(did, "event", event, "source", source(r), "settings", result.Changed)
	}
}

const unsaved = "the configuration could not be saved"

// refused reports whether err has kept the box from doing something, and if so has
// answered: with what its owner can put right, or with a fault of the box itself.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, err error, what string) bool {
	var wrong Problems
	switch {
	case err == nil:
		return false
	case errors.As(err, &wrong):
		refuse(w, wrong.Problems())
	default:
		s.Log.Error(what, "error", err)
		fail(w, r, http.StatusInternalServerError, "%s: %v", what, err)
	}
	return true
}

// refuse answers with everything that is wrong with what was sent.
func refuse(w http.ResponseWriter, list []Problem) {
	answer(w, http.StatusUnprocessableEntity, map[string]any{"error": notAccepted(len(list)), "problems": list})
}

func notAccepted(n int) string {
	if n == 1 {
		return "one setting was not accepted, so nothing was changed"
	}
	return fmt.Sprintf("%d settings were not accepted, so nothing was changed", n)
}

// withoutMark returns a text without the byte order mark before it: Windows editors put
// it there, and RFC 8259 section 8.1 lets us ignore it.
func withoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// malformed says what keeps body from being JSON, "" if nothing does. It quotes
// no more than one character of it, as the body may hold passwords.
func malformed(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "it is empty"
	}
	if !utf8.Valid(body) { // RFC 8259 section 8.1; encoding/json would change the letters silently
		return "it is not UTF-8"
	}
	var whole json.RawMessage
	err := json.Unmarshal(body, &whole)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &syntax):
		return fmt.Sprintf("%v (at byte %d)", syntax, syntax.Offset)
	}
	return "it cannot be read"
}
