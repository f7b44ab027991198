package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"smartconnect/appliance/payload"
)

// maxPacket is the largest MQTT packet of a client, in octets behind its length.
const maxPacket = 64 << 10

// maxAliases is how many topics a client may have a number for.
const maxAliases = 16

// engine is the library's server and what stands round it, for one Run.
type engine struct {
	server  *mqtt.Server
	hook    *hook
	sockets *sockets
	counts  *counts
	stop    context.CancelFunc // of hook.stopping
}

func newEngine(b *Broker, limits Limits, born chan<- struct{}) (*engine, error) {
	server := mqtt.New(options(limits, b.Log))
	stopping, stop := context.WithCancel(context.Background())
	h := &hook{
		base:      payload.Base(b.Device.Serial),
		users:     map[string]User{},
		counts:    &b.counts,
		log:       b.Log,
		server:    server,
		stopping:  stopping,
		verifying: make(chan struct{}, 1),
		commands:  newCommands(b.Commands, &b.counts, b.Log),
		born:      born,
	}
	for _, u := range b.Users {
		h.users[u.Name] = u
	}
	if b.AllowAnonymous {
		h.anonymous = &User{Rules: ReadOnly(b.Device.Serial)}
	}
	h.commands.publish = func(topic string, body []byte) error { return server.Publish(topic, body, false, 1) }
	e := &engine{server: server, hook: h, counts: &b.counts, stop: stop}
	e.sockets = newSockets(limits, &b.counts, b.Log, func(c net.Conn) error { return server.EstablishConnection("door", c) })
	if err := server.AddHook(h, nil); err != nil {
		stop()
		return nil, fmt.Errorf("broker: %w", err)
	}
	return e, nil
}

// publish publishes a message, and waits with one that is retained until nobody
// looks through those that are.
func (e *engine) publish(m payload.Message) error {
	if m.Retain {
		defer e.hook.retaining()()
	}
	return e.server.Publish(m.Topic, m.Payload, m.Retain, m.QoS)
}

// end ends the server so that nothing of it is left: no newcomers, then the
// clients, then the library, which by then has nothing to wait for.
func (e *engine) end() error {
	e.settle()
	e.stop()
	e.sockets.refuse()
	for _, cl := range e.server.Clients.GetAll() {
		switch {
		case cl.Net.Inline || cl.Closed():
		case cl.Properties.ProtocolVersion == 5:
			_ = e.server.DisconnectClient(cl, packets.ErrServerShuttingDown)
		default: // before MQTT 5 a server has no such packet
			cl.Stop(packets.ErrServerShuttingDown)
		}
	}
	e.sockets.end()
	closed := make(chan error, 1)
	go func() { closed <- e.server.Close() }()
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
func (e *engine) settle() {
	sent := e.counts.sent.Load()
	for range 10 {
		time.Sleep(20 * time.Millisecond)
		now := e.counts.sent.Load()
		if now == sent {
			return
		}
		sent = now
	}
}

// present is the engine that runs, if one does. The zero present is ready.
type present struct {
	mu     sync.Mutex
	engine *engine
	came   chan struct{} // closed while there is an engine
}

func (p *present) set(e *engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	came := p.signal()
	p.engine = e
	if e != nil {
		close(came)
	} else {
		p.came = nil
	}
}

func (p *present) signal() chan struct{} {
	if p.came == nil {
		p.came = make(chan struct{})
	}
	return p.came
}

func (p *present) get() *engine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine
}

// wait waits for an engine, and reports whether there is one before ctx is done.
func (p *present) wait(ctx context.Context) bool {
	p.mu.Lock()
	came := p.signal()
	p.mu.Unlock()
	select {
	case <-ctx.Done():
		return false
	case <-came:
		return ctx.Err() == nil
	}
}

// options are the library's settings for a box of the house: a few dozen
// clients, small messages, nothing kept for long.
func options(limits Limits, log *slog.Logger) *mqtt.Options {
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(limits.Clients)
	caps.MaximumPacketSize = maxPacket
	caps.MaximumClientWritesPending = 256
	caps.MaximumInflight = 256
	caps.ReceiveMaximum = 32
	caps.MaximumSessionExpiryInterval = 3600
	caps.MaximumMessageExpiryInterval = 3600
	caps.TopicAliasMaximum = maxAliases
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
