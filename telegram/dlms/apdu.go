package dlms

import (
	"encoding/binary"
	"fmt"
	"strings"

	"smartconnect/telegram"
	"smartconnect/telegram/glo"
)

const (
	tagNotification = 0x0F
	tagGlo          = 0xDB
)

// apdus names the APDUs of IEC 62056-5-3 that a push can hold. read is nil for
// those that have not been seen on a consumer port: they are refused by name.
var apdus = [256]struct {
	name string
	read func(d *decoder, b []byte) (rest []byte, err error)
}{
	tagNotification: {"data-notification", (*decoder).plain},
	tagGlo:          {"general-glo-ciphering", (*decoder).sealed},
	0x18:            {"information-report", nil},
	0xC2:            {"event-notification", nil},
	0xCA:            {"glo-event-notification", nil},
	0xDC:            {"general-ded-ciphering", nil},
	0xDD:            {"general-ciphering", nil},
	0xDF:            {"general-signing", nil},
	tagBlock:        {"general-block-transfer outside its frames", nil},
}

// message is one data-notification and how it was protected.
type message struct {
	notification
	seal  telegram.Seal
	title [8]byte
}

// messages reads every APDU of a push into d.msgs. Several may follow each
// other in one frame, each with its own LLC (seen on the optical port of an
// E450); whatever else stands behind an APDU makes the push malformed.
func (d *decoder) messages(b []byte) error {
	for len(b) > 0 {
		b, _ = trimLLC(b)
		if len(b) == 0 {
			return fmt.Errorf("dlms: %w: no APDU behind the LLC", telegram.ErrMalformed)
		}
		if len(d.msgs) == maxMessages {
			return fmt.Errorf("dlms: %w: more than %d APDUs in one push", telegram.ErrMalformed, maxMessages)
		}
		apdu := &apdus[b[0]]
		var err error
		switch {
		case apdu.name == "":
			return fmt.Errorf("dlms: %w: %02X begins no APDU", telegram.ErrMalformed, b[0])
		case apdu.read == nil:
			return fmt.Errorf("dlms: %w: %s (%02X)", telegram.ErrUnsupported, apdu.name, b[0])
		}
		if b, err = apdu.read(d, b); err != nil {
			return err
		}
	}
	if len(d.msgs) == 0 {
		return fmt.Errorf("dlms: %w: empty push", telegram.ErrMalformed)
	}
	return nil
}

const maxMessages = 16

// plain reads a data-notification that nothing protects.
func (d *decoder) plain(b []byte) (rest []byte, err error) {
	n, rest, err := readNotification(b)
	d.msgs = append(d.msgs, message{notification: n})
	return rest, err
}

// sealed reads general-glo-ciphering. A content that no tag vouches for was
// decrypted with the right key only if it is a data-notification, whole, with
// nothing behind it and a plausible time: a wrong key makes a plaintext begin
// with 0F once in 256 pushes, so that all of it must hold. Where the header does
// hold, what is wrong behind it is not the key.
func (d *decoder) sealed(b []byte) (rest []byte, err error) {
	f, size, err := glo.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("dlms: %w", err)
	}
	m := message{title: f.Title, seal: f.Seal(false)}
	d.m.Seal = m.seal
	plaintext := f.Content
	if f.Encrypted() || d.o.Key.IsSet() {
		c, err := glo.CipherFor(d.o.Key, d.o.AuthKey)
		if err != nil {
			return nil, fmt.Errorf("dlms: %w (system title %X)", err, f.Title)
		}
		buffer := &d.clear[len(d.msgs)]
		if plaintext, m.seal.Authenticated, err = c.Open(*buffer, f); err != nil {
			if d.decrypts(f) {
				err = fmt.Errorf("%w (system title %X, counter %d)", telegram.ErrAuthKeyWrong, f.Title, f.Counter)
			}
			return nil, fmt.Errorf("dlms: %w", err)
		}
		*buffer = plaintext
	}
	d.m.Seal = m.seal
	vouched := m.seal.Authenticated || !f.Encrypted()
	if vouched && len(plaintext) > 0 && plaintext[0] != tagNotification {
		return nil, fmt.Errorf("dlms: %w: APDU %02X inside general-glo-ciphering", telegram.ErrUnsupported, plaintext[0])
	}
	var behind []byte
	if m.notification, behind, err = readNotification(plaintext); err == nil && len(behind) > 0 {
		err = fmt.Errorf("dlms: %w: %d octets behind the data-notification", telegram.ErrMalformed, len(behind))
	}
	if err == nil && !vouched && !m.plausible() {
		err = fmt.Errorf("dlms: %w: no plausible date-time", telegram.ErrMalformed)
	}
	if err != nil && !vouched && !plausibleClock(m.when) {
		err = fmt.Errorf("dlms: %w: the plaintext makes no sense (system title %X, counter %d): %v",
			telegram.ErrKeyWrong, f.Title, f.Counter, strings.TrimPrefix(err.Error(), "dlms: "))
	}
	d.msgs = append(d.msgs, m)
	return b[size:], err
}

// decrypts reports whether the key makes a plausible plaintext of f, its tag left
// aside: then a tag that does not verify is the authentication key's fault, or
// somebody has changed the telegram.
func (d *decoder) decrypts(f glo.Frame) bool {
	c, err := glo.CipherFor(d.o.Key, telegram.Secret{})
	if err != nil {
		return false
	}
	plaintext, _, err := c.Open(nil, f)
	if err != nil {
		return false
	}
	n, behind, err := readNotification(plaintext)
	return err == nil && len(behind) == 0 && n.plausible()
}

// notification is a data-notification (IEC 62056-5-3, data-notification [15]).
type notification struct {
	invoke uint32 // long-invoke-id-and-priority: bits 23 to 0 count, 31 priority, 30 confirmed
	when   []byte // date-time, 12 octets; nil if there is none
	body   []byte // one whole A-XDR value
}

// readNotification reads tag, long-invoke-id-and-priority, date-time and one
// value. The date-time is an octet-string of 0 or 12 octets without a tag;
// Kaifa in Norway sends it with one, 09 0C.
func readNotification(b []byte) (n notification, rest []byte, err error) {
	malformed := func(format string, a ...any) error {
		return fmt.Errorf("dlms: %w: data-notification: "+format, append([]any{telegram.ErrMalformed}, a...)...)
	}
	if len(b) < 6 {
		return n, nil, malformed("%d octets", len(b))
	}
	if b[0] != tagNotification {
		return n, nil, malformed("begins with %02X and not 0F", b[0])
	}
	n.invoke = binary.BigEndian.Uint32(b[1:])
	b = b[5:]
	if b[0] == tagOctetString && len(b) > 1 {
		b = b[1:]
	}
	size := int(b[0])
	b = b[1:]
	switch {
	case size != 0 && size != clockSize:
		return n, nil, malformed("date-time of %d octets, want none or 12", size)
	case size > len(b):
		return n, nil, malformed("ends inside its date-time")
	case size > 0:
		n.when = b[:size]
	}
	b = b[size:]
	c := cursor{b: b}
	if c.skip(); c.err != nil {
		return n, nil, c.err
	}
	n.body = b[:c.at]
	return n, b[c.at:], nil
}

// plausible reports whether the message has a time that can be a real one, in
// its header or else, where that names no instant, as a clock in its list.
func (n notification) plausible() bool {
	if _, ok := readClock(n.when); ok {
		return plausibleClock(n.when)
	}
	c := cursor{b: n.body}
	for _, count := c.enter(); count > 0 && c.err == nil; count-- {
		if v := c.next(); v.tag == tagOctetString && len(v.b) == clockSize && plausibleClock(v.b) {
			return true
		}
	}
	return false
}
