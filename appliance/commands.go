package appliance

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"smartconnect/appliance/command"
	"smartconnect/appliance/config"
)

// commandsFile keeps the ids of the commands that were carried out last.
const commandsFile = "commands.json"

// The ways a command can come.
const (
	viaUplink = "uplink"
	viaBroker = "broker"
)

// commands are what machines may tell the box.
func (l *life) commands() []command.Command {
	return []command.Command{
		{Name: "ping", Run: func(context.Context, json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(map[string]any{"version": Version(), "uptime_seconds": int64(time.Since(l.began).Seconds())})
		}},
		{Name: "config-get", Run: func(context.Context, json.RawMessage) (json.RawMessage, error) {
			return config.Public(l.saved.Config()), nil
		}},
		{Name: "reset", Acts: true, Ends: true, Run: func(context.Context, json.RawMessage) (json.RawMessage, error) {
			l.log.Info("reset by a command")
			l.restart()
			return nil, nil
		}},
	}
}

func (l *life) openDesk() *command.Desk {
	path := filepath.Join(l.o.State, commandsFile)
	return command.NewDesk(l.commands(), command.File{
		Load: func() ([]byte, error) { return config.ReadFile(path) },
		Save: func(b []byte) error { return config.WriteFile(path, b, 0o600) },
	}, clock, l.log)
}
