package dlms

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"smartconnect/telegram"
	"smartconnect/telegram/hdlc"
	"smartconnect/telegram/mbus"
)

const (
	hdlcFlag  = 0x7E
	mbusStart = 0x68
)

// frame is one good frame of either link.
type frame struct {
	link link
	info []byte

	segmented bool // HDLC: the S bit
	segment   int  // M-Bus transport: the number of the segment, from 0 modulo 16
	last      bool // M-Bus transport: the last segment
	foreign   bool // M-Bus of another application than DLMS
}

// link says over which link a frame came, and from and to whom. The addresses
// tell the models of one maker apart.
type link struct {
	mbus      bool
	dest, src uint32
	ci        byte // of a foreign M-Bus frame
}

// text names the link by its addresses.
func (l link) text(b []byte) telegram.Text {
	if l.mbus {
		b = append(b, "M-Bus "...)
	}
	b = append(strconv.AppendUint(b, uint64(l.dest), 16), ' ')
	return telegram.TextOf(strconv.AppendUint(b, uint64(l.src), 16))
}

var (
	errIncomplete = errors.New("incomplete frame")
	errVoid       = errors.New("no frame")
)

// frameAt reads the frame that begins at b[0], of n octets. Its error is
// errIncomplete, errVoid, or wraps telegram.ErrChecksum for a frame that was
// begun and damaged; void is then the first octet only.
func frameAt(b []byte) (f frame, n int, err error) {
	switch b[0] {
	case hdlcFlag:
		if len(b) > 1 && b[1] == hdlcFlag { // fill
			return frame{}, 0, errVoid
		}
		h, n, err := hdlc.Parse(b)
		if err != nil {
			return frame{}, 0, linkError(err, hdlc.ErrIncomplete, hdlc.ErrChecksum)
		}
		return frame{link: link{dest: h.Dest, src: h.Src}, info: h.Info, segmented: h.Segmented}, n, nil
	case mbusStart:
		m, n, err := mbus.Parse(b)
		if err != nil {
			return frame{}, 0, linkError(err, mbus.ErrIncomplete, mbus.ErrChecksum)
		}
		f := frame{link: link{mbus: true, dest: uint32(m.DTSAP), src: uint32(m.STSAP)}, info: m.Data}
		var transport bool
		if f.segment, f.last, transport = m.Transport(); !transport {
			f.foreign, f.link.ci = true, m.CI
		}
		return f, n, nil
	}
	return frame{}, 0, errVoid
}

func linkError(err, incomplete, checksum error) error {
	switch {
	case err == incomplete:
		return errIncomplete
	case errors.Is(err, checksum):
		return fmt.Errorf("dlms: %w: %w", telegram.ErrChecksum, err)
	}
	return errVoid
}

// begun reports whether the incomplete frame at b[0] is more than an octet that
// happens to look like a start: its header is there and right (the HCS of HDLC
// is checked as soon as the longest header of 14 octets is there; of M-Bus, 68 L
// L 68 and the C field of what a meter sends unasked, SND_UD).
func begun(b []byte) bool {
	if b[0] == hdlcFlag {
		return len(b) > 14
	}
	return len(b) > 4 && b[4]&^0x20 == 0x53
}

// LLC of a response and of a command (ISO/IEC 8802-2; IEC 62056-46, annex B).
// Meters send it once, before the first octet of an APDU.
var llcs = [...][3]byte{{0xE6, 0xE7, 0x00}, {0xE6, 0xE6, 0x00}}

// trimLLC returns b without its LLC, and whether it had one.
func trimLLC(b []byte) ([]byte, bool) {
	for i := range llcs {
		if bytes.HasPrefix(b, llcs[i][:]) {
			return b[len(llcs[i]):], true
		}
	}
	return b, false
}
