// Package broker is the MQTT server of the box: whoever is in the house may
// subscribe to the meter with nothing else installed. After every telegram it
// publishes what package payload makes of it.
//
// The engine is mochi-mqtt, and it appears nowhere else. What it lacks stands
// round it here: rights that are checked at every delivery (hook.go, rights.go),
// limits on sockets and on slow readers (sockets.go, conn.go), and a stop that
// ends (engine.go). Run is the server, and each way in a [Door] of its own that
// comes and goes beside it (door.go).
//
// # Extending it
//
// A further way in is a field of [Door] and a layer in sockets.receive. A further
// topic belongs into package payload: in its tree, or given to the broker as
// [Broker.Announce] or [Broker.Live]. Somebody with other rights is a [User] with
// other rules; nothing else decides what anybody may do. A further command is the
// appliance's, in what it sets as [Broker.Commands].
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
)

// Broker is the MQTT server. Its fields are set before Run and left alone.
type Broker struct {
	Device     payload.Device
	Store      *snapshot.Store
	StaleAfter time.Duration // age past which a value is stale; 0: three periods of the meter
	Users      []User
	// AllowAnonymous lets clients without a name and a password in, to read.
	AllowAnonymous bool
	Limits         Limits
	// Commands, if set, is told of each message to <base>/cmd/<name> from a user
	// who may write there, one at a time and outside the server. answer publishes
	// on <base>/cmd/<name>/response, not retained, QoS 1: as often as there is
	// something to say (accepted, done), from any goroutine, also after Commands
	// has returned; once ctx is done it does nothing. Commands returns soon, and
	// at once when ctx is done. A message may come twice (QoS 1).
	Commands func(ctx context.Context, name string, body []byte, answer func(body []byte))
	// Announce, if set, returns what is said beside the tree and changes seldom:
	// discovery. s is nil before the first telegram. Each message is retained, and
	// published when its octets have changed, when Home Assistant has come up, and
	// with every refresh. One that has no octets, or is returned no more, takes
	// back what stood under its topic.
	Announce func(s *snapshot.Snapshot) []payload.Message
	// Live, if set, returns what is said beside the tree after each telegram, and
	// once more when it has become stale.
	Live func(s *snapshot.Snapshot, quality snapshot.Quality) []payload.Message
	Log  *slog.Logger

	counts  counts
	present present
}

// Limits are what keeps clients from harming the box and each other. A zero
// field means the value in its comment.
type Limits struct {
	Connect    time.Duration // from the connection to the CONNECT packet: 10 s
	Sockets    int           // open at once: 96
	PerAddress int           // open at once from one address: 16
	Clients    int           // logged in at once: 64
	Pending    int           // octets waiting for a client that does not read: 128 KiB
	Stall      time.Duration // for a client to take what is sent: 10 s
	Refresh    time.Duration // between publishing again what has not changed: 20 min
}

func (l Limits) orDefault() Limits {
	l.Connect = cmp.Or(l.Connect, 10*time.Second)
	l.Sockets = cmp.Or(l.Sockets, 96)
	l.PerAddress = cmp.Or(l.PerAddress, 16)
	l.Clients = cmp.Or(l.Clients, 64)
	l.Pending = cmp.Or(l.Pending, 128<<10)
	l.Stall = cmp.Or(l.Stall, 10*time.Second)
	l.Refresh = cmp.Or(l.Refresh, 20*time.Minute)
	return l
}

// counts are what has happened since the process began; they outlive a restart
// of the broker.
type counts struct {
	sent, dropped, refused, turnedAway, cut atomic.Int64
	commands, commandsDropped               atomic.Int64
}

// Stats is what the broker tells about itself.
type Stats struct {
	Clients    int   `json:"clients"`     // logged in now
	Sockets    int   `json:"sockets"`     // open now, logged in or not
	Sent       int64 `json:"sent"`        // messages handed to clients
	Dropped    int64 `json:"dropped"`     // messages a client had no room for
	Refused    int64 `json:"refused"`     // logins
	TurnedAway int64 `json:"turned_away"` // sockets above the limits
	Cut        int64 `json:"cut"`         // clients cut off for not reading

	Commands        int64 `json:"commands"`         // handed to the appliance
	CommandsDropped int64 `json:"commands_dropped"` // retained, or more than can wait
}

// Stats returns the figures of this moment.
func (b *Broker) Stats() Stats {
	s := Stats{
		Sent:       b.counts.sent.Load(),
		Dropped:    b.counts.dropped.Load(),
		Refused:    b.counts.refused.Load(),
		TurnedAway: b.counts.turnedAway.Load(),
		Cut:        b.counts.cut.Load(),

		Commands:        b.counts.commands.Load(),
		CommandsDropped: b.counts.commandsDropped.Load(),
	}
	if e := b.present.get(); e != nil {
		s.Clients = int(atomic.LoadInt64(&e.server.Info.ClientsConnected))
		s.Sockets = e.sockets.count()
	}
	return s
}

// Check says what is wrong with the settings.
func (b *Broker) Check() error {
	var serial error
	if s := b.Device.Serial; s == "" || len(s) > 64 || strings.ContainsAny(s, "/+#$\x00") {
		serial = fmt.Errorf("broker: serial number %q cannot stand in a topic", s)
	}
	return errors.Join(serial, checkUsers(b.Users))
}

// Run is the server itself, without a way in (see [Broker.Admit]): it publishes
// until ctx is done, and says offline to the clients before it leaves them. One
// Run runs at a time.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.Check(); err != nil {
		return err
	}
	limits := b.Limits.orDefault()
	born := make(chan struct{}, 1)
	e, err := newEngine(b, limits, born)
	if err != nil {
		return err
	}
	p := &publisher{
		tree:       payload.NewTree(b.Device),
		announce:   b.Announce,
		live:       b.Live,
		staleAfter: b.StaleAfter,
		refresh:    limits.Refresh,
		born:       born,
		log:        b.Log,
		send:       e.publish,
	}
	p.begin() // before the first client can ask
	if err := e.server.Serve(); err != nil {
		return fmt.Errorf("broker: %w", errors.Join(err, e.end()))
	}
	running, stop := context.WithCancel(ctx)
	var orders sync.WaitGroup
	orders.Go(func() { e.hook.commands.run(running, e.hook.base) })
	b.present.set(e)
	p.run(ctx, b.Store)
	stop()
	orders.Wait()
	p.end()
	b.present.set(nil)
	return e.end()
}
