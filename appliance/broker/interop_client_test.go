package broker

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
)

// speech is one conversation of the interoperability table: with our broker or
// with the witness, in one version of MQTT.
type speech struct {
	testing.TB
	version byte          // 4: MQTT 3.1.1, 5
	box     *box          // to dial
	n       int           // names for clients
	quiet   time.Duration // how long nothing must come for "nothing"
}

// open is what a CONNECT packet says beside name and password.
type open struct {
	id        string
	named     bool // id counts even if it is empty
	keep      bool // the session
	alive     byte // seconds
	props     []byte
	will      string // on base/cmd/will
	willFlags byte
}

// connect returns the client and what CONNACK says.
func (s *speech) connect(o open) (c *client, connack []byte) {
	s.Helper()
	if s.n++; o.id == "" && !o.named {
		o.id = fmt.Sprint("interop-", s.quiet, s.n)
	}
	flags := byte(0xc0)
	if !o.keep {
		flags |= 2
	}
	props := func(p []byte) []byte {
		if s.version < 5 {
			return nil
		}
		return append([]byte{byte(len(p))}, p...)
	}
	var will []byte
	if o.will != "" {
		flags |= 4 | o.willFlags
		will = append(append(props(nil), text(base+"/cmd/will")...), text(o.will)...)
	}
	c = dial(s, s.box.addr)
	c.send(packet(0x10, text("MQTT"), []byte{s.version, flags, 0, o.alive}, props(o.props), text(o.id), will, text("master"), text(pwMaster)))
	first, body, err := c.next(patience)
	if err != nil || first != 0x20 {
		return c, nil
	}
	return c, body
}

func (s *speech) in(o open) *client {
	s.Helper()
	c, connack := s.connect(o)
	if len(connack) < 2 || connack[1] != 0 {
		s.Fatalf("CONNACK % x", connack)
	}
	return c
}

// props are the properties of a packet of MQTT 5; nothing before.
func (s *speech) props(p ...byte) []byte {
	if s.version < 5 {
		return nil
	}
	return append([]byte{byte(len(p))}, p...)
}

// subscribe returns the code of SUBACK.
func (s *speech) subscribe(c *client, filter string, options byte, p ...byte) byte {
	s.Helper()
	c.send(packet(0x82, []byte{0, 9}, s.props(p...), text(filter), []byte{options}))
	for {
		first, body, err := c.next(patience)
		if err != nil {
			return 0xff
		}
		if first == 0x90 {
			return body[len(body)-1]
		}
	}
}

// publish sends on a topic below base and completes what its QoS asks for.
func (s *speech) publish(c *client, topic, words string, qos byte, p ...byte) (reason byte) {
	s.Helper()
	var id []byte
	if qos > 0 {
		id = []byte{0, 77}
	}
	if topic != "" {
		topic = base + "/" + topic
	}
	c.send(packet(0x30|qos<<1, text(topic), id, s.props(p...), []byte(words)))
	for qos > 0 {
		first, body, err := c.next(patience)
		switch {
		case err != nil:
			return 0xff
		case first == 0x40 || first == 0x70 || first == 0x50 && len(body) > 2 && body[2] >= 0x80:
			if len(body) > 2 {
				return body[2]
			}
			return 0
		case first == 0x50:
			c.send(packet(0x62, body[:2]))
		}
	}
	return 0
}

// heard returns the messages that come until it is quiet: words, QoS, "r" if
// retained, and the properties, as in "a/1r{0b05}"; and "closed" if it ends.
func (s *speech) heard(c *client, acknowledge bool) string {
	var all []string
	for {
		first, body, err := c.next(s.quiet)
		if err != nil {
			if !strings.Contains(err.Error(), "timeout") {
				all = append(all, "closed")
			}
			return strings.Join(all, " ")
		}
		switch {
		case first == 0x62 && acknowledge:
			c.send(packet(0x70, body[:2]))
		case first&0xf0 == 0x30:
			qos := first >> 1 & 3
			rest := body[2+int(binary.BigEndian.Uint16(body)):]
			if qos > 0 {
				if acknowledge {
					c.send(packet([]byte{0, 0x40, 0x50}[qos], rest[:2]))
				}
				rest = rest[2:]
			}
			props := ""
			if s.version == 5 {
				p := rest[1 : 1+int(rest[0])]
				if len(p) > 0 && p[0] == 0x02 { // how long it is kept
					p = p[5:]
				}
				if len(p) > 0 {
					props = fmt.Sprintf("{%x}", p)
				}
				rest = rest[1+int(rest[0]):]
			}
			flag := ""
			if first&1 == 1 {
				flag = "r"
			}
			all = append(all, fmt.Sprintf("%s/%d%s%s", rest, qos, flag, props))
		case first == 0xb0, first == 0xd0:
			all = append(all, map[byte]string{0xb0: "unsuback", 0xd0: "pingresp"}[first])
		}
	}
}

func (s *speech) bye(c *client) {
	c.send([]byte{0xe0, 0})
	_ = c.closed(patience)
}
