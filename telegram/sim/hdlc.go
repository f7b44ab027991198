package sim

import "encoding/binary"

// hdlc is a meter's end of an HDLC link (IEC 62056-46): every frame goes from
// and to the same addresses.
type hdlc struct {
	addresses string // destination and source, as they stand on the wire
	info      int    // the most octets of information in one frame
}

// llc opens the first information field of a telegram.
const llc = "\xE6\xE7\x00"

// Control octets: unnumbered information, and whether an answer is in order.
const (
	finalUI = 0x13
	plainUI = 0x03
)

// frame appends one frame. Nothing in it is escaped: the length decides where
// it ends (frame format type 3).
func (h hdlc) frame(dst []byte, control byte, segmented bool, info []byte) []byte {
	format := uint16(0xA000 | 2 + len(h.addresses) + 1 + 2 + len(info) + 2)
	if segmented {
		format |= 0x0800
	}
	dst = append(dst, 0x7E)
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, format)
	dst = append(append(dst, h.addresses...), control)
	dst = binary.LittleEndian.AppendUint16(dst, crcX25(dst[start:]))
	dst = append(dst, info...)
	dst = binary.LittleEndian.AppendUint16(dst, crcX25(dst[start:]))
	return append(dst, 0x7E)
}

// segments sends an APDU in as many frames as it takes; all but the last say
// that more will follow.
func (h hdlc) segments(dst, apdu []byte, _ int) []byte {
	info := append([]byte(llc), apdu...)
	for len(info) > h.info {
		dst = h.frame(dst, plainUI, true, info[:h.info])
		info = info[h.info:]
	}
	return h.frame(dst, finalUI, false, info)
}

// What stands before the definitions of a list in the clear, and the octets of
// each of them.
const (
	beforeDefinitions = 22
	definitionSize    = 18
)

// blocks sends an APDU by general-block-transfer, a frame for each block, as
// meters of Landis+Gyr do. They never break a definition of the list in two;
// whatever else there is breaks anywhere.
func (h hdlc) blocks(dst, apdu []byte, definitions int) []byte {
	whole := 0
	if definitions > 0 {
		whole = beforeDefinitions + definitions*definitionSize
	}
	const header = 7 // of a block shorter than 128 octets
	info := []byte(llc)
	for block, from := uint16(1), 0; ; block++ {
		to := min(from+h.info-len(info)-header, len(apdu))
		if to < whole {
			to -= (to - beforeDefinitions) % definitionSize
		}
		control := byte(0x40) // streaming
		if to == len(apdu) {
			control |= 0x80 // the last one
		}
		info = binary.BigEndian.AppendUint16(append(info, 0xE0, control), block)
		info = appendLength(append(info, 0, 0), to-from)
		dst = h.frame(dst, finalUI, false, append(info, apdu[from:to]...))
		if to == len(apdu) {
			return dst
		}
		from, info = to, info[:0]
	}
}

// crcX25 is CRC-16/X-25 over b: polynomial 0x1021 reflected, start and final
// complement FFFF, bit by bit.
func crcX25(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			if sum&1 == 1 {
				sum = sum>>1 ^ 0x8408
			} else {
				sum >>= 1
			}
		}
	}
	return ^sum
}
