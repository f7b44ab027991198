package appliance

import (
	"errors"
	"strings"

	"smartconnect/api"
	"smartconnect/appliance/identity"
)

// tokens are the tokens of machines as the API wants them.
type tokens struct{ id *identity.Identity }

// Tokens returns the tokens there are.
func (t tokens) Tokens() []api.Token {
	var list []api.Token
	for _, one := range t.id.Tokens() {
		list = append(list, api.Token(one))
	}
	return list
}

// AddToken makes a token.
func (t tokens) AddToken(name string) (secret string, err error) {
	secret, err = t.id.AddToken(name)
	return secret, asTokenError(err)
}

// RemoveToken makes a token void.
func (t tokens) RemoveToken(name string) error { return asTokenError(t.id.RemoveToken(name)) }

// tokenErrors says what the errors of the identity are to the API.
var tokenErrors = []struct{ of, as error }{
	{identity.ErrTokenTaken, api.ErrConflict},
	{identity.ErrTokensFull, api.ErrConflict},
	{identity.ErrNoToken, api.ErrNone},
}

func asTokenError(err error) error {
	for _, row := range tokenErrors {
		if errors.Is(err, row.of) {
			return tokenError{err, row.as}
		}
	}
	if errors.Is(err, identity.ErrTokenName) {
		return badName{err}
	}
	return err
}

// tokenError is an error of the identity that is one of the API.
type tokenError struct{ err, as error }

// Error implements error, with the sentence alone.
func (e tokenError) Error() string { return strings.TrimPrefix(e.err.Error(), "identity: ") }

// Unwrap returns what it is to the API.
func (e tokenError) Unwrap() error { return e.as }

// badName is a name that will not do.
type badName struct{ error }

// Problems lists what is wrong.
func (badName) Problems() []api.Problem {
	return []api.Problem{{Pointer: "/Name", Detail: identity.ErrTokenName.Error()}}
}
