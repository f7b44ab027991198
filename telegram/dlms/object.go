package dlms

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"smartconnect/telegram"
)

// object is one value of a list with its name.
type object struct {
	code      telegram.OBIS
	named     bool   // code is known; false for a bare value
	class     uint16 // interface class, 0 where the list does not say
	attribute int8   // 2 is the value itself
	value     value

	measure  measure
	exponent int8                  // the value counts in units of 10^exponent
	unit     byte                  // of Table 4, IEC 62056-6-2; 0 if none was sent
	source   telegram.ScalerSource // who says exponent

	result     telegram.Value // the value in base
	base       telegram.Unit
	unreadable bool
}

// add appends an object to the list of the telegram.
func (d *decoder) add(o object) *object {
	d.objects = append(d.objects, o)
	return &d.objects[len(d.objects)-1]
}

// clock reports whether the object is a date-time of the meter: the clock
// object 0-x:1.0.0 (Kamstrup sends 0-1), or a date-time without a name, as
// Austrian lists begin with.
func (o *object) clock() bool {
	if len(o.value.b) != clockSize || o.value.tag != tagOctetString && o.value.tag != tagDateTime {
		return false
	}
	return !o.named || o.code.A == 0 && o.code.C == 1 && o.code.D == 0 && o.code.E == 0
}

// text returns octets that spell printable text, without the zeros and blanks
// some meters fill up with; ok is false for other octets.
func (v value) text() (text []byte, ok bool) {
	switch v.tag {
	case tagOctetString, tagVisible, tagUTF8:
	default:
		return nil, false
	}
	b := v.b
	for len(b) > 0 && (b[len(b)-1] == 0 || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return nil, false
		}
	}
	return b, len(b) > 0
}

// show returns the object as a visitor sees it. The visitor knows codes and not
// attributes, so that of an object it sees the value alone.
func (o *object) show(offset time.Duration) telegram.Object {
	if !o.named || o.attribute != 2 && o.attribute != 0 {
		return telegram.Object{}
	}
	v := telegram.Object{OBIS: o.code, Value: o.result, Unit: o.base, Unreadable: o.unreadable}
	if n, ok := o.value.integer(); ok && o.source != "" {
		v.Raw, v.Scaler = n, o.source
	}
	if !v.Value.OK() {
		v.Text = o.print(offset)
	}
	return v
}

// print returns what was sent where it is no number: text, a time in UTC, or
// hex digits.
func (o *object) print(offset time.Duration) []byte {
	v := o.value
	if o.clock() {
		if c, ok := readClock(v.b); ok {
			return c.utc(offset, unsaid).AppendFormat(nil, time.RFC3339)
		}
	}
	if text, ok := v.text(); ok {
		return text
	}
	if n, ok := v.integer(); ok {
		return fmt.Append(nil, n)
	}
	switch v.kind() {
	case container:
		return fmt.Appendf(nil, "%s of %d", types[v.tag].name, v.n)
	case null:
		return nil
	case float:
		return fmt.Append(nil, v.f)
	}
	return []byte(strings.ToUpper(hex.EncodeToString(v.b)))
}
