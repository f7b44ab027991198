package broker

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// The most one client may subscribe to, and the most sessions that are kept for
// clients that are away: both are memory that a client asks for.
const (
	maxSubscriptions = 128 // Home Assistant has some 80
	maxSessions      = 128
)

// maxKeepalive is the longest keep-alive, in seconds, whose one and a half the
// library can count.
const maxKeepalive = 65535 / 3 * 2

// hook is where the library asks who may do what.
type hook struct {
	mqtt.HookBase

	base      string
	users     map[string]User
	anonymous *User // nil: nobody gets in without a name
	counts    *counts
	log       *slog.Logger

	server    *mqtt.Server
	stopping  context.Context
	verifying chan struct{} // holds one: passwords are verified one at a time
	// retained is held for writing while a message is retained, and for reading
	// while a client subscribes: the library looks through what is retained
	// without a lock of its own (its issue 200).
	retained sync.RWMutex
	backoff  backoff
	commands *commands
	born     chan<- struct{} // is told when Home Assistant has come up; holds one
}

var provided = map[byte]bool{
	mqtt.OnConnect: true, mqtt.OnConnectAuthenticate: true, mqtt.OnACLCheck: true,
	mqtt.OnSubscribe: true, mqtt.OnPacketProcessed: true, mqtt.OnPublish: true, mqtt.OnPublished: true,
	mqtt.OnPacketRead: true, mqtt.OnPacketEncode: true, mqtt.OnPacketSent: true, mqtt.OnPublishDropped: true,
}

func (h *hook) ID() string           { return "rights" }
func (h *hook) Provides(b byte) bool { return provided[b] }

// OnConnect puts the client's identifier into a space of its user's own, before
// the library looks for a session of that name: two users with one identifier
// are two sessions, and nobody can take over, or read the queue of, another
// user's session or that of the broker itself.
func (h *hook) OnConnect(cl *mqtt.Client, _ packets.Packet) error {
	cl.ID = string(cl.Properties.Username) + "\x00" + cl.ID
	// The library counts an alias as known to the client even if the message
	// that introduced it was dropped: without aliases nothing can go wrong.
	cl.Properties.Props.TopicAliasMaximum = 0
	// It also computes one and a half keep-alives in 16 bits.
	cl.State.Keepalive = min(cl.State.Keepalive, maxKeepalive)
	return nil
}

// OnConnectAuthenticate decides who gets in.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	u, ok := h.login(cl, pk)
	if !ok {
		h.counts.refused.Add(1)
		return false
	}
	// The library publishes a will without asking for the right to. A client
	// whose habit it is to leave one (Home Assistant) is not refused for it.
	if !mayPublish(u.Rules, h.base, cl.Properties.Will.TopicName) {
		cl.Properties.Will = mqtt.Will{}
	}
	cl.Properties.Will.Retain = false
	if h.server.Clients.Len() >= maxSessions {
		cl.Properties.Clean = true
		cl.Properties.Props.SessionExpiryInterval = 0
	}
	return true
}

func (h *hook) login(cl *mqtt.Client, pk packets.Packet) (*User, bool) {
	name := string(cl.Properties.Username)
	if name == "" && len(pk.Connect.Password) == 0 && h.anonymous != nil && !inPage(cl.Net.Conn) {
		return h.anonymous, true
	}
	u, known := h.users[name]
	who := attempt{from: remoteAddr(cl.Net.Conn), user: name}
	if !known {
		who.user = "" // any number of names may be tried: they are remembered as one
	}
	if h.backoff.wait(who, time.Now()) {
		return nil, false
	}
	if known && h.verify(u, who.from.String(), pk.Connect.Password) {
		h.backoff.succeeded(who)
		return &u, true
	}
	if h.stopping.Err() == nil && h.backoff.failed(who, time.Now()) {
		h.log.Warn("login refused", "user", name[:min(len(name), 64)], "remote", cl.Net.Remote, "known", known)
	}
	return nil, false
}

// inPage reports whether a client is a page in somebody's browser. Such a page may
// come from anywhere: that its reader is in the house says nothing of it.
func inPage(c net.Conn) bool {
	s, ok := c.(*stream)
	return ok && s.origin != ""
}

func (h *hook) verify(u User, from string, password []byte) bool {
	select {
	case h.verifying <- struct{}{}:
		defer func() { <-h.verifying }()
		return h.stopping.Err() == nil && u.Verify(from, password)
	case <-h.stopping.Done():
		return false
	}
}

// rules returns what a client that has got in may do. Its name is all that
// tells who it is: also when it is away and its session is kept.
func (h *hook) rules(cl *mqtt.Client) []Rule {
	if u, ok := h.users[string(cl.Properties.Username)]; ok {
		return u.Rules
	}
	if h.anonymous != nil {
		return h.anonymous.Rules
	}
	return nil
}

// OnACLCheck is asked for three things: a topic to publish to, a filter to
// subscribe to, and, for each message delivered, its topic.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	switch {
	case len(topic) > maxTopic:
		return false
	case write:
		return mayPublish(h.rules(cl), h.base, topic)
	}
	return maySubscribe(h.rules(cl), topic)
}

// OnSubscribe empties the filters that are more than a client may have; the
// library answers them as invalid. It also does so for filters that the library
// takes and the standard does not. OnPacketProcessed always follows, after the
// retained messages have been handed to the client.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	h.retained.RLock()
	n := cl.State.Subscriptions.Len()
	for i := range pk.Filters {
		filter := pk.Filters[i].Filter
		if _, had := cl.State.Subscriptions.Get(filter); had {
			continue
		}
		if n++; n > maxSubscriptions || CheckFilter(filter) != nil {
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}

// OnPacketProcessed ends what OnSubscribe began.
func (h *hook) OnPacketProcessed(_ *mqtt.Client, pk packets.Packet, _ error) {
	if pk.FixedHeader.Type == packets.Subscribe {
		h.retained.RUnlock()
	}
}

// retaining waits until nobody looks through the retained messages, and returns
// what ends the wait of the others. After a second it waits no longer: should
// the library have died inside a SUBSCRIBE, the reading still goes out.
func (h *hook) retaining() (done func()) {
	for end := time.Now().Add(time.Second); !h.retained.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return func() {}
		}
	}
	return h.retained.Unlock
}

// OnPacketRead puts the topic in place of its alias: the library asks for the right
// to publish before it does so itself.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if p := pk.Properties; pk.FixedHeader.Type == packets.Publish && pk.TopicName == "" && p.TopicAliasFlag && p.TopicAlias <= maxAliases {
		if pk.TopicName = cl.State.TopicAliases.Inbound.Set(p.TopicAlias, ""); pk.TopicName == "" {
			return pk, packets.ErrRejectPacket // an alias that stands for nothing (MQTT 5, 3.3.2.3.4)
		}
	}
	return pk, nil
}

// OnPacketEncode puts right what the library says to a client of MQTT 3.1.1. Where
// it has no word for it, it says "identifier rejected": no identifier, and a session
// to keep ([MQTT-3.1.3-8]). DISCONNECT is the client's alone there (3.14): without a
// type the library cannot send it, and closes.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if cl.Properties.ProtocolVersion >= 5 {
		return pk
	}
	switch {
	case pk.FixedHeader.Type == packets.Disconnect:
		pk.FixedHeader.Type = packets.Reserved
	case pk.FixedHeader.Type == packets.Connack && pk.ReasonCode == packets.ErrUnspecifiedError.Code:
		pk.ReasonCode = packets.Err3ClientIdentifierNotValid.Code
	}
	return pk
}

// OnPublish lets nothing a client says be retained: retained topics are memory. A
// command that was to be retained is ignored: whoever sends it means everybody
// who ever comes, and it would be carried out again at each start of the box.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	if _, command := commandName(h.base, pk.TopicName); command && pk.FixedHeader.Retain {
		h.counts.commandsDropped.Add(1)
		return pk, packets.CodeSuccessIgnore // acknowledged, so that it is not sent again
	}
	pk.FixedHeader.Retain = false
	return pk, nil
}

// OnPublished passes on what concerns the box itself. A will does not come here:
// that a client has gone is no command.
func (h *hook) OnPublished(cl *mqtt.Client, pk packets.Packet) {
	if cl.Net.Inline || pk.Ignore {
		return
	}
	if name, ok := commandName(h.base, pk.TopicName); ok {
		h.commands.take(command{name, pk.Payload})
		return
	}
	if pk.TopicName == birthTopic && string(pk.Payload) == birthWord {
		select {
		case h.born <- struct{}{}:
		default: // it will be told anyway
		}
	}
}

// OnPacketSent counts what has gone out.
func (h *hook) OnPacketSent(_ *mqtt.Client, pk packets.Packet, _ []byte) {
	if pk.FixedHeader.Type == packets.Publish {
		h.counts.sent.Add(1)
	}
}

// OnPublishDropped counts what found a client's queue full.
func (h *hook) OnPublishDropped(*mqtt.Client, packets.Packet) { h.counts.dropped.Add(1) }
