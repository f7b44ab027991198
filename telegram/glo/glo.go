// Package glo opens general-glo-ciphering (IEC 62056-5-3, the DLMS Green Book),
// which protects DLMS/COSEM pushes and the encrypted P1 telegrams of Luxembourg
// and Austria:
//
//	DB | 08 | system title 8 | length | security control | invocation counter 4 | content | tag 12
//
// The length counts from the security control to the end. The tag is there when
// bit 4 of the security control says authenticated.
//
// Its relatives, general-ded-ciphering (DC) and general-ciphering (DD), have
// not been seen on a consumer port and are refused by name.
package glo

import (
	"fmt"

	"smartconnect/telegram"
)

// Frame is general-glo-ciphering (tag DB). Content and Tag alias the input.
type Frame struct {
	Title   [8]byte // three letters of the maker and five octets of its choice
	Control byte
	Counter uint32
	Content []byte // ciphertext, or plaintext where Encrypted is false
	Tag     []byte // 12 octets, nil where Authenticated is false
}

// The bits of the security control (IEC 62056-5-3, security header).
const (
	suiteBits         = 0x0F
	authenticationBit = 0x10
	encryptionBit     = 0x20
	broadcastBit      = 0x40
	compressionBit    = 0x80
)

// Encrypted reports whether the content is ciphertext.
func (f Frame) Encrypted() bool { return f.Control&encryptionBit != 0 }

// Authenticated reports whether the content comes with a tag. Whether the tag
// is right, only Open can tell.
func (f Frame) Authenticated() bool { return f.Control&authenticationBit != 0 }

// Seal returns how the frame was protected; authenticated is what Open said.
func (f Frame) Seal(authenticated bool) telegram.Seal {
	const digits = "0123456789ABCDEF"
	var title [2 * len(f.Title)]byte
	for i, c := range f.Title {
		title[2*i], title[2*i+1] = digits[c>>4], digits[c&0x0F]
	}
	return telegram.Seal{
		Encrypted:     f.Encrypted(),
		Authenticated: authenticated,
		Title:         telegram.TextOf(title[:]),
		Counter:       f.Counter,
	}
}

// ErrIncomplete says that the octets end before the APDU does. It is of the
// class malformed for whoever has all of them.
var ErrIncomplete = fmt.Errorf("%w: incomplete APDU", telegram.ErrMalformed)

const (
	tagGlo        = 0xDB // general-glo-ciphering [219]
	titleSize     = 8
	securitySize  = 1 + 4 // security control, invocation counter
	tagSize       = 12    // IEC 62056-5-3, security suites 0 and 1: the tag is cut to 96 bits
	lengthAt      = 1 + 1 + titleSize
	maxLengthSize = 3
)

// HeaderSize is how many octets Length needs at the most.
const HeaderSize = lengthAt + maxLengthSize

// relatives names the tags that look alike and are not read here.
var relatives = map[byte]string{
	0xDC: "general-ded-ciphering (DC)",
	0xDD: "general-ciphering (DD)",
}

// Length returns how many octets the APDU that begins with b[0] has, and at
// which of them its security control stands. Errors are those of Parse;
// ErrIncomplete means that the length field has not come yet.
func Length(b []byte) (n, security int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrIncomplete
	}
	if name, ok := relatives[b[0]]; ok {
		return 0, 0, fmt.Errorf("glo: %w: %s", telegram.ErrUnsupported, name)
	}
	if b[0] != tagGlo {
		return 0, 0, fmt.Errorf("glo: %w: tag %02X and not DB", telegram.ErrMalformed, b[0])
	}
	if len(b) > 1 && b[1] != titleSize {
		return 0, 0, fmt.Errorf("glo: %w: system title of %d octets and not 8", telegram.ErrMalformed, b[1])
	}
	if len(b) <= lengthAt {
		return 0, 0, ErrIncomplete
	}
	length, size, err := berLength(b[lengthAt:])
	if err != nil {
		return 0, 0, err
	}
	if length < securitySize {
		return 0, 0, fmt.Errorf("glo: %w: length %d has no room for security control and invocation counter", telegram.ErrMalformed, length)
	}
	security = lengthAt + size
	return security + length, security, nil
}

// berLength reads a length of one octet below 80, or of one or two octets
// behind 81 or 82 (ITU-T X.690, clause 8.1.3). Nothing on a consumer port needs
// more.
func berLength(b []byte) (length, size int, err error) {
	switch {
	case b[0] < 0x80:
		return int(b[0]), 1, nil
	case b[0] > 0x82 || b[0] == 0x80:
		return 0, 0, fmt.Errorf("glo: %w: length begins with %02X: want below 80, 81 or 82", telegram.ErrMalformed, b[0])
	}
	size = 1 + int(b[0]&0x7F)
	if len(b) < size {
		return 0, 0, ErrIncomplete
	}
	for _, c := range b[1:size] {
		length = length<<8 | int(c)
	}
	return length, size, nil
}

// Parse reads the APDU at b[0]; n is its whole length. Errors wrap
// telegram.ErrMalformed, of which ErrIncomplete is one, or
// telegram.ErrUnsupported for what is named and not read: the tags DC and DD,
// the broadcast key, compression, and suites of another cipher.
func Parse(b []byte) (f Frame, n int, err error) {
	n, at, err := Length(b)
	if err != nil {
		return Frame{}, 0, err
	}
	if len(b) <= at {
		return Frame{}, 0, ErrIncomplete
	}
	f.Control = b[at]
	if err := supported(f.Control); err != nil {
		return Frame{}, 0, err
	}
	tag := 0
	if f.Authenticated() {
		tag = tagSize
	}
	if n < at+securitySize+tag {
		return Frame{}, 0, fmt.Errorf("glo: %w: length %d has no room for the tag", telegram.ErrMalformed, n-at)
	}
	if len(b) < n {
		return Frame{}, 0, ErrIncomplete
	}
	copy(f.Title[:], b[2:])
	for _, c := range b[at+1 : at+securitySize] { // big endian
		f.Counter = f.Counter<<8 | uint32(c)
	}
	f.Content = b[at+securitySize : n-tag : n-tag]
	if tag > 0 {
		f.Tag = b[n-tag : n : n]
	}
	return f, n, nil
}

// supported refuses the security controls that no key set here can open. Suite
// 1 differs from suite 0 in its signatures alone, its cipher is AES-GCM-128 as
// well: Kaifa meters announce it. Suite 2 is AES-GCM-256.
func supported(control byte) error {
	what := ""
	switch suite := control & suiteBits; {
	case control&compressionBit != 0:
		what = "compressed content"
	case control&broadcastBit != 0:
		what = "content for the broadcast key"
	case suite > 1:
		what = fmt.Sprintf("security suite %d", suite)
	default:
		return nil
	}
	return fmt.Errorf("glo: %w: %s (security control %02X)", telegram.ErrUnsupported, what, control)
}
