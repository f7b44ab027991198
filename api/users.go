package api

import (
	"errors"
	"net/http"
)

// usersView is what the page of the users shows beside those of the broker.
type usersView struct {
	Changed    bool // the password was
	Passwords  []passwordField
	Wrong      map[string]string // what is wrong with them, by name
	Token      string            // the secret of the one just made
	TokenError string
	TokenName  string // what was typed, where that was refused
	Tokens     []tokenView
}

// passwordField is a field of the form for another password.
type passwordField struct{ ID, Name, Label, Hint, Error, Complete string }

// The fields of that form: the present one, since a page may stand open on a desk, and
// the new one twice, since whoever mistypes it is locked out.
const (
	apiUser     = "user" // of the label
	presentName = "present"
	newName     = "password"
	repeatName  = "repeat"
)

type tokenView struct{ Name, Created string }

// users returns the part of the page with the present tokens.
func (s *Server) users(t tongue, v *usersView) *usersView {
	if v == nil {
		v = &usersView{}
	}
	for _, f := range []passwordField{
		{Name: presentName, Complete: "current-password"},
		{Name: newName, Complete: "new-password", Hint: t.T("password.hint")},
		{Name: repeatName, Complete: "new-password"},
	} {
		f.ID, f.Label, f.Error = "field-"+f.Name, t.T("password."+f.Name), v.Wrong[f.Name]
		v.Passwords = append(v.Passwords, f)
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
	t, wrong := tongueOf(r), map[string]string{}
	right, wait := s.check(r, apiUser, form.Get(presentName))
	switch {
	case wait > 0:
		wrong[presentName] = t.T("login.wait", seconds(wait))
	case !right:
		wrong[presentName] = t.T("password.wrong")
	case form.Get(repeatName) != form.Get(newName):
		wrong[repeatName] = t.T("password.differs")
	default:
		err := s.setCredentials(r, map[string]string{memberPassword: form.Get(newName)}, []string{pointer(memberPassword)})
		if err == nil {
			s.showUsers(w, r, http.StatusOK, usersView{Changed: true})
			return
		}
		wrong[newName] = firstProblem(err)
	}
	s.showUsers(w, r, http.StatusUnprocessableEntity, usersView{Wrong: wrong})
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
