package payload

import (
	"strconv"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// Base returns what all topics of a box begin with, without the last slash.
func Base(serial string) string { return "smart-connect/" + serial }

// Tree makes the messages of one box. It remembers which topics it has named:
// a retained number that the meter no longer sends must be taken back, while a
// quantity that this meter never sends needs no topic. It belongs to one
// goroutine.
type Tree struct {
	device      Device
	base        string
	status      string
	info        string
	electricity string
	quality     string
	values      [telegram.NumQuantities]string

	seen     [telegram.NumQuantities]bool
	channels channels
	sheet    sheet
}

// NewTree returns the tree of a box that has published nothing yet.
func NewTree(d Device) *Tree {
	base := Base(d.Serial)
	t := &Tree{
		device:      d,
		base:        base,
		status:      base + "/status",
		info:        base + "/info",
		electricity: base + "/electricity",
		quality:     base + "/value/quality",
		channels:    channels{base: base},
		sheet:       sheet{retain: true},
	}
	for q := range telegram.NumQuantities {
		t.values[q] = base + "/value/" + q.String()
	}
	return t
}

// Status returns the message that says whether the meter is heard of.
func (t *Tree) Status(online bool) Message {
	word := OfflineWord
	if online {
		word = OnlineWord
	}
	return Message{Topic: t.status, Payload: []byte(word), QoS: 1, Retain: true}
}

// Reading returns the messages of one snapshot. The slice is valid until the
// next call, the payloads for ever.
//
// When the instantaneous values are stale, the JSON object keeps them and says
// so in its quality. A bare number can say nothing beside itself, and whoever
// subscribes later would take it for a fresh one: those topics become null, and so
// do the running demand and what is made of it. Counters, peaks and settings stay
// true and stay.
func (t *Tree) Reading(s *snapshot.Snapshot, quality snapshot.Quality) []Message {
	w := &t.sheet
	w.begin()
	w.octets = s.AppendJSON(w.octets, quality)
	w.end(t.electricity)
	w.octets = append(w.octets, quality...)
	w.end(t.quality)
	for q := range telegram.NumQuantities {
		v := s.Get(q)
		t.seen[q] = t.seen[q] || v.OK()
		if !t.seen[q] {
			continue
		}
		if quality != snapshot.OK && q.Momentary() {
			v = telegram.Value{}
		}
		w.octets = snapshot.AppendValue(w.octets, v)
		w.end(t.values[q])
	}
	t.channels.write(w, s)
	return w.messages
}

// Info returns the message that describes the box and its meter, one JSON
// object with a fixed key set: serial, model, firmware; meter, meter_header,
// meter_version, format, period (nominal seconds between telegrams) and delta
// (3 x 230 V without neutral, where the power of a single phase means nothing),
// null before the first telegram; the signs; and what the meter has been heard
// to send: the names of the quantities and of the channels' topics. s may be nil.
func (t *Tree) Info(s *snapshot.Snapshot) Message {
	b := make([]byte, 0, 1<<10)
	text := func(key, value string) {
		b = append(append(append(b, `,"`...), key...), `":`...)
		b = appendText(b, value)
	}
	b = append(b, `{"serial":`...)
	b = snapshot.AppendString(b, t.device.Serial)
	text("model", t.device.Model)
	text("firmware", t.device.Firmware)
	if s == nil {
		b = append(b, `,"meter":null,"meter_header":null,"meter_version":null,"format":null,"period":null,"delta":null`...)
	} else {
		text("meter", s.Meter.Name())
		text("meter_header", s.Meter.Header.String())
		text("meter_version", s.Meter.Version.String())
		text("format", s.Format)
		b = append(b, `,"period":`...)
		var period telegram.Value
		if nominal := s.Measurement.Period; nominal > 0 {
			period = telegram.Of(nominal.Seconds())
		}
		b = snapshot.AppendValue(b, period)
		b = append(b, `,"delta":`...)
		b = strconv.AppendBool(b, s.Delta())
	}
	b = append(b, `,"power_sign":"import_positive","current_sign":"magnitude","quantities":[`...)
	first := true
	item := func(name string) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = snapshot.AppendString(b, name)
	}
	for q, seen := range t.seen {
		if seen {
			item(telegram.Quantity(q).String())
		}
	}
	b = append(b, `],"channels":[`...)
	first = true
	for _, topic := range t.channels.topics {
		if topic != "" {
			item(topic[len(t.base)+1:])
		}
	}
	b = append(b, `]}`...)
	return Message{Topic: t.info, Payload: b, Retain: true}
}
