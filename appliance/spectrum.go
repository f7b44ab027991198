package appliance

import (
	"math/bits"
	"strings"
)

// spectrum says what octets that are no telegram look like: noise, or a meter
// that is read with the wrong line settings. A UART shows them in three ways.
//
//   - An octet without its stop bit, or with a wrong parity, comes as 00 where the
//     line has one (termios: INPCK, neither IGNPAR nor PARMRK): the meter is
//     faster than the line, or of another parity. The lists of binary meters have
//     as many 00, but those are telegrams, good or damaged.
//   - A slow meter's bits last for several of a fast line's: no octet has a bit
//     that differs from both its neighbours.
//   - Seven data bits and a parity bit, read as eight, are text with bit 7 set in
//     every second octet.
//
// The zero spectrum has seen nothing.
type spectrum struct {
	n, zeros, slow, text, parity int
}

// memory is how many octets a spectrum goes by; older ones fade.
const memory = 4096

func (s *spectrum) add(b []byte) {
	for _, c := range b {
		s.n++
		tally(&s.zeros, c == 0)
		tally(&s.slow, !lonelyBit(c))
		tally(&s.text, textual(c))
		tally(&s.parity, textual(c&0x7f) && bits.OnesCount8(c)%2 == 0)
	}
	if s.n > memory {
		for _, n := range []*int{&s.n, &s.zeros, &s.slow, &s.text, &s.parity} {
			*n /= 2
		}
	}
}

func tally(n *int, yes bool) {
	if yes {
		*n++
	}
}

// lonelyBit reports whether a bit of c differs from both its neighbours, the
// start and the stop bit included.
func lonelyBit(c byte) bool {
	line := uint16(c)<<1 | 1<<9 // start bit 0, the low bit first, stop bit 1
	change := line ^ line>>1    // bit i: whether bits i and i+1 differ
	return change&(change>>1)&0xff != 0
}

// textual reports whether c stands in text: what prints, line ends, and what parts
// the fields and frames of TIC.
func textual(c byte) bool {
	return 0x20 <= c && c <= 0x7e || strings.IndexByte("\r\n\t\x02\x03", c) >= 0
}

// wrongLine says why the line settings are not the meter's, "" if nothing shows
// that.
func (s *spectrum) wrongLine() string {
	share := func(n, percent int) bool { return n*100 >= s.n*percent }
	switch {
	case s.n < 64:
		return ""
	case share(s.parity, 90) && !share(s.text, 80):
		return "it is text of seven data bits with parity"
	case share(s.slow, 75):
		return "the meter sends more slowly than the line is read"
	case share(s.zeros, 12):
		return "octets come without their stop bit: the meter sends faster than the line is read, with another parity, or the signal is not inverted"
	}
	return ""
}

// certainlySlow reports whether the octets are those of a meter that sends more
// slowly than the line is read. No telegram looks like that.
func (s *spectrum) certainlySlow() bool { return s.n >= 256 && s.slow*100 >= s.n*85 }

// isText reports whether text comes, with or without a parity bit in bit 7.
func (s *spectrum) isText() bool {
	return s.n >= 64 && (s.text*100 >= s.n*95 || s.parity*100 >= s.n*95)
}
