// Package broker is the MQTT server of the box: whoever is in the house may
// subscribe to the meter with nothing else installed. After every telegram it
// publishes what package payload makes of it.
//
// The engine is mochi-mqtt, and it appears nowhere else. What it lacks stands
// round it here: rights that are checked at every delivery (hook.go, rights.go),
// limits on sockets and on slow readers (listener.go, conn.go), and a stop that
// ends.
//
// # Extending it
//
// A further way in (TLS, WebSocket) is another net.Listener handed to
// [Broker.Serve]. A further topic belongs into package payload. Somebody with
// other rights is a [User] with other rules; nothing else decides what anybody
// may do.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
)

// Broker is the MQTT server. Its fields are set before Run and left alone.
type Broker struct {
	Addr       string // TCP address to listen on: ":1883"
	Device     payload.Device
	Store      *snapshot.Store
	StaleAfter time.Duration // age past which a value is stale; 0: three periods of the meter
	Users      []User
	// AllowAnonymous lets clients without a name and a password in, to read.
	AllowAnonymous bool
	Limits         Limits
	Log            *slog.Logger

	counts counts
	server atomic.Pointer[mqtt.Server]
	socks  atomic.Pointer[listener]
}

// Limits are what keeps clients from harming the box and each other. A zero
// field means the value in its comment.
type Limits struct {
	Connect    time.Duration // from the connection to the CONNECT packet: 10 s
	Sockets    int           // open at once: 96
	PerAddress int           // open at once from one address: 16
	Pending    int           // octets waiting for a client that does not read: 128 KiB
	Stall      time.Duration // for a client to take what is sent: 10 s
	Refresh    time.Duration // between publishing again what has not changed: 20 min
}

func (l Limits) orDefault() Limits {
	def(&l.Connect, 10*time.Second)
	def(&l.Sockets, 96)
	def(&l.PerAddress, 16)
	def(&l.Pending, 128<<10)
	def(&l.Stall, 10*time.Second)
	def(&l.Refresh, 20*time.Minute)
	return l
}

func def[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// counts are what has happened since the process began; they outlive a restart
// of the broker.
type counts struct {
	sent, dropped, refused, turnedAway, cut atomic.Int64
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
}

// Stats returns the figures of this moment.
func (b *Broker) Stats() Stats {
	s := Stats{
		Sent:       b.counts.sent.Load(),
		Dropped:    b.counts.dropped.Load(),
		Refused:    b.counts.refused.Load(),
		TurnedAway: b.counts.turnedAway.Load(),
		Cut:        b.counts.cut.Load(),
	}
	if server := b.server.Load(); server != nil {
		s.Clients = int(atomic.LoadInt64(&server.Info.ClientsConnected))
	}
	if l := b.socks.Load(); l != nil {
		s.Sockets = l.sockets()
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

// Run listens on Addr and serves until ctx is done.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.Check(); err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", b.Addr)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return b.Serve(ctx, ln)
}

// Serve serves the clients that ln accepts until ctx is done. It closes ln, and
// says offline to the clients before it leaves them. One Serve runs at a time.
func (b *Broker) Serve(ctx context.Context, ln net.Listener) error {
	if err := b.Check(); err != nil {
		_ = ln.Close()
		return err
	}
	limits := b.Limits.orDefault()
	server := mqtt.New(options(b.Log))
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	l := newListener(ln, limits, &b.counts, b.Log, fail)
	h := &hook{
		base:      payload.Base(b.Device.Serial),
		users:     map[string]User{},
		counts:    &b.counts,
		log:       b.Log,
		server:    server,
		stopping:  l.stopping,
		verifying: make(chan struct{}, 1),
	}
	for _, u := range b.Users {
		h.users[u.Name] = u
	}
	if b.AllowAnonymous {
		h.anonymous = &User{Rules: ReadOnly(b.Device.Serial)}
	}
	if err := errors.Join(server.AddHook(h, nil), server.AddListener(l)); err != nil {
		_ = ln.Close()
		return fmt.Errorf("broker: %w", err)
	}

	p := &publisher{
		tree:       payload.NewTree(b.Device),
		staleAfter: b.StaleAfter,
		refresh:    limits.Refresh,
		log:        b.Log,
		send: func(m payload.Message) error {
			defer h.retaining()()
			return server.Publish(m.Topic, m.Payload, m.Retain, m.QoS)
		},
	}
	p.begin() // before the first client can ask
	if err := server.Serve(); err != nil {
		_ = ln.Close()
		return fmt.Errorf("broker: %w", err)
	}
	b.server.Store(server)
	b.socks.Store(l)
	defer b.server.Store(nil)
	defer b.socks.Store(nil)
	b.Log.Info("broker listens", "address", ln.Addr())

	p.run(running, b.Store)
	p.end()
	stopped := b.stop(server, l)
	if ctx.Err() == nil {
		return errors.Join(context.Cause(running), stopped)
	}
	return stopped
}

// stop ends the server so that nothing of it is left: no newcomers, then the
// clients, then the library, which by then has nothing to wait for.
func (b *Broker) stop(server *mqtt.Server, l *listener) error {
	b.settle()
	l.refuse()
	for _, cl := range server.Clients.GetAll() {
		switch {
		case cl.Net.Inline || cl.Closed():
		case cl.Properties.ProtocolVersion == 5:
			_ = server.DisconnectClient(cl, packets.ErrServerShuttingDown)
		default: // before MQTT 5 a server has no such packet
			cl.Stop(packets.ErrServerShuttingDown)
		}
	}
	l.end()
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeLimit):
		return fmt.Errorf("broker: the engine did not close within %v", closeLimit)
	}
}

// closeLimit is for the library's Close, which has been seen to hang.
const closeLimit = 2 * time.Second

// settle waits until the last words have left the library's queues. It tells
// nobody when a queue is empty, but counts what it has sent.
func (b *Broker) settle() {
	sent := b.counts.sent.Load()
	for range 10 {
		time.Sleep(20 * time.Millisecond)
		now := b.counts.sent.Load()
		if now == sent {
			return
		}
		sent = now
	}
}

// options are the library's settings for a box of the house: a few dozen
// clients, small messages, nothing kept for long.
func options(log *slog.Logger) *mqtt.Options {
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = 64
	caps.MaximumPacketSize = 64 << 10
	caps.MaximumClientWritesPending = 256
	caps.MaximumInflight = 256
	caps.ReceiveMaximum = 32
	caps.MaximumSessionExpiryInterval = 3600
	caps.MaximumMessageExpiryInterval = 3600
	caps.TopicAliasMaximum = 16
	caps.Compatibilities.NoInheritedPropertiesOnAck = true
	return &mqtt.Options{
		Capabilities:           caps,
		SysTopicResendInterval: 10,
		InlineClient:           true,
		Logger:                 slog.New(errorsOnly{log.Handler()}),
	}
}

// errorsOnly keeps the library's remarks out of the log. It warns of each packet
// that it refuses, with all that is in it, passwords included.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}

func (h errorsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorsOnly{h.Handler.WithAttrs(attrs)}
}

func (h errorsOnly) WithGroup(name string) slog.Handler {
	return errorsOnly{h.Handler.WithGroup(name)}
}
