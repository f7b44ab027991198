package appliance

import (
	"smartconnect/api"
	"smartconnect/appliance/config"
)

// settings is the configuration as the API wants it.
type settings struct{ l *life }

// Public returns the saved configuration without its secrets.
func (s settings) Public() []byte { return config.Public(s.l.saved.Config()) }

// Revision names what is saved.
func (s settings) Revision() string { return s.l.saved.Revision() }

// Patch changes the saved configuration; the running one is that of the life.
func (s settings) Patch(body []byte) (api.PatchResult, error) {
	saved, effects, err := s.l.saved.Patch(body)
	if problems, ok := err.(config.Problems); ok {
		return api.PatchResult{}, refusal{problems}
	}
	if err != nil {
		return api.PatchResult{}, err
	}
	if len(effects.Changed) > 0 {
		s.l.events.add(eventConfig, "settings were changed: "+config.Names(effects.Changed))
	}
	waiting := s.l.restartFor()
	return api.PatchResult{
		Changed:         effects.Changed,
		RestartRequired: len(waiting) > 0,
		RestartFor:      waiting,
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

// restartFor returns the pointers of the settings that were saved since this life
// began and that a reset puts into effect.
func (l *life) restartFor() []string {
	return config.Compare(l.asSaved, l.saved.Config()).RestartRequired
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
