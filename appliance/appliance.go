// Package appliance is how the box lives: it opens the state folder, starts a
// task for the meter and one for each server, keeps them alive, and begins a
// new life when it is told to reset.
//
//	serialport.Open → telegram.Scan → Format.Decode → Merge → Store.Publish → Snapshot
//	                                       ├ Store.Latest  → register image → Modbus reply
//	                                       ├ Store.Changes → JSON → broker
//	                                       ├ Store.Reader  → JSON → queue → uplink
//	                                       ├ Store.Reader  → history → API, page
//	                                       └ Latest + counters → Status → API, page
//
// The configuration is constant for a life. A change is saved at once and takes
// effect with the next life, which begins well under a second after a reset.
package appliance

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"smartconnect/appliance/command"
	"smartconnect/appliance/config"
	"smartconnect/appliance/history"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/journal"
	"smartconnect/appliance/payload"
	"smartconnect/appliance/run"
	"smartconnect/appliance/serialport"
	"smartconnect/appliance/snapshot"
	"smartconnect/appliance/uplink"
	"smartconnect/modbusmap"
	"smartconnect/telegram"
	"smartconnect/telegram/dlms"
	"smartconnect/telegram/formats"
)

// Options are what the command line says.
type Options struct {
	State string // folder of the configuration and the identity

	// These override the configuration for this run; "" leaves it.
	Meter  string // source of telegrams
	Modbus string // address of the first Modbus server
	MQTT   string // address of the broker
	MQTTS  string // the same with TLS

	// The addresses of the API are not in the configuration, so that no change
	// of it can lock the owner out. "" is off.
	HTTP  string
	HTTPS string

	Backoff run.Backoff // of failed tasks; zero: run.DefaultBackoff
	Log     *slog.Logger

	journal *journal.Journal // the latest of Log, over all lives
}

// known is what this build can do, as far as settings name it.
func known() config.Known {
	return config.Known{
		Formats: formats.Names()[1:], Payloads: payload.Formats(), Profiles: dlms.Profiles(), MeterTypes: modbusmap.Names(),
		Source: func(s string) error { _, err := serialport.ParseSource(s); return err },
	}
}

// Run is the box, one life after the other, until ctx is done. It fails only if
// the state folder cannot be used.
func Run(ctx context.Context, o Options) error {
	if o.Backoff == (run.Backoff{}) {
		o.Backoff = run.DefaultBackoff
	}
	past := new(past)
	o.journal = &journal.Journal{}
	o.Log = slog.New(o.journal.Handler(o.Log.Handler()))
	for ctx.Err() == nil {
		l, err := begin(o, past)
		if err != nil {
			return err
		}
		l.live(ctx)
	}
	return nil
}

// life is the box from one reset to the next.
type life struct {
	o        Options
	past     *past
	began    time.Time
	log      *slog.Logger
	store    *snapshot.Store
	events   *events
	identity *identity.Identity
	saved    *config.Store
	cfg      config.Config // constant for this life, overrides included
	asSaved  config.Config // the same without overrides
	unsaid   bool          // what the owner wants could not be read
	warnings []string      // what was wrong at the start

	meter    *meter
	share    *port // of the telegrams; nil: not shared
	modbus   []*modbusServer
	broker   *brokerServer
	uplink   *uplink.Uplink // nil: off
	desk     *command.Desk  // of commands over MQTT
	network  *network
	internet *internet
	history  *history.History
	web      []*webServer
	tasks    []run.Task
	restart  context.CancelFunc
}

func begin(o Options, past *past) (*life, error) {
	l := &life{o: o, past: past, began: time.Now(), log: o.Log, events: &events{log: o.Log}, network: newNetwork()}
	if err := o.wipe(past); err != nil {
		l.warn(err)
	}
	var err error
	if l.identity, err = identity.Open(o.State, o.Log); err != nil {
		return nil, err
	}
	l.saved, err = config.Open(o.State, known())
	if err != nil {
		l.warn(err)
		l.unsaid = true
	}
	l.asSaved = l.saved.Config()
	l.cfg = l.saved.Config()
	o.override(&l.cfg)
	l.store = snapshot.NewStore(l.sequence("sequence"))
	l.desk = l.openDesk()
	return l, l.furnish()
}

// override puts the command line before the configuration.
func (o Options) override(c *config.Config) {
	for _, f := range []struct {
		flag    string
		setting *string
	}{
		{o.Meter, &c.Meter.Source},
		{o.Modbus, &c.Modbus.Servers[0].Listen},
		{o.MQTT, &c.Broker.Listen},
		{o.MQTTS, &c.Broker.ListenTLS},
	} {
		if f.flag != "" {
			*f.setting = f.flag
		}
	}
}

// sequence numbers snapshots or events. A folder that cannot be written must not
// keep the meter from being read.
func (l *life) sequence(name string) func() uint64 {
	save := func(path string, b []byte) error { return config.WriteFile(path, b, 0o600) }
	s, err := snapshot.OpenSequence(filepath.Join(l.o.State, name), config.ReadFile, save, l.log)
	if err != nil {
		l.warn(err)
	}
	return s.Next
}

// lineFile keeps the line settings that the meter was found on, so that the next
// life begins with them. It is written when they change.
const lineFile = "line"

// lastLine returns the line of an earlier life, zero if there is none: it is only
// where to look first.
func (l *life) lastLine() telegram.Line {
	b, err := config.ReadFile(filepath.Join(l.o.State, lineFile))
	if err != nil {
		return telegram.Line{}
	}
	line, err := telegram.ParseLine(string(b))
	if err != nil {
		l.log.Warn("the line settings found last cannot be read", "error", err)
	}
	return line
}

func (l *life) keepLine(line telegram.Line) {
	if line == l.lastLine() {
		return
	}
	l.log.Info("the meter's line settings are found", "line", line)
	if err := config.WriteFile(filepath.Join(l.o.State, lineFile), []byte(line.String()), 0o600); err != nil {
		l.log.Warn("the line settings cannot be kept", "error", err)
	}
}

func (l *life) warn(err error) {
	l.log.Error("starting nevertheless", "error", err)
	l.warnings = append(l.warnings, err.Error())
}

// live runs the tasks until ctx is done or the box is reset.
func (l *life) live(ctx context.Context) {
	ctx, l.restart = context.WithCancel(ctx)
	defer l.restart()
	l.log.Info("life begins", "serial", l.identity.Serial(), "version", Version())
	run.All(ctx, l.log, l.o.Backoff, l.tasks...)
	l.log.Info("life ended", "after", time.Since(l.began).Round(time.Millisecond))
}
