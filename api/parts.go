package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// meterPart shows the meter and the line to it.
func (t tongue) meterPart(m Meter) part {
	period := ""
	if s, ok := m.PeriodSeconds.Get(); ok {
		period = t.T("word.every", t.span(s))
	}
	lastError := m.LastError
	switch {
	case strings.Contains(m.Detail, lastError): // it stands above already
		lastError = ""
	case m.LastErrorAgeSeconds.OK():
		lastError += " (" + t.ago(m.LastErrorAgeSeconds) + ")"
	}
	lost := maps.Clone(m.Errors)
	delete(lost, sourceFailed)
	failures := ""
	if n := m.Errors[sourceFailed]; n > 0 {
		failures = count(n)
	}
	p := t.newPart("meter", "lamp.meter", m.Level, "meter."+string(m.State)+".why", m.Detail,
		fact{t.T("fact.meter"), m.ID},
		fact{t.T("fact.header"), m.Header},
		fact{t.T("fact.format"), m.Format},
		fact{t.T("fact.encrypted"), t.seal(m)},
		fact{t.T("fact.source"), m.Source},
		fact{t.T("fact.line"), m.Line},
		fact{t.T("fact.tried"), tried(m)},
		fact{t.T("fact.period"), period},
		fact{t.T("fact.age"), t.ago(m.AgeSeconds)},
		fact{t.T("fact.telegrams"), count(m.Telegrams)},
		fact{t.T("fact.lost"), tally(lost)},
		fact{t.T("fact.way"), t.stages(m.Stages)},
		fact{t.T("fact.out"), t.copied(m.Out)},
		fact{t.T("fact.share"), t.shared(m.Share)},
		fact{t.T("fact.failures"), failures},
		fact{t.T("fact.error"), lastError})
	if word := "meter." + string(m.State); t.has(word) && (m.Level != Waiting || m.State == Receiving) {
		p.Word = t.T(word)
	}
	return p
}

// sourceFailed is the one class of Meter.Errors that is no lost telegram.
const sourceFailed = "source"

func (t tongue) seal(m Meter) string {
	switch {
	case m.Authenticated:
		return t.T("fact.encrypted.verified")
	case m.Encrypted:
		return t.T("fact.encrypted.yes")
	}
	return ""
}

// tried writes what was seen on other lines, while the meter's is looked for.
func tried(m Meter) string {
	if !m.Searching {
		return ""
	}
	var all []string
	for _, l := range m.Tried {
		all = append(all, l.Line+": "+l.Seen)
	}
	return strings.Join(all, "; ")
}

func (t tongue) copied(o *Out) string {
	if o == nil {
		return ""
	}
	return withDetail(t.T("fact.out.is", o.Device, count(o.Octets), count(o.Lost)), o.Detail)
}

func (t tongue) shared(s *Share) string {
	if s == nil {
		return ""
	}
	return withDetail(t.T("fact.share.is", s.Listen, count(s.Readers)), s.Detail)
}

func withDetail(text, detail string) string {
	if detail != "" {
		text += ": " + detail
	}
	return text
}

// stages writes what has passed each step: "12 345 octets, 24 frames, 6
// telegrams".
func (t tongue) stages(s Stages) string {
	if s.Octets == 0 {
		return ""
	}
	return t.T("fact.way.is", count(s.Octets), count(s.Frames), count(s.Telegrams))
}

// modbusPart shows a Modbus server.
func (t tongue) modbusPart(i int, m Modbus) part {
	clients := count(m.Clients)
	if m.MaxClients > 0 {
		clients = t.T("word.of", clients, count(m.MaxClients))
	}
	refused := ""
	if m.Refused > 0 {
		refused = count(m.Refused)
	}
	exceptions := tally(m.Exceptions)
	if exceptions == "0" {
		exceptions = ""
	}
	p := t.newPart(modbusID(i), "part.modbus", m.State, "modbus."+string(m.State), m.Detail,
		fact{t.T("fact.type"), m.MeterType},
		fact{t.T("fact.listen"), m.Listen},
		fact{t.T("fact.clients"), clients},
		fact{t.T("fact.refused"), refused},
		fact{t.T("fact.requests"), count(m.Requests)},
		fact{t.T("fact.exceptions"), exceptions})
	if i > 0 {
		p.Name += " " + strconv.Itoa(i+1)
	}
	return p
}

// modbusID names the part of a server, counted from 0.
func modbusID(i int) string {
	if i == 0 {
		return "modbus"
	}
	return "modbus-" + strconv.Itoa(i+1)
}

// mqttPart shows the connection to a broker outside.
func (t tongue) mqttPart(m MQTT) part {
	waiting := ""
	if m.Waiting > 0 {
		waiting = count(m.Waiting)
		if m.KeptOctets > 0 {
			waiting = t.T("fact.waiting.kept", waiting)
		}
	}
	since, next := "", ""
	if s, ok := m.SinceSeconds.Get(); ok {
		since = t.span(s)
	}
	if s, ok := m.NextTrySeconds.Get(); ok && s > 0 {
		next = t.T("word.in", t.span(s))
	}
	why := "mqtt." + m.Reason
	if m.State == Off {
		why = "mqtt.off"
	}
	return t.newPart("mqtt", "lamp.mqtt", m.State, why, m.Detail,
		fact{t.T("fact.broker"), m.Broker},
		fact{t.T("fact.since"), since},
		fact{t.T("fact.next"), next},
		fact{t.T("fact.sent"), count(m.Sent)},
		fact{t.T("fact.waiting"), waiting},
		fact{t.T("fact.dropped"), tally(map[string]uint64{
			t.T("fact.dropped.room"): m.Dropped, t.T("fact.dropped.damaged"): m.Damaged, t.T("fact.dropped.strayed"): m.Strayed})},
		fact{t.T("fact.commands"), count(m.Commands)})
}

// brokerPart shows the broker in the box.
func (t tongue) brokerPart(b Broker) part {
	return t.newPart("broker", "part.broker", b.State, "broker."+string(b.State), b.Detail,
		fact{t.T("fact.listen"), doors(b)},
		fact{t.T("fact.clients"), count(b.Clients)},
		fact{t.T("fact.messages"), count(b.Messages)})
}

// doors writes the addresses of the broker.
func doors(b Broker) string {
	var all []string
	for _, d := range b.Doors {
		text := d.Listen
		switch {
		case d.TLS && d.WebSocket:
			text += " (WebSocket, TLS)"
		case d.TLS:
			text += " (TLS)"
		case d.WebSocket:
			text += " (WebSocket)"
		}
		all = append(all, text)
	}
	if all == nil {
		return b.Listen
	}
	return strings.Join(all, ", ")
}

// tally writes counters as their sum and what it is made of: "4 (checksum 3,
// malformed 1)".
func tally(counters map[string]uint64) string {
	var sum uint64
	var each []string
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[name]; n > 0 {
			sum += n
			each = append(each, name+" "+count(n))
		}
	}
	if sum == 0 {
		return "0"
	}
	return count(sum) + " (" + strings.Join(each, ", ") + ")"
}
