// Package sim plays meters: a model of a house, and the telegrams in which the
// meters of several countries would tell of it. The demo, the simulate command
// and the round-trip tests of the decoders use it. It shares no code with the
// decoders, so that an error in one of them cannot hide in the other; only the
// names of what was meant (telegram.Quantity and so on) are common.
//
// # Adding a meter
//
// Add a row to [All] in meters.go: the header, the line settings, how the meter
// is wired to the house, and its objects in the order it sends them. [Meter.Encode]
// prints that list and [Meter.Truth] reads the same list, so what is printed and
// what was meant cannot drift apart.
//
// A meter that speaks DLMS is a row of [Binary] in binary.go: its lists, the
// shape of their bodies (push.go) and what carries them (hdlc.go, mbus.go). One
// that encrypts what another row says in the clear is a line there. A meter of
// France is a row of [French] in tic.go.
package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"smartconnect/telegram"
)

// Meter is one kind of simulated meter.
type Meter struct {
	Name     string        // what the command line calls it
	Line     telegram.Line // line settings it is met on
	Interval time.Duration // between two telegrams
	Phases   int           // 1 or 3
	Header   string        // identification line without the '/'
	ID       string        // equipment identifier it sends, "" for none

	wiring   wiring
	calendar calendar
	check    check
	objects  []object
	channels []channel

	push *push // how a meter speaks DLMS; nil: its telegrams are text
	tic  *tic  // how one of France speaks
	seal *seal // how it encrypts; nil: not at all
}

// check is how the end of a telegram is marked.
type check uint8

const (
	noCheck  check = iota // "!" alone: DSMR 2 and 3, meters of IEC 62056-21
	crc                   // "!" and four hex digits
	shortCRC              // "!" and hex digits without leading zeros: WarmteLink
)

// every is all the meters there are.
func every() []Meter { return slices.Concat(All, Binary, French) }

// Names lists the names of all simulated meters.
func Names() []string {
	var names []string
	for _, m := range every() {
		names = append(names, m.Name)
	}
	return names
}

// ByName returns the meter of that name. The error lists the names there are.
func ByName(name string) (Meter, error) {
	for _, m := range every() {
		if m.Name == name {
			return m, nil
		}
	}
	return Meter{}, fmt.Errorf("sim: no simulated meter %q: want one of %s", name, strings.Join(Names(), ", "))
}

// Encode appends the telegram the meter sends at t about a house in state s. The
// same state and time make the same octets: the invocation counter is the number
// of the telegram since 1970, so that a meter that is started again goes on
// above. A meter with several lists sends those that are due in the slot of its
// time that t falls into, a telegram each.
func (m Meter) Encode(dst []byte, s State, t time.Time) []byte {
	return m.encode(dst, &s, t, m.slot(t))
}

// Telegrams returns how many telegrams Encode makes at t: that of every list which
// is due.
func (m Meter) Telegrams(t time.Time) int {
	if m.push == nil {
		return 1
	}
	n := 0
	for i := range m.push.lists {
		if m.push.lists[i].due(m.slot(t)) {
			n++
		}
	}
	return n
}

// slot numbers the telegrams of the meter through its time.
func (m Meter) slot(t time.Time) int64 { return t.UnixNano() / int64(m.Interval) }

func (m Meter) encode(dst []byte, s *State, t time.Time, slot int64) []byte {
	r := m.read(s, t)
	switch {
	case m.push != nil:
		return m.pushed(dst, &r, slot)
	case m.tic != nil:
		return m.tic.frame(dst, &r)
	case m.seal != nil:
		return m.seal.wrap(dst, uint32(slot), m.text(nil, &r))
	}
	return m.text(dst, &r)
}

// text appends a telegram of P1.
func (m Meter) text(dst []byte, r *reading) []byte {
	start := len(dst)
	dst = append(append(append(dst, '/'), m.Header...), "\r\n\r\n"...)
	for i := range m.objects {
		dst = m.objects[i].print(dst, r)
	}
	for i := range m.channels {
		dst = m.channels[i].print(dst, r)
	}
	dst = append(dst, '!')
	switch m.check {
	case crc:
		dst = fmt.Appendf(dst, "%04X", crc16(dst[start:]))
	case shortCRC:
		dst = fmt.Appendf(dst, "%X", crc16(dst[start:]))
	}
	return append(dst, "\r\n"...)
}

// Truth returns what the telegram of Encode says: every quantity it carries, in
// base units and rounded to the digits it prints, and none that a reader would
// have to derive. Of a meter with several lists it is what those of Encode at t
// say together.
func (m Meter) Truth(s State, t time.Time) map[telegram.Quantity]float64 {
	r := m.read(&s, t)
	truth := make(map[telegram.Quantity]float64)
	for i := range m.objects {
		m.objects[i].truth(truth, &r)
	}
	switch {
	case m.push != nil:
		m.push.truth(truth, &r, m.slot(t))
	case m.tic != nil:
		m.tic.truth(truth, &r)
		if !m.tic.standard {
			truth[telegram.Tariff] = r.values[telegram.Tariff]
		}
	}
	return truth
}

// Channels returns the M-Bus readings the telegrams of Encode carry at t. A meter
// of DSMR 2 prints their time without saying whether it is summer; one that speaks
// DLMS gives them the time of the telegram.
func (m Meter) Channels(s State, t time.Time) [telegram.NumChannels]telegram.Channel {
	sent := m.channels
	if m.push != nil {
		for _, l := range m.push.lists {
			if l.due(m.slot(t)) {
				sent = append(sent, l.channels...)
			}
		}
	}
	var channels [telegram.NumChannels]telegram.Channel
	for _, c := range sent {
		sample := c.sample(&s)
		if m.push != nil {
			sample.Time = m.Clock(t)
		}
		channels[c.number-1] = telegram.Channel{
			Device: c.device,
			ID:     telegram.TextOf(c.id),
			Time:   sample.Time,
			Value:  telegram.Of(c.form.value(c.form.steps(sample.Value))),
			Unit:   c.unit,
		}
	}
	return channels
}

// Clock returns the time the telegram of Encode carries, in UTC; zero for a
// meter that sends none.
func (m Meter) Clock(t time.Time) time.Time {
	if m.push != nil || m.tic != nil && m.tic.standard || m.sends(clockCode) {
		return t.UTC().Truncate(time.Second)
	}
	return time.Time{}
}

// Peaks returns the monthly peaks the telegram of Encode carries, newest first.
func (m Meter) Peaks(s State) [telegram.NumPeaks]telegram.Peak {
	if m.calendar.belgian && m.sends(peaksCode) {
		return s.Peaks
	}
	return [telegram.NumPeaks]telegram.Peak{}
}

func (m Meter) sends(code string) bool {
	return slices.ContainsFunc(m.objects, func(o object) bool { return o.code == code })
}

// House returns a house as this meter is usually found in: with its number of
// phases, in its country's calendar.
func (m Meter) House(seed uint64, start time.Time) *House {
	return NewHouse(seed, m.Phases, start)
}

// reading is the state of a house as one meter sees it.
type reading struct {
	*State
	t        time.Time
	calendar calendar
	values   values
}

func (m Meter) read(s *State, t time.Time) reading {
	return reading{State: s, t: t, calendar: m.calendar, values: m.wiring.measure(s, m.calendar)}
}

// crc16 is CRC-16/ARC over b: polynomial 0x8005 reflected, start 0, bit by bit.
func crc16(b []byte) uint16 {
	var sum uint16
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			if sum&1 == 1 {
				sum = sum>>1 ^ 0xA001
			} else {
				sum >>= 1
			}
		}
	}
	return sum
}
