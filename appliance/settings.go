package appliance

import (
	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/telegram"
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
	return s.result(saved, effects, err, "settings were changed: ")
}

// Export returns the saved configuration as a file for the owner.
func (s settings) Export(passphrase telegram.Secret) ([]byte, error) {
	if !passphrase.IsSet() {
		return s.l.saved.Export(s.l.origin()), nil
	}
	file, err := s.l.saved.ExportSealed(s.l.origin(), passphrase)
	return file, refused(err)
}

// Import makes a file the saved configuration.
func (s settings) Import(body []byte, passphrase telegram.Secret) (api.PatchResult, error) {
	saved, effects, err := s.l.saved.Import(s.l.origin(), body, passphrase)
	return s.result(saved, effects, err, "a configuration was imported: ")
}

func (l *life) origin() config.Origin {
	return config.Origin{Serial: l.identity.Serial(), Firmware: Version()}
}

// result tells what a change of the saved configuration did.
func (s settings) result(saved config.Config, effects config.Effects, err error, event string) (api.PatchResult, error) {
	if err != nil {
		return api.PatchResult{}, refused(err)
	}
	if len(effects.Changed) > 0 {
		s.l.events.add(eventConfig, event+config.Names(effects.Changed))
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

// refused makes a config.Problems what the API knows, and leaves any other error.
func refused(err error) error {
	if problems, ok := err.(config.Problems); ok {
		return refusal{problems}
	}
	return err
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
