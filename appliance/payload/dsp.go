package payload

import (
	"fmt"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// unknownMeter stands in the topic of rl-dsp for a meter that has not named itself.
const unknownMeter = "unknown-meter"

// dsp is the topic of the format rl-dsp and the meter it is of.
type dsp struct {
	topic string
	meter telegram.Text
	sent  [telegram.NumQuantities]bool // by the meter itself
}

// writeDSP writes what Swiss meters send at their customer interface under the
// object codes they send it by: topic dt/<site>/<meter>/ds, and one JSON object
//
//	{"schema":1,"seq":1,"timestamp":…,"meter":"…","values":{"1-0:1.7.0":{"value":…,"unit":"W"}}}
//
// with every instantaneous quantity and every counter the meter has sent; the
// instantaneous ones are null when they are not fresh. No payload of a utility is
// public: this one is our reading of it. What the box has computed, and what has
// no code of its own, is not in it; the net power is, being import - export by
// definition.
func (t *Outside) writeDSP(s *snapshot.Snapshot, quality snapshot.Quality, at time.Time) {
	d := &t.dsp
	if d.topic == "" || d.meter != s.Meter.ID {
		d.meter, d.topic = s.Meter.ID, "dt/"+t.site+"/"+meterLevel(s.Meter.ID.String())+"/ds"
	}
	b := appendHead(append(t.sheet.octets, `{"schema":1,"seq":`...), s, at)
	b = append(b, `,"meter":`...)
	b = appendText(b, s.Meter.ID.String())
	b = append(b, `,"values":{`...)
	first := true
	for q := range telegram.NumQuantities {
		v := s.Get(q)
		d.sent[q] = d.sent[q] || v.OK() && !s.Derived(q)
		if !d.sent[q] || q.Code() == "" || q.Kind() != telegram.Instantaneous && q.Kind() != telegram.Cumulative {
			continue
		}
		if quality != snapshot.OK && q.Kind() == telegram.Instantaneous {
			v = telegram.Value{}
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), q.Code()...), `":{`...)
		b = append(appendMeasure(b, v, unitOf(&s.Measurement, q)), '}')
	}
	t.sheet.octets = append(b, "}}"...)
	t.sheet.end(d.topic)
}

// meterLevel returns an identifier as one level of a topic: what has no place in
// one is written as in a URL, %2F.
func meterLevel(id string) string {
	if id == "" {
		return unknownMeter
	}
	var level []byte
	for i := range len(id) {
		switch c := id[i]; {
		case c <= 0x20 || c > 0x7e || c == '/' || c == '+' || c == '#' || c == '%':
			level = fmt.Appendf(level, "%%%02X", c)
		default:
			level = append(level, c)
		}
	}
	return string(level)
}
