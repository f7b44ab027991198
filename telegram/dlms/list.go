package dlms

import (
	"fmt"

	"smartconnect/telegram"
)

// list reads the body of a message into objects. There are three ways to say
// which value is which (section 9 of the DLMS reference): the list begins with
// its own definition (CIP, IDIS package 2), the values stand with their names,
// or both sides know the order.
func (d *decoder) list(m *message) error {
	c := cursor{b: m.body}
	tag, n := c.enter()
	if tag == 0 {
		return fmt.Errorf("dlms: %w: a single value, type %02X", telegram.ErrListUnknown, m.body[0])
	}
	if n > 2*maxObjects {
		return fmt.Errorf("dlms: %w: list of %d values, want at most %d", telegram.ErrMalformed, n, 2*maxObjects)
	}
	d.facts.title, d.facts.sealed = m.title, m.seal.Encrypted
	d.facts.array = tag == tagArray
	if d.defined(c, n) {
		return nil
	}
	from := len(d.objects)
	if d.pairs(c, n); namedAny(d.objects[from:]) {
		return nil
	}
	d.objects = d.objects[:from]
	return d.positions(c, n)
}

// defined reads a list whose first value is the array of its definitions. It
// has as many values as definitions, the first being the array itself, or one
// more where the array does not name itself.
func (d *decoder) defined(c cursor, n int) bool {
	tag, count := c.enter()
	if tag != tagArray || count == 0 || count > maxObjects || n != count && n != count+1 {
		return false
	}
	from := len(d.objects)
	for range count {
		o, ok := readDefinition(&c)
		if !ok {
			d.objects = d.objects[:from]
			return false
		}
		d.add(o)
	}
	list := d.objects[from:]
	if n == count {
		list[0].value = value{tag: tagArray, n: int64(count)}
		list = list[1:]
	}
	for i := range list {
		o := &list[i]
		if at := c; o.scaler() {
			if exponent, unit, ok := scalerUnit(&at); ok {
				o.exponent, o.unit, o.source = exponent, unit, telegram.Transmitted
			}
		}
		o.value = c.next()
	}
	scaleSent(d.objects[from:])
	return c.err == nil
}

// readDefinition reads an entry of the object list of a push setup (IEC
// 62056-6-2, class 40, attribute 2): 02 04 | 12 class | 09 06 logical name | 0F
// attribute | 12 data-index, eighteen octets that always look the same. A
// data-index other than 0 (one element of an array) has not been seen.
func readDefinition(c *cursor) (o object, ok bool) {
	const size = 18
	if c.err != nil || len(c.b)-c.at < size {
		return o, false
	}
	b := c.b[c.at : c.at+size]
	if b[0] != tagStructure || b[1] != 4 || b[2] != tagUnsigned16 || b[5] != tagOctetString || b[6] != 6 ||
		b[13] != tagInteger || b[15] != tagUnsigned16 {
		return o, false
	}
	c.at += size
	return object{named: true, class: uint16(b[3])<<8 | uint16(b[4]), code: codeOf(b[7:13]), attribute: int8(b[14])}, true
}

// scaler reports whether the object is the scaler_unit attribute of a register
// (classes 3 and 4, attribute 3) or demand register (5, attribute 4).
func (o *object) scaler() bool {
	switch o.class {
	case 3, 4:
		return o.attribute == 3
	case 5:
		return o.attribute == 4
	}
	return false
}

// scalerUnit reads a scal_unit_type (IEC 62056-6-2, class 3): structure of
// integer and enum. It reads nothing else.
func scalerUnit(c *cursor) (exponent int8, unit byte, ok bool) {
	at := *c
	if tag, n := at.enter(); tag != tagStructure || n != 2 {
		return 0, 0, false
	}
	s, u := at.next(), at.next()
	if s.tag != tagInteger || u.tag != tagEnum || at.err != nil {
		return 0, 0, false
	}
	*c = at
	return int8(s.n), byte(u.n), true
}

// scaleSent gives the values of a list the scalers that stand in it as values of
// their own, before them or behind.
func scaleSent(list []object) {
	for i := range list {
		s := &list[i]
		if s.source != telegram.Transmitted || s.attribute == 2 {
			continue
		}
		for j := range list {
			if o := &list[j]; o.code == s.code && o.attribute == 2 {
				o.exponent, o.unit, o.source = s.exponent, s.unit, telegram.Transmitted
			}
		}
	}
}

// pairs reads a list whose values stand with their names, in any of the forms
// seen: name and value (E450 in Graz, Kamstrup); name, value and scaler_unit
// (Netz Niederoesterreich, Sagemcom); or structures of the two or three (Aidon,
// AM550 in Slovenia, Kaifa). Kamstrup sends null-data for the phases a meter
// does not have. What stands without a name (a time or a version in front, a
// serial number at the end) stays without.
func (d *decoder) pairs(c cursor, n int) {
	var last *object
	for i := 0; i < n && c.err == nil; i++ {
		if exponent, unit, ok := scalerUnit(&c); ok {
			if last != nil {
				last.exponent, last.unit, last.source = exponent, unit, telegram.Transmitted
			}
			last = nil
			continue
		}
		if o, ok := d.structure(&c); ok {
			d.add(o)
			last = nil
			continue
		}
		v := c.next()
		if !v.logicalName() || i+1 == n {
			d.add(object{value: v})
			last = nil
			continue
		}
		i++
		last = d.add(object{named: true, code: codeOf(v.b), attribute: 2, value: c.next()})
	}
}

// structure reads {name, value} or {name, value, scaler_unit}, and nothing else.
func (d *decoder) structure(c *cursor) (o object, ok bool) {
	at := *c
	tag, n := at.enter()
	if tag != tagStructure || n < 2 || n > 3 {
		return o, false
	}
	ln := at.next()
	if !ln.logicalName() {
		return o, false
	}
	o = object{named: true, code: codeOf(ln.b), attribute: 2, value: at.next()}
	if n == 3 {
		if o.exponent, o.unit, ok = scalerUnit(&at); !ok {
			return o, false
		}
		o.source = telegram.Transmitted
	}
	*c = at
	return o, at.err == nil
}

// logicalName reports whether the value names an object of a meter: six octets,
// a medium that meters measure, and 255 behind.
func (v value) logicalName() bool {
	if v.tag != tagOctetString || len(v.b) != 6 || v.b[5] != 255 {
		return false
	}
	switch v.b[0] {
	case 0, 1, 6, 7, 8:
		return true
	}
	return false
}

func codeOf(b []byte) telegram.OBIS {
	return telegram.OBIS{A: b[0], B: b[1], C: b[2], D: b[3], E: b[4], F: b[5]}
}

func namedAny(objects []object) bool {
	for i := range objects {
		if objects[i].named {
			return true
		}
	}
	return false
}
