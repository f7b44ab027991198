package api

import (
	"errors"
	"net/http"
)

// usersView is what the page of the users shows beside those of the broker.
type usersView struct {
	Changed       bool // the password was
	PasswordError string
	Token         string // the secret of the one just made
	TokenError    string
	TokenName     string // what was typed, where that was refused
	Tokens        []tokenView
}

type tokenView struct{ Name, Created string }

// users returns the part of the page with the present tokens.
func (s *Server) users(v *usersView) *usersView {
	if v == nil {
		v = &usersView{}
	}
	for _, token := range s.Tokens.Tokens() {
		v.Tokens = append(v.Tokens, tokenView{token.Name, token.Created.Format("2006-01-02")})
	}
	return v
}

// showUsers shows the page of the users after something was done there.
func (s *Server) showUsers(w http.ResponseWriter, r *http.Request, status int, v usersView) {
	s.showSheet(w, r, status, sheetAt(usersPath), nil, sheetView{Users: &v})
}

// postPassword changes the password of the API.
func (s *Server) postPassword(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	err := s.setCredentials(r, map[string]string{memberPassword: form.Get("password")}, []string{pointer(memberPassword)})
	if sentence := firstProblem(err); sentence != "" {
		s.showUsers(w, r, http.StatusUnprocessableEntity, usersView{PasswordError: sentence})
		return
	}
	s.showUsers(w, r, http.StatusOK, usersView{Changed: true})
}

// postTokens makes a token, or removes one.
func (s *Server) postTokens(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	if name := form.Get("remove"); name != "" {
		if err := s.removeToken(r, name); err != nil && !errors.Is(err, ErrNone) { // gone already is as good
			s.showUsers(w, r, http.StatusInternalServerError, usersView{TokenError: firstProblem(err)})
			return
		}
		s.showUsers(w, r, http.StatusOK, usersView{})
		return
	}
	secret, err := s.addToken(r, form.Get("name"))
	if err != nil {
		s.showUsers(w, r, http.StatusUnprocessableEntity, usersView{TokenError: firstProblem(err), TokenName: form.Get("name")})
		return
	}
	s.showUsers(w, r, http.StatusOK, usersView{Token: secret})
}

// firstProblem is what is wrong with a form of one field, "" if nothing is.
func firstProblem(err error) string {
	var wrong Problems
	switch {
	case err == nil:
		return ""
	case errors.As(err, &wrong) && len(wrong.Problems()) > 0:
		return wrong.Problems()[0].Detail
	}
	return err.Error()
}
