package payload

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// format is one shape in which a telegram leaves the house.
type format struct {
	name  string
	write func(t *Outside, s *snapshot.Snapshot, quality snapshot.Quality, at time.Time)

	// place says for Home Assistant under which topic a quantity is and under which
	// key there; ok is false where it is not. nil: this format is nothing for a house.
	place  func(t *Outside, q telegram.Quantity) (topic, key string, ok bool)
	shared bool // most of it is under data/electricity
}

// formats are all there are, the default first. One more is a row here, and a
// schema of its name in schema/.
var formats = []format{
	{name: "xemex", write: (*Outside).writeXemex, place: (*Outside).placeXemex, shared: true},
	{name: "rl-dsp", write: (*Outside).writeDSP},
	{name: "values", write: (*Outside).writeValues, place: (*Outside).placeValues},
}

// Formats lists the names of the formats, the default first.
func Formats() []string {
	names := make([]string, len(formats))
	for i := range formats {
		names[i] = formats[i].name
	}
	return names
}

func formatByName(name string) (*format, error) {
	if name == "" {
		return &formats[0], nil
	}
	for i := range formats {
		if formats[i].name == name {
			return &formats[i], nil
		}
	}
	return nil, fmt.Errorf("payload: unknown format %q: want one of %s", name, strings.Join(Formats(), ", "))
}

// writeXemex writes one flat JSON object with the instantaneous values under the
// names of the quantity table: what the meter did not say is null, and all of them
// are when they are not fresh. An old value is not what is true at the moment of
// this telegram. It has neither counters nor demands.
func (t *Outside) writeXemex(s *snapshot.Snapshot, quality snapshot.Quality, at time.Time) {
	fresh := quality == snapshot.OK
	b := append(t.sheet.octets, `{"schema":1,"seq":`...)
	b = appendHead(b, s, at)
	b = append(b, `,"instantaneous_timestamp":`...)
	if at.IsZero() {
		b = append(b, "null"...)
	} else {
		b = snapshot.AppendTime(b, s.At[telegram.Instantaneous])
	}
	b = append(b, `,"meter_timestamp":`...)
	b = snapshot.AppendTime(b, s.Time)
	b = append(b, `,"meter":`...)
	b = appendText(b, s.Meter.Name())
	b = append(append(append(b, `,"quality":"`...), quality...), `","power_unit":"`...)
	b = append(append(b, s.PowerUnit().String()...), `","derived":[`...)
	first := true
	for q := range telegram.NumQuantities {
		if !fresh || q.Kind() != telegram.Instantaneous || !s.Derived(q) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), q.String()...), '"')
	}
	b = append(b, ']')
	for q := range telegram.NumQuantities {
		if q.Kind() != telegram.Instantaneous {
			continue
		}
		v := s.Get(q)
		if !fresh {
			v = telegram.Value{}
		}
		b = appendQuantity(b, q, v)
	}
	t.sheet.octets = append(b, '}')
	t.sheet.end(t.electricity)
}

func (t *Outside) placeXemex(q telegram.Quantity) (topic, key string, ok bool) {
	switch q.Kind() {
	case telegram.Instantaneous:
		return t.electricity, q.String(), true
	case telegram.Cumulative:
		return t.energy, q.String(), t.options.Energy
	}
	return "", "", false
}

// writeValues writes one small JSON object for each quantity the meter has ever
// sent: seq, timestamp, value, unit. A number that waited for a network must carry
// its own time. Null is what is gone, and what means nothing without the power of
// the moment when that is not fresh.
func (t *Outside) writeValues(s *snapshot.Snapshot, quality snapshot.Quality, at time.Time) {
	w := &t.sheet
	for q := range telegram.NumQuantities {
		if !t.seen[q] {
			continue
		}
		v := s.Get(q)
		if quality != snapshot.OK && q.Momentary() {
			v = telegram.Value{}
		}
		b := appendHead(append(w.octets, `{"seq":`...), s, at)
		b = appendMeasure(append(b, ','), v, unitOf(&s.Measurement, q))
		w.octets = append(b, '}')
		w.end(t.values[q])
	}
}

func (t *Outside) placeValues(q telegram.Quantity) (topic, key string, ok bool) {
	return t.values[q], "value", true
}

// writeEnergy writes every counter of the quantity table, null where there is none.
func (t *Outside) writeEnergy(s *snapshot.Snapshot, at time.Time) {
	b := appendHead(append(t.sheet.octets, `{"seq":`...), s, at)
	b = append(b, `,"meter":`...)
	b = appendText(b, s.Meter.Name())
	for q := range telegram.NumQuantities {
		if q.Kind() == telegram.Cumulative {
			b = appendQuantity(b, q, s.Get(q))
		}
	}
	t.sheet.octets = append(b, '}')
	t.sheet.end(t.energy)
}

// appendHead appends the sequence number and when the telegram came.
func appendHead(b []byte, s *snapshot.Snapshot, at time.Time) []byte {
	b = strconv.AppendUint(b, s.Seq, 10)
	b = append(b, `,"timestamp":`...)
	return snapshot.AppendTime(b, at)
}

func appendQuantity(b []byte, q telegram.Quantity, v telegram.Value) []byte {
	b = append(append(append(b, `,"`...), q.String()...), `":`...)
	return snapshot.AppendValue(b, v)
}

// appendMeasure appends "value":…,"unit":… without the braces.
func appendMeasure(b []byte, v telegram.Value, u telegram.Unit) []byte {
	b = snapshot.AppendValue(append(b, `"value":`...), v)
	return appendText(append(b, `,"unit":`...), u.String())
}

// unitOf returns the unit that a quantity of m is really in.
func unitOf(m *telegram.Measurement, q telegram.Quantity) telegram.Unit {
	if q.Unit() == telegram.Watt && q.Kind() == telegram.Instantaneous {
		return m.PowerUnit()
	}
	return q.Unit()
}
