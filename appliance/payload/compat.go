package payload

import (
	"fmt"
	"slices"
	"strings"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// compatForm is the shape in which another product wants to be told of a meter.
type compatForm struct {
	name  string
	base  func(id string) (string, error) // of its topics, by what the reader calls the meter
	write func(c *Compat, s *snapshot.Snapshot)
	keeps bool // its one message, under base, is retained and emptied when it is old
}

// compatForms are all there are. One more is a row here.
var compatForms = []compatForm{
	{"victron-grid", victronBase, (*Compat).writeVictron, true},
	{"openwb", openWBBase, (*Compat).writeOpenWB, false},
}

// CompatForms lists the names of the forms.
func CompatForms() []string {
	names := make([]string, len(compatForms))
	for i := range compatForms {
		names[i] = compatForms[i].name
	}
	return names
}

// Compat tells of a meter in the form of another product: the power of the moment
// and what belongs to it. What is old or has no power is not told at all: none of
// these forms can say that it is old. It belongs to one goroutine.
type Compat struct {
	form  *compatForm
	base  string
	held  bool // a broker may hold a number under base
	sheet sheet
}

// NewCompat returns the form of that name. id is what the reader calls the meter:
// for victron-grid the serial number of the box, for openwb the number of the
// counter in its settings.
func NewCompat(name, id string) (*Compat, error) {
	i := slices.IndexFunc(compatForms, func(f compatForm) bool { return f.name == name })
	if i < 0 {
		return nil, fmt.Errorf("payload: unknown form %q: want one of %s", name, strings.Join(CompatForms(), ", "))
	}
	f := &compatForms[i]
	base, err := f.base(id)
	if err != nil {
		return nil, fmt.Errorf("payload: %s: %w", name, err)
	}
	// What is held at the start is of whoever was here before.
	return &Compat{form: f, base: base, held: f.keeps, sheet: sheet{qos: 1, retain: f.keeps}}, nil
}

// Telegram returns what is told of a telegram: nothing while its values are not
// fresh or have no power, but for empty messages that take back what is retained.
// The slice is valid until the next call, the payloads for ever.
func (c *Compat) Telegram(s *snapshot.Snapshot, quality snapshot.Quality) []Message {
	if quality != snapshot.OK || !s.Get(telegram.ActivePower).OK() {
		return c.Silence()
	}
	c.sheet.begin()
	c.form.write(c, s)
	c.held = c.form.keeps
	return c.sheet.messages
}

// Silence takes back what a broker may still hold, when the meter or the box is
// about to say nothing more.
func (c *Compat) Silence() []Message {
	c.sheet.messages = c.sheet.messages[:0]
	if c.held {
		c.sheet.messages = append(c.sheet.messages, Message{Topic: c.base, QoS: 1, Retain: true})
	}
	c.held = false
	return c.sheet.messages
}

// phaseValues returns a family by phase. What was sent and could not be read makes
// all of it missing.
func phaseValues(s *snapshot.Snapshot, l1 telegram.Quantity) (v [3]telegram.Value) {
	for i := range v {
		q := l1 + telegram.Quantity(i)
		if s.Unreadable(q) {
			return [3]telegram.Value{}
		}
		v[i] = s.Get(q)
	}
	return v
}

// phasePowers returns the powers by phase, none of a meter on a net without neutral:
// only their sum means something there.
func phasePowers(s *snapshot.Snapshot) [3]telegram.Value {
	if s.Delta() {
		return [3]telegram.Value{}
	}
	return phaseValues(s, telegram.ActivePowerL1)
}

// signedCurrents returns the currents by phase, negative where the phase exports.
func signedCurrents(s *snapshot.Snapshot) [3]telegram.Value {
	currents, powers := phaseValues(s, telegram.CurrentL1), phasePowers(s)
	for i := range currents {
		if powers[i].Or(0) < 0 && currents[i].Or(0) > 0 {
			currents[i] = currents[i].Neg()
		}
	}
	return currents
}
