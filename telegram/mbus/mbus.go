// Package mbus reads the long frames of wired M-Bus (EN 13757-2) that a meter
// pushes, with the transport segments of EN 13757-3 on top:
//
//	68 | L | L | 68 | C | A | CI | STSAP | DTSAP | data | check sum | 16
//
// STSAP and DTSAP are there for CI 00 to 1F. What the data mean is the caller's
// affair. Short frames and acknowledgements belong to the polling of a bus and
// do not occur in a push.
package mbus

import (
	"errors"
	"fmt"
)

// Frame is one long frame.
type Frame struct {
	Control, Address, CI byte
	STSAP, DTSAP         byte   // 0 for CI above 1F
	Data                 []byte // aliases the input
}

// Transport returns what the CI field says of a segment (EN 13757-3, CI 00 to
// 1F): bits 3 to 0 count the segments of an APDU from 0 and start over behind
// 15, bit 4 marks the last. ok is false for frames of another kind.
func (f Frame) Transport() (sequence int, last, ok bool) {
	if !f.transport() {
		return 0, false, false
	}
	return int(f.CI & 0x0F), f.CI&0x10 != 0, true
}

func (f Frame) transport() bool { return f.CI <= 0x1F }

// What Parse can say about octets that are not a whole frame.
var (
	// ErrIncomplete says that the octets may become a frame.
	ErrIncomplete = errors.New("incomplete frame")
	// ErrNotFrame says that no frame begins with this octet. That the octet 16
	// is missing at the announced end says so too: what looked like a header
	// was none, or octets were lost.
	ErrNotFrame = errors.New("no frame")
	// ErrChecksum says that a frame came, and came damaged.
	ErrChecksum = errors.New("check sum mismatch")
)

const (
	startOctet = 0x68
	stopOctet  = 0x16

	around = 6 // octets of a frame that L does not count
	minL   = 3 // C, A and CI
)

// Parse reads the long frame that starts at b[0]. n is its whole length.
//
// ErrIncomplete means that more octets are needed. ErrNotFrame and ErrChecksum
// come wrapped with the detail; only this one octet is void then, and the next
// frame may begin with the one behind it.
func Parse(b []byte) (f Frame, n int, err error) {
	l, err := header(b)
	if err != nil {
		return Frame{}, 0, err
	}
	n = l + around
	if len(b) < n {
		return Frame{}, 0, ErrIncomplete
	}
	body, sent, stop := b[4:4+l], b[n-2], b[n-1]
	if stop != stopOctet {
		return Frame{}, 0, fmt.Errorf("mbus: %w: %02X and not 16 ends the %d octets", ErrNotFrame, stop, n)
	}
	var sum byte // EN 13757-2, check sum: all octets from C to the last of the data, modulo 256
	for _, c := range body {
		sum += c
	}
	if sum != sent {
		return Frame{}, 0, fmt.Errorf("mbus: %w: sent %02X, computed %02X", ErrChecksum, sent, sum)
	}
	f = Frame{Control: body[0], Address: body[1], CI: body[2], Data: body[3:l:l]}
	if f.transport() {
		if len(f.Data) < 2 {
			return Frame{}, 0, fmt.Errorf("mbus: %w: L %d leaves no room for STSAP and DTSAP of CI %02X", ErrNotFrame, l, f.CI)
		}
		f.STSAP, f.DTSAP, f.Data = f.Data[0], f.Data[1], f.Data[2:]
	}
	return f, n, nil
}

// header reads 68 L L 68 (EN 13757-2, format class FT1.2, variable length) as
// far as it is there, and returns how many octets L counts.
//
// No frame can have an L below 3. Sagemcom T210-D of an old firmware sends 257
// octets in its first segment and writes 01, what is left of 257 in an octet:
// such an L stands for 256 more, and check sum and stop octet vouch for it.
func header(b []byte) (l int, err error) {
	for i, c := range b[:min(4, len(b))] {
		switch {
		case i%3 == 0 && c != startOctet:
			return 0, fmt.Errorf("mbus: %w: octet %d is %02X and not 68", ErrNotFrame, i, c)
		case i == 2 && c != b[1]:
			return 0, fmt.Errorf("mbus: %w: L is %02X, then %02X", ErrNotFrame, b[1], c)
		}
	}
	if len(b) < 4 {
		return 0, ErrIncomplete
	}
	if l = int(b[1]); l < minL {
		l += 256
	}
	return l, nil
}
