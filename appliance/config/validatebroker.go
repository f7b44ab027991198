package config

import (
	"fmt"
	"strings"
)

// Door is one way into the broker.
type Door struct {
	Path      string // of the setting
	Listen    string
	TLS       bool
	WebSocket bool
}

// Name returns what a task and the log call it.
func (d Door) Name() string {
	name := "mqtt"
	if d.WebSocket {
		name = "websocket"
	}
	if d.TLS {
		name += " tls"
	}
	return name
}

// Doors returns the ways into the broker. The first is always there.
func (b Broker) Doors() []Door {
	doors := []Door{{Path: "/Broker/Listen", Listen: b.Listen}}
	for _, d := range []Door{
		{"/Broker/ListenTLS", b.ListenTLS, true, false},
		{"/Broker/WebSocket", b.WebSocket, false, true},
		{"/Broker/WebSocketTLS", b.WebSocketTLS, true, true},
	} {
		if d.Listen != "" {
			doors = append(doors, d)
		}
	}
	return doors
}

// maxCounter is above any number that openWB gives out.
const maxCounter = 99999

func (b Broker) check(p *Problems) {
	for _, d := range b.Doors() {
		p.listen(d.Path, d.Listen)
	}
	if b.OpenWB < 0 || b.OpenWB > maxCounter {
		p.add("/Broker/OpenWB", "%d is not the number of a counter of openWB, 1 to %d, or 0 for none", b.OpenWB, maxCounter)
	}
	if n := len(b.Users); n > maxUsers {
		p.add("/Broker/Users", "has %d rows; it has at most %d", n, maxUsers)
	}
	names := map[string]int{LabelUser: -1}
	for i, u := range b.Users {
		path := fmt.Sprintf("/Broker/Users/%d", i)
		p.line(path+"/Name", u.Name, 1, 64)
		switch first, taken := names[u.Name]; {
		case taken && first < 0:
			p.add(path+"/Name", "%q is the user of the label", u.Name)
		case taken:
			p.add(path+"/Name", "%q is the name of /Broker/Users/%d too", u.Name, first)
		default:
			names[u.Name] = i
		}
		if why := u.Password.wrong(); why != "" {
			p.add(path+"/Password", "%s", why)
		}
		if n := len(u.Rules); n > maxRules {
			p.add(path+"/Rules", "has %d rows; it has at most %d", n, maxRules)
		}
		for j, r := range u.Rules {
			at := fmt.Sprintf("%s/Rules/%d", path, j)
			p.word(at+"/Access", r.Access, AccessWords)
			p.line(at+"/Topic", r.Topic, 1, maxText)
			if !filter(r.Topic) {
				p.add(at+"/Topic", "%.80q is not a topic filter: + stands for a whole level, # for all that follow at the end", r.Topic)
			}
		}
	}
}

// filter reports whether s is an MQTT topic filter (MQTT 3.1.1, section 4.7).
func filter(s string) bool {
	levels := strings.Split(s, "/")
	for i, l := range levels {
		whole := l == "+" || l == "#" && i == len(levels)-1
		if !whole && strings.ContainsAny(l, "+#") {
			return false
		}
	}
	return s != ""
}
