package appliance

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"smartconnect/api"
	"smartconnect/appliance/identity"
)

// credentials are the passwords that the API changes, by their names there.
var credentials = map[string]struct{ user, of string }{
	"Password":     {identity.User, "the API"},
	"MQTTPassword": {identity.MQTTUser, "the broker"},
}

// setCredentials changes passwords of the label.
func (l *life) setCredentials(given map[string]string) error {
	passwords := map[string]string{}
	var whose []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		c := credentials[name]
		passwords[c.user] = given[name]
		whose = append(whose, "the password of "+c.of)
	}
	err := l.identity.SetPasswords(passwords)
	if refusal, ok := errors.AsType[identity.Refusal](err); ok {
		return badCredentials{refusal}
	}
	if err != nil {
		return err
	}
	was := " was changed"
	if len(whose) > 1 {
		was = " were changed"
	}
	l.events.add(eventPassword, strings.Join(whose, " and ")+was)
	return nil
}

// badCredentials is an identity.Refusal as the API wants it.
type badCredentials struct{ identity.Refusal }

// Problems lists what is wrong, by the names in the API.
func (b badCredentials) Problems() []api.Problem {
	var list []api.Problem
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		if why := b.Refusal[credentials[name].user]; why != "" {
			list = append(list, api.Problem{Pointer: "/" + name, Detail: why})
		}
	}
	return list
}
