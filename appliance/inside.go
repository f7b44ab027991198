package appliance

import (
	"context"
	"net"
	"strconv"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/broker"
	"smartconnect/appliance/config"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/payload"
	"smartconnect/appliance/run"
	"smartconnect/appliance/snapshot"
)

// brokerServer is the broker in the box and its doors.
type brokerServer struct {
	engine port // without an address: why the broker itself does not run
	broker *broker.Broker
	doors  []*brokerDoor
}

type brokerDoor struct {
	port
	config.Door
}

// addBroker makes the broker in the box, where the owner wants it, and a task for
// each of its doors: one whose port is taken keeps nobody from the others.
func (l *life) addBroker() error {
	c := &l.cfg.Broker
	if !c.Enabled {
		return nil
	}
	users, err := l.brokerUsers()
	if err != nil {
		return err
	}
	b := &broker.Broker{
		Device:         l.device(),
		Store:          l.store,
		StaleAfter:     time.Duration(c.StaleAfter),
		AllowAnonymous: c.AllowAnonymous,
		Users:          users,
		Announce:       l.announcement(c),
		Commands: func(ctx context.Context, name string, body []byte, answer func([]byte)) {
			l.desk.Do(ctx, viaBroker, name, body, func(b []byte) error {
				answer(b)
				return nil
			})
		},
		Log: l.log,
	}
	if b.Live, err = l.otherForms(c); err != nil {
		return err
	}
	l.desk.Unanswered(viaBroker) // who asked is gone with the broker of that life; he may ask again
	l.broker = &brokerServer{broker: b}
	l.tasks = append(l.tasks, run.Task{Name: "broker", Failed: l.broker.engine.failed, Run: func(ctx context.Context) error {
		l.broker.engine.failed(nil) // what was has no say any more
		return b.Run(ctx)
	}})
	for _, d := range c.Doors() {
		at := &brokerDoor{port{addr: d.Listen, refused: l.yield(d.Listen)}, d}
		l.broker.doors = append(l.broker.doors, at)
		door := broker.Door{Name: d.Name(), WebSocket: d.WebSocket}
		if d.TLS {
			door.TLS = l.identity.TLSConfig()
		}
		l.serve(door.Name, &at.port, func(ctx context.Context, ln net.Listener) error { return b.Admit(ctx, ln, door) })
	}
	return nil
}

// announcement returns what Home Assistant is told of the box, or, where the owner
// does not want that, what takes back what it was told before.
func (l *life) announcement(c *config.Broker) func(*snapshot.Snapshot) []payload.Message {
	home := payload.NewTree(l.device()).HomeAssistant(l.homeAssistant(c.StaleAfter))
	return func(s *snapshot.Snapshot) []payload.Message {
		switch {
		case !c.Discovery:
			return []payload.Message{home.Removal()}
		case s == nil: // nothing is known yet, and what was told before still holds
			return nil
		}
		return []payload.Message{home.Discovery(s)}
	}
}

// otherForms returns what makes a telegram into the forms that some readers want
// beside the tree, nil where none is wanted.
func (l *life) otherForms(c *config.Broker) (func(*snapshot.Snapshot, snapshot.Quality) []payload.Message, error) {
	var forms []*payload.Compat
	for _, f := range []struct {
		wanted   bool
		name, id string
	}{
		{c.Victron, "victron-grid", l.identity.Serial()},
		{c.OpenWB > 0, "openwb", strconv.Itoa(c.OpenWB)},
	} {
		if !f.wanted {
			continue
		}
		form, err := payload.NewCompat(f.name, f.id)
		if err != nil {
			return nil, err
		}
		forms = append(forms, form)
	}
	if forms == nil {
		return nil, nil
	}
	return func(s *snapshot.Snapshot, q snapshot.Quality) (all []payload.Message) {
		for _, f := range forms {
			all = append(all, f.Telegram(s, q)...)
		}
		return all
	}, nil
}

// brokerUsers are the read-only user of the label and those of the
// configuration. One source may try one user's password without keeping the
// others of its address out.
func (l *life) brokerUsers() ([]broker.User, error) {
	hashes := map[string]string{}
	check := identity.NewVerifier(func(user string) (string, bool) {
		if hash, ok := l.identity.MQTTHash(user); ok {
			return hash, true
		}
		hash, ok := hashes[user]
		return hash, ok
	}).Check
	add := func(name string, rules []broker.Rule) broker.User {
		return broker.User{Name: name, Rules: rules, Verify: func(from string, password []byte) bool {
			ok, _ := check(from+" "+name, name, string(password))
			return ok
		}}
	}
	users := []broker.User{add(identity.MQTTUser, broker.ReadOnly(l.identity.Serial()))}
	for _, u := range l.cfg.Broker.Users {
		var rules []broker.Rule
		for _, r := range u.Rules {
			rule, err := broker.ParseRule(r.Access, r.Topic)
			if err != nil {
				return nil, err
			}
			rules = append(rules, rule)
		}
		hashes[u.Name] = u.Password.Reveal()
		users = append(users, add(u.Name, rules))
	}
	return users, nil
}

// brokerStatus says how the broker is doing: as its worst door, or as its engine.
func (l *life) brokerStatus() api.Broker {
	if l.broker == nil {
		return api.Broker{State: api.Off, Listen: l.cfg.Broker.Listen}
	}
	stats := l.broker.broker.Stats()
	s := api.Broker{State: api.OK, Clients: stats.Clients, Messages: uint64(stats.Sent), Dropped: uint64(stats.Dropped), Refused: uint64(stats.Refused), Commands: uint64(stats.Commands)}
	for i, d := range l.broker.doors {
		addr, state, detail := d.health()
		if i == 0 {
			s.Listen = addr
		}
		s.Doors = append(s.Doors, api.Door{Listen: addr, TLS: d.TLS, WebSocket: d.WebSocket, State: state, Detail: detail})
		if state != api.OK && s.State != api.Fault {
			s.State, s.Detail = state, detail
		}
	}
	if _, _, fault := l.broker.engine.state(); fault != nil {
		s.State, s.Detail = api.Fault, fault.Error()
	}
	return s
}
