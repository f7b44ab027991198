package broker

import "strings"

// only4 are the rows of MQTT 3.1.1.
var only4 = []row{
	{"3.1.1: an identifier of no length for a kept session", "3.1.3-8", func(s *speech) string {
		_, connack := s.connect(open{named: true, keep: true})
		return hex(connack)
	}, "0002", "", ""},
	{"3.1.1: a kept session gets what came meanwhile", "3.1.2.4", func(s *speech) string {
		c := s.in(open{id: "kept", keep: true})
		s.subscribe(c, base+"/cmd/x", 1)
		s.bye(c)
		s.publish(s.in(open{}), "cmd/x", "a", 1)
		c, connack := s.connect(open{id: "kept", keep: true})
		return hex(connack) + " " + s.heard(c, true)
	}, "0100 a/1", "", ""},
	{"3.1.1: a clean session forgets", "3.1.2-6", func(s *speech) string {
		c := s.in(open{id: "kept2", keep: true})
		s.subscribe(c, base+"/cmd/x", 1)
		s.bye(c)
		s.in(open{id: "kept2"}).Close()
		_, connack := s.connect(open{id: "kept2", keep: true})
		return hex(connack)
	}, "0000", "", ""},
	{"3.1.1: a client may not write: QoS 1 ends the connection", "3.3.5-2", func(s *speech) string {
		if s.publish(s.in(open{}), "new", "a", 1) == 0xff {
			return "closed"
		}
		return "acknowledged"
	}, "closed", "", "-"},
}

// The options of a subscription of MQTT 5 (3.8.3.1).
const (
	noLocal     = 0x04
	asPublished = 0x08
	ifNew       = 0x10
	never       = 0x20
)

// only5 are the rows of MQTT 5.
var only5 = []row{
	{"5: retain handling 1, first and again", "3.8.3.1", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/status", ifNew)
		first := s.heard(c, true)
		s.subscribe(c, base+"/status", ifNew)
		return first + " " + s.heard(c, true)
	}, "offline/0r ", "", ""},
	{"5: retain handling 2", "3.8.3.1", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/status", never)
		return s.heard(c, true)
	}, "", "", ""},
	{"5: retain as published, of a message that is not", "3.3.1.3", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/cmd/x", asPublished)
		s.publish(s.in(open{}), "cmd/x", "a", 0)
		return s.heard(c, true)
	}, "a/0", "", ""},
	{"5: no local", "3.8.3.1", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/cmd/x", noLocal)
		s.publish(c, "cmd/x", "own", 0)
		s.publish(s.in(open{}), "cmd/x", "other", 0)
		return s.heard(c, true)
	}, "other/0", "", ""},
	{"5: no local on a shared subscription", "3.8.3.1", func(s *speech) string {
		c := s.in(open{})
		if s.subscribe(c, "$share/g/"+base+"/cmd/x", noLocal) < 0x80 {
			return "granted"
		}
		return "refused"
	}, "refused", "", "granted"},
	{"5: session expiry 100 s: kept; 0: not", "3.1.2.11.2", func(s *speech) string {
		expiry := []byte{0x11, 0, 0, 0, 100}
		s.bye(s.in(open{id: "e", props: expiry}))
		_, kept := s.connect(open{id: "e", keep: true})
		_, gone := s.connect(open{id: "f"})
		return hex(kept[:1]) + hex(gone[:1])
	}, "0100", "", ""},
	{"5: a shared subscription brings a message to one of two", "4.8.2", func(s *speech) string {
		a, b := s.in(open{}), s.in(open{})
		s.subscribe(a, "$share/g/"+base+"/cmd/x", 0)
		s.subscribe(b, "$share/g/"+base+"/cmd/x", 0)
		s.publish(s.in(open{}), "cmd/x", "a", 0)
		return strings.TrimSpace(s.heard(a, true) + " " + s.heard(b, true))
	}, "a/0", "", ""},
	{"5: no retained message for a shared subscription", "4.8.2", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, "$share/g/"+base+"/status", 0)
		return s.heard(c, true)
	}, "", "", "offline/0r"},
	{"5: subscription identifier", "3.3.4", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/cmd/x", 0, 0x0b, 5)
		s.publish(s.in(open{}), "cmd/x", "a", 0)
		return s.heard(c, true)
	}, "a/0{0b05}", "", ""},
	{"5: a message larger than the client takes is dropped", "3.1.2.11.4", func(s *speech) string {
		c := s.in(open{props: []byte{0x27, 0, 0, 0, 100}})
		s.subscribe(c, base+"/cmd/x", 0)
		p := s.in(open{})
		s.publish(p, "cmd/x", strings.Repeat("a", 200), 0)
		s.publish(p, "cmd/x", "b", 0)
		return s.heard(c, true)
	}, "b/0", "", ""},
	{"5: receive maximum 1: one at a time", "3.3.4", func(s *speech) string {
		c := s.in(open{props: []byte{0x21, 0, 1}})
		s.subscribe(c, base+"/cmd/x", 1)
		p := s.in(open{})
		s.publish(p, "cmd/x", "a", 1)
		s.publish(p, "cmd/x", "b", 1)
		return s.heard(c, false)
	}, "a/1", "", ""},
	{"5: receive maximum 1: the next after the acknowledgement", "3.3.4", func(s *speech) string {
		c := s.in(open{props: []byte{0x21, 0, 1}})
		s.subscribe(c, base+"/cmd/x", 1)
		p := s.in(open{})
		s.publish(p, "cmd/x", "a", 1)
		s.publish(p, "cmd/x", "b", 1)
		return s.heard(c, true)
	}, "a/1 b/1", "", ""},
	{"5: topic alias of a client", "3.3.2.3.4", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/cmd/x", 0)
		p := s.in(open{})
		s.publish(p, "cmd/x", "a", 0, 0x23, 0, 1)
		s.publish(p, "", "b", 1, 0x23, 0, 1)
		return s.heard(c, true)
	}, "a/0 b/0", "", ""},
	{"5: topic alias that stands for nothing", "3.3.2.3.4", func(s *speech) string {
		c := s.in(open{})
		s.publish(c, "", "b", 0, 0x23, 0, 7)
		return s.heard(c, true)
	}, "closed", "", ""},
	{"5: topic alias 0", "3.3.2.3.4", func(s *speech) string {
		c := s.in(open{})
		s.publish(c, "cmd/x", "b", 0, 0x23, 0, 0)
		return s.heard(c, true)
	}, "closed", "", ""},
	{"5: a client may not write: QoS 1 is told so", "3.4.2.1", func(s *speech) string {
		return hex([]byte{s.publish(s.in(open{}), "new", "a", 1)})
	}, "87", "", "-"},
	{"5: a client may not write: QoS 2 is told so", "3.5.2.1", func(s *speech) string {
		return hex([]byte{s.publish(s.in(open{}), "new", "a", 2)})
	}, "87", "", "-"},
	{"5: response topic, correlation and user property reach the other side", "3.3.2.3", func(s *speech) string {
		c := s.in(open{})
		s.subscribe(c, base+"/cmd/x", 0)
		s.publish(s.in(open{}), "cmd/x", "a", 0, append([]byte{0x08, 0, 1, 'r', 0x09, 0, 1, 'c', 0x26}, append(text("k"), text("v")...)...)...)
		return s.heard(c, true)
	}, "a/0{08000172090001632600016b000176}", "", ""},
}
