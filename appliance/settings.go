package appliance

import (
	"reflect"

	"smartconnect/api"
	"smartconnect/appliance/config"
)

// settings is the configuration as the API wants it.
type settings struct{ l *life }

// Public returns the saved configuration without its secrets.
func (s settings) Public() []byte { return config.Public(s.l.saved.Config()) }

// Patch changes the saved configuration; the running one is that of the life.
func (s settings) Patch(body []byte) (api.PatchResult, error) {
	_, effects, err := s.l.saved.Patch(body)
	if problems, ok := err.(config.Problems); ok {
		return api.PatchResult{}, refusal{problems}
	}
	if err != nil {
		return api.PatchResult{}, err
	}
	changed := make([]string, len(effects.Changed))
	for i, group := range effects.Changed {
		changed[i] = "/" + group
	}
	return api.PatchResult{Changed: changed, RestartRequired: s.l.restartRequired(), Notes: effects.Notes}, nil
}

// restartRequired reports whether the saved configuration differs from the one
// this life began with.
func (l *life) restartRequired() bool {
	return !reflect.DeepEqual(l.saved.Config(), l.asSaved)
}

// refusal is a config.Problems as the API wants it.
type refusal struct{ all config.Problems }

// Error implements error.
func (r refusal) Error() string { return r.all.Error() }

// Problems lists what is wrong.
func (r refusal) Problems() []api.Problem {
	list := make([]api.Problem, len(r.all))
	for i, p := range r.all {
		list[i] = api.Problem{Pointer: p.Path, Detail: p.Text}
	}
	return list
}
