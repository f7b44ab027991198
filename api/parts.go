package api

import (
	"maps"
	"slices"
	"strings"
)

func modbusPart(m Modbus) part {
	clients := count(m.Clients)
	if m.MaxClients > 0 {
		clients += " of " + count(m.MaxClients)
	}
	exceptions := tally(m.Exceptions)
	if exceptions == "0" {
		exceptions = ""
	}
	return newPart("Modbus", m.State, m.Detail,
		fact{"Answers as", m.MeterType},
		fact{"Listens on", m.Listen},
		fact{"Clients", clients},
		fact{"Requests", count(m.Requests)},
		fact{"Exceptions", exceptions})
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

func mqttPart(m MQTT) part {
	waiting := ""
	if m.Waiting > 0 {
		waiting = count(m.Waiting)
		if m.KeptOctets > 0 {
			waiting += ", kept on the disk"
		}
	}
	since, next := "", ""
	if s, ok := m.SinceSeconds.Get(); ok {
		since = span(s)
	}
	if s, ok := m.NextTrySeconds.Get(); ok && s > 0 {
		next = "in " + span(s)
	}
	return newPart("MQTT outside", m.State, m.Detail,
		fact{"Broker", m.Broker},
		fact{"For", since},
		fact{"Next attempt", next},
		fact{"Messages acknowledged", count(m.Sent)},
		fact{"Messages waiting", waiting},
		fact{"Messages lost", tally(map[string]uint64{"no room": m.Dropped, "damaged": m.Damaged, "for another broker": m.Strayed})},
		fact{"Commands", count(m.Commands)})
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
