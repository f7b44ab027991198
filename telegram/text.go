package telegram

// Text is a short text of a telegram (an identification, a serial number) held
// without allocation, so that a Measurement stays a plain comparable value.
// What exceeds 63 octets is cut.
type Text struct {
	n uint8
	b [63]byte
}

// TextOf returns the text of b.
func TextOf[T ~[]byte | ~string](b T) Text {
	var t Text
	t.n = uint8(copy(t.b[:], b))
	return t
}

// String returns the text.
func (t Text) String() string { return string(t.b[:t.n]) }

// Empty reports whether there is no text.
func (t Text) Empty() bool { return t.n == 0 }

// TextOfHex returns the ASCII text that hex digits spell, as P1 sends its
// identifications. Where the digits spell no printable text the digits
// themselves are kept: a masked serial number is better than none.
func TextOfHex(digits []byte) Text {
	if len(digits) == 0 || len(digits)%2 != 0 {
		return TextOf(digits)
	}
	var t Text
	for i := 0; i+1 < len(digits) && int(t.n) < len(t.b); i += 2 {
		hi, ok1 := unhex(digits[i])
		lo, ok2 := unhex(digits[i+1])
		c := hi<<4 | lo
		if !ok1 || !ok2 || c < 0x20 || c > 0x7e {
			return TextOf(digits)
		}
		t.b[t.n] = c
		t.n++
	}
	return t
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
