package api

import (
	"errors"
	"net/http"
	"time"
)

// Token is the credential of a machine that may read and change nothing.
type Token struct {
	Name    string
	Created time.Time
}

// tokenRow is a Token as it is sent.
type tokenRow struct {
	Name    string `json:"name"`
	Created int64  `json:"created"` // UTC, in seconds since 1970
}

// Tokens are the tokens of the box.
type Tokens interface {
	// Tokens returns them in the order they were made in.
	Tokens() []Token

	// AddToken makes one and returns its secret, which is shown this once. The error
	// wraps [Problems] for a name that will not do, or [ErrConflict].
	AddToken(name string) (secret string, err error)

	// RemoveToken makes one void at once. The error wraps [ErrNone] if there is none
	// of that name.
	RemoveToken(name string) error
}

// What keeps a token from being made or removed. The text of an error that wraps
// one is shown.
var (
	ErrConflict = errors.New("it cannot be made beside those there are")
	ErrNone     = errors.New("there is none of that name")
)

const memberName = "Name"

func (s *Server) getTokens(w http.ResponseWriter, _ *http.Request) {
	list := []tokenRow{}
	for _, t := range s.Tokens.Tokens() {
		list = append(list, tokenRow{t.Name, t.Created.Unix()})
	}
	answer(w, http.StatusOK, map[string][]tokenRow{"tokens": list})
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request) {
	given, ok := s.members(w, r, memberName)
	if !ok {
		return
	}
	name := given[memberName]
	secret, err := s.addToken(r, name)
	if err != nil {
		s.refuseToken(w, r, err)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"name": name, "token": secret})
}

func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request) {
	given, ok := s.members(w, r, memberName)
	if !ok {
		return
	}
	if err := s.removeToken(r, given[memberName]); err != nil {
		s.refuseToken(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// addToken makes a token, and notes that.
func (s *Server) addToken(r *http.Request, name string) (secret string, err error) {
	if secret, err = s.Tokens.AddToken(name); err == nil {
		s.Log.Info("token made", "event", "token_added", "source", source(r), "name", name)
	}
	return secret, err
}

// removeToken removes one, and notes that.
func (s *Server) removeToken(r *http.Request, name string) error {
	err := s.Tokens.RemoveToken(name)
	if err == nil {
		s.Log.Info("token removed", "event", "token_removed", "source", source(r), "name", name)
	}
	return err
}

func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrConflict):
		fail(w, r, http.StatusConflict, "%v", err)
	case errors.Is(err, ErrNone):
		fail(w, r, http.StatusNotFound, "%v", err)
	default:
		s.refused(w, r, err, "the tokens could not be saved")
	}
}
