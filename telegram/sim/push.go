package sim

import "smartconnect/telegram"

// push is how a meter that speaks DLMS tells its lists, unasked.
type push struct {
	lists  []list
	body   func(l *list, dst []byte, r *reading) []byte
	zone   zone   // of the time of a telegram
	tagged bool   // that time has its type before it
	flags  uint32 // in the high octet of the long-invoke-id
	carry  func(dst, apdu []byte, definitions int) []byte
}

// list is what one telegram carries.
type list struct {
	every    int64  // of so many slots of the meter's time it is sent in the first
	except   int64  // but not in the first of so many, where a longer list is; 0: in all
	setup    string // code of the push setup object behind it
	items    []item
	serial   string    // the last element of a list in triples
	channels []channel // the meters behind this one of which it tells
}

// due reports whether the list is sent in a slot.
func (l *list) due(slot int64) bool {
	return slot%l.every == 0 && (l.except == 0 || slot%l.except != 0)
}

// item is an element of a list: a number, or whatever its text appends.
type item struct {
	object
	name      [6]byte
	class     byte
	attribute byte
	tag       byte // of a number: 32 or 16 bits
}

// Classes of IEC 62056-6-2.
const (
	classData     = 1
	classRegister = 3
	classClock    = 8
	classPush     = 40
)

// registers makes elements of objects with numbers.
func registers(tag byte, objects ...object) []item {
	items := make([]item, len(objects))
	for i, o := range objects {
		items[i] = item{object: o, name: logicalName(o.code), class: classRegister, attribute: 2, tag: tag}
	}
	return items
}

// octets is an element that always holds the same octets.
func octets(class byte, code string, attribute byte, says []byte) item {
	return item{
		object: object{code: code, text: func(dst []byte, _ *reading) []byte { return appendOctets(dst, says) }},
		name:   logicalName(code), class: class, attribute: attribute,
	}
}

// data is an element with a text.
func data(code, says string) item { return octets(classData, code, 2, []byte(says)) }

// setupName is the name of the list as an element of itself.
func setupName(code string) item {
	name := logicalName(code)
	return octets(classPush, code, 1, name[:])
}

// clockObject is an element with the meter's clock.
func clockObject(z zone) item {
	return item{
		object: object{code: clockCode, text: func(dst []byte, r *reading) []byte {
			return appendOctets(dst, r.calendar.dateTime(nil, r.t, z))
		}},
		name: logicalName(clockCode), class: classClock, attribute: 2,
	}
}

// value appends what the element says.
func (e *item) value(dst []byte, r *reading) []byte {
	if e.text != nil {
		return e.text(dst, r)
	}
	return appendNumber(dst, e.tag, e.form.steps(r.values[e.quantity]))
}

// definition appends class, name, attribute and data index of an element.
func definition(dst []byte, class byte, name [6]byte, attribute byte) []byte {
	dst = append(appendOctets(append(dst, tagStructure, 4, tagShort, 0, class), name[:]), tagInteger, attribute)
	return append(dst, tagShort, 0, 0)
}

// capture is the body of the consumer information push of IDIS package 2: first
// the definitions of all elements, itself among them, then their values.
func (l *list) capture(dst []byte, r *reading) []byte {
	n := byte(1 + len(l.items))
	dst = append(dst, tagStructure, n, tagArray, n)
	dst = definition(dst, classPush, logicalName(l.setup), 2)
	for i := range l.items {
		e := &l.items[i]
		dst = definition(dst, e.class, e.name, e.attribute)
	}
	for i := range l.items {
		dst = l.items[i].value(dst, r)
	}
	return dst
}

// triples is the body of Austrian meters: the time, then name, value and scaler
// with unit of each register, and their serial number.
func (l *list) triples(dst []byte, r *reading) []byte {
	dst = append(dst, tagStructure, byte(1+3*len(l.items)+1))
	dst = appendOctets(dst, r.calendar.dateTime(nil, r.t, zoned))
	for i := range l.items {
		e := &l.items[i]
		dst = appendScaler(e.value(appendOctets(dst, e.name[:]), r), e.form)
	}
	return appendOctets(dst, []byte(l.serial))
}

// notification appends the data-notification of a list (IEC 62056-5-3).
func (p *push) notification(dst []byte, l *list, r *reading, counter uint32) []byte {
	return p.body(l, p.invoke(dst, counter, r.calendar.dateTime(nil, r.t, p.zone)), r)
}

// pushed appends the telegrams of a slot: those of all lists that are due in it.
func (m Meter) pushed(dst []byte, r *reading, slot int64) []byte {
	counter := m.push.sentBefore(slot)
	for i := range m.push.lists {
		l := &m.push.lists[i]
		if !l.due(slot) {
			continue
		}
		apdu, definitions := m.push.notification(nil, l, r, counter), 1+len(l.items)
		if m.seal != nil {
			apdu, definitions = m.seal.wrap(nil, counter, apdu), 0
		}
		dst = m.push.carry(dst, apdu, definitions)
		counter++
	}
	return dst
}

// sentBefore returns how many telegrams a meter that was always there has sent
// before a slot: the counter of the first one in it.
func (p *push) sentBefore(slot int64) uint32 {
	var n int64
	for _, l := range p.lists {
		n += (slot + l.every - 1) / l.every
		if l.except != 0 {
			n -= (slot + l.except - 1) / l.except
		}
	}
	return uint32(n)
}

// truth adds what the lists of a slot say.
func (p *push) truth(truth map[telegram.Quantity]float64, r *reading, slot int64) {
	for _, l := range p.lists {
		if l.due(slot) {
			for i := range l.items {
				l.items[i].truth(truth, r)
			}
		}
	}
}
