package telegram

import "time"

// Meter says which meter spoke.
type Meter struct {
	ID      Text // serial number or equipment identifier, as text where it is text
	Header  Text // identification line of the telegram (P1: after the '/')
	Version Text // version object of the telegram: "50", "50217"

	// The lists of one binary meter can identify it each in its own way.
	Sender Text  // who speaks, as the link has it: its addresses; "" on a link without
	IDKind uint8 // which identification ID is: two of different kinds can be of one meter
}

// Name returns what people call the meter: its identifier, or the header of
// its telegrams where it sends none.
func (m Meter) Name() string {
	if !m.ID.Empty() {
		return m.ID.String()
	}
	return m.Header.String()
}

// Same reports whether o is the same meter. The version is left aside: a meter
// keeps its name through an update.
func (m Meter) Same(o Meter) bool { return m.Header == o.Header && m.ID == o.ID }

// NumChannels is the number of M-Bus channels a telegram can carry.
const NumChannels = 4

// Device is the M-Bus type of a meter behind a channel (EN 13757-3).
type Device uint8

// Class groups the M-Bus device types as they are published.
func (d Device) Class() string {
	switch d {
	case 2:
		return "electricity"
	case 3:
		return "gas"
	case 4, 12, 13:
		return "heat"
	case 6, 7, 8, 9, 21:
		return "water"
	case 10, 11:
		return "cooling"
	}
	return "other"
}

// Channel is the last reading of one M-Bus device (gas, water, heat).
type Channel struct {
	Device Device    // 0: no device announced on this channel
	ID     Text      // equipment identifier
	Time   time.Time // when the device was read, UTC; zero if unknown
	Value  Value     // in Unit: cubic metres, GJ or MJ as sent, Wh
	Unit   Unit      // NoUnit where the meter printed none
}

// Live reports whether the channel carries a reading worth publishing: a dead
// slot of an old gas meter keeps its place with an empty identifier, a stale
// time or a bare zero (section 4 of the P1 reference).
func (c *Channel) Live() bool {
	v, ok := c.Value.Get()
	return ok && Plausible(c.Time) && (c.Unit != NoUnit || v > 0) && !c.ID.Empty()
}

// Plausible reports whether a meter's time can be a real one: unset clocks say
// 2000 or 1970 (which a two-digit year makes 2070).
func Plausible(t time.Time) bool {
	y := t.Year()
	return !t.IsZero() && y >= 2010 && y < 2070
}

// Peak is the highest quarter-hour demand of one month.
type Peak struct {
	Month time.Time // end of the month it belongs to, UTC
	Time  time.Time // end of the quarter-hour, UTC
	Value Value     // W
}

// NumPeaks is how many monthly peaks a Belgian meter keeps.
const NumPeaks = 13

// Seal says how a telegram was protected on its way.
type Seal struct {
	Encrypted     bool
	Authenticated bool   // its tag was verified with the authentication key
	Title         Text   // system title of the sender, as hex digits
	Counter       uint32 // invocation counter, of several APDUs in one push that of the last
	Spread        uint32 // how far before it that of the first is
}

// Measurement is one decoded telegram: a plain comparable value. Units are
// those of the quantity table; what the meter did not say is missing.
type Measurement struct {
	Format   string        // name of the Format it came in
	Meter    Meter         //
	Time     time.Time     // the meter's clock, UTC; zero if it sent none or an impossible one
	Seal     Seal          //
	Period   time.Duration // nominal time between telegrams of this list
	PeakTime time.Time     // when ActiveDemandMonthPeak was reached, UTC
	Apparent bool          // its active powers are apparent ones, in VA: the meter knows no others (TIC)
	Channels [NumChannels]Channel
	Peaks    [NumPeaks]Peak // newest first as sent; unused ones are zero

	values     [NumQuantities]Value
	derived    quantitySet
	unreadable quantitySet
}

type quantitySet [(NumQuantities + 63) / 64]uint64

func (s *quantitySet) add(q Quantity)      { s[q/64] |= 1 << (q % 64) }
func (s *quantitySet) remove(q Quantity)   { s[q/64] &^= 1 << (q % 64) }
func (s *quantitySet) has(q Quantity) bool { return s[q/64]&(1<<(q%64)) != 0 }

// Get returns the value of q.
func (m *Measurement) Get(q Quantity) Value { return m.values[q] }

// Set sets the value of q as the meter sent it.
func (m *Measurement) Set(q Quantity, v Value) {
	m.values[q] = v
	m.unreadable.remove(q)
}

// Derive sets the value of q as computed from others, unless the meter sent
// one or sent something unreadable in its place.
func (m *Measurement) Derive(q Quantity, v Value) {
	if !v.OK() || m.values[q].OK() || m.unreadable.has(q) {
		return
	}
	m.values[q] = v
	m.derived.add(q)
}

// Derived reports whether q was computed and not sent.
func (m *Measurement) Derived(q Quantity) bool { return m.derived.has(q) }

// SetUnreadable notes that the meter sent q in a form that could not be read:
// the value is missing, and must not pass for a meter that has no such phase.
func (m *Measurement) SetUnreadable(q Quantity) {
	m.values[q] = Value{}
	m.unreadable.add(q)
}

// Unreadable reports whether the meter sent q in a form that could not be read.
func (m *Measurement) Unreadable(q Quantity) bool { return m.unreadable.has(q) }

// Warnings returns how many quantities could not be read.
func (m *Measurement) Warnings() int {
	n := 0
	for q := range NumQuantities {
		if m.unreadable.has(q) {
			n++
		}
	}
	return n
}

// PowerUnit returns the unit that the active powers are really in: that of the
// quantity table, or VA where the meter knows no others.
func (m *Measurement) PowerUnit() Unit {
	if m.Apparent {
		return VoltAmpere
	}
	return Watt
}

// HasCurrent reports whether the meter sends any phase current at all.
func (m *Measurement) HasCurrent() bool {
	return m.values[CurrentL1].ok || m.values[CurrentL2].ok || m.values[CurrentL3].ok
}

// Refreshes reports whether the telegram makes the instantaneous values new: it
// carries total power or, from a meter without one, currents. Energy lists and
// voltage lists do not (DESIGN.md, freshness).
func (m *Measurement) Refreshes() bool {
	return m.values[ActivePower].ok || m.HasCurrent()
}

// Delta reports whether the meter measures a 3 x 230 V net without neutral by
// two wattmeters: U2 is sent as 0, L1 and L3 are line voltages. Phase powers
// then have no meaning of their own, only their sum has.
func (m *Measurement) Delta() bool {
	u2, sent := m.values[VoltageL2].Get()
	return sent && u2 == 0 && m.values[VoltageL1].Or(0) > 150 && m.values[VoltageL3].Or(0) > 150 &&
		m.values[CurrentL1].ok && m.values[CurrentL2].ok && m.values[CurrentL3].ok
}
