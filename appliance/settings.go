package appliance

import (
	"strings"

	"smartconnect/api"
	"smartconnect/appliance/config"
)

// settings is the configuration as the API wants it.
type settings struct{ l *life }

// Public returns the saved configuration without its secrets.
func (s settings) Public() []byte { return config.Public(s.l.saved.Config()) }

// Patch changes the saved configuration; the running one is that of the life.
func (s settings) Patch(body []byte) (api.PatchResult, error) {
	saved, effects, err := s.l.saved.Patch(body)
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
	if len(changed) > 0 {
		s.l.events.add(eventConfig, "settings were changed: "+strings.Join(effects.Changed, ", "))
	}
	return api.PatchResult{
		Changed:         changed,
		RestartRequired: s.l.restartRequired(),
		Notes:           append(effects.Notes, s.l.refusedPorts(saved)...),
	}, nil
}

// refusedPorts says which ports of a configuration a life would refuse, for
// whoever just set them.
func (l *life) refusedPorts(c config.Config) []string {
	l.o.override(&c)
	var addrs []string
	for _, row := range c.Modbus.Servers {
		addrs = append(addrs, row.Listen)
	}
	if c.Broker.Enabled {
		for _, d := range c.Broker.Doors() {
			addrs = append(addrs, d.Listen)
		}
	}
	if c.Meter.Share != "" {
		addrs = append(addrs, c.Meter.Share)
	}
	var notes []string
	for _, addr := range addrs {
		if err := l.yield(addr); err != nil {
			notes = append(notes, err.Error())
		}
	}
	return notes
}

// restartRequired reports whether a reset would put something into effect that
// was saved since this life began.
func (l *life) restartRequired() bool {
	return len(config.Compare(l.asSaved, l.saved.Config()).RestartRequired) > 0
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
