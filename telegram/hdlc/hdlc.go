// Package hdlc reads the frames of HDLC frame format type 3 (IEC 62056-46, after
// ISO/IEC 13239 annex H), as meters push them on the consumer port:
//
//	7E | format 2 | destination 1, 2, 4 | source 1, 2, 4 | control | HCS 2 | information | FCS 2 | 7E
//
// The length in the format field decides where a frame ends. No octet is
// stuffed, so that 7E stands freely inside; splitting at the flags would tear
// frames apart. What the information means is the caller's affair.
package hdlc

import (
	"errors"
	"fmt"
)

// Frame is one frame of IEC 62056-46 frame format type 3. An address is the
// number that its groups of seven bits make up: CE FF, logical device 103 and
// physical device 127, is 103<<7 | 127.
type Frame struct {
	Dest, Src uint32
	Control   byte
	Segmented bool   // the S bit: the information goes on in the next frame
	Info      []byte // aliases the input
}

// What Parse can say about octets that are not a whole frame.
var (
	// ErrIncomplete says that the octets may become a frame.
	ErrIncomplete = errors.New("incomplete frame")
	// ErrNotFrame says that no frame begins with this flag. A header whose
	// check sequence is wrong is none: it is what nearly every 7E inside
	// ciphertext or noise comes to.
	ErrNotFrame = errors.New("no frame")
	// ErrChecksum says that a frame was begun, since its header is right, and
	// that it was damaged or cut off behind it.
	ErrChecksum = errors.New("frame check sequence mismatch")
)

const (
	flag = 0x7E

	// minLength is a frame without information: format, one octet for each
	// address, control and FCS.
	minLength = 7
)

// Parse reads the frame whose opening flag is b[0]. n is the number of octets
// up to but not including the closing flag, which may open the next frame.
//
// A frame whose check sequences are right is accepted whether or not the
// closing flag follows: the flag adds nothing to sixteen bits, and waiting for
// it would make the outcome depend on how the octets arrive. The answer
// therefore depends on no octet behind n.
//
// ErrIncomplete means that more octets are needed; whether they can still come
// is for the caller to know. ErrNotFrame and ErrChecksum come wrapped with the
// detail; only this one flag is void then, and the next frame may begin with
// the octet behind it.
func Parse(b []byte) (f Frame, n int, err error) {
	if len(b) == 0 {
		return Frame{}, 0, ErrIncomplete
	}
	if b[0] != flag {
		return Frame{}, 0, fmt.Errorf("hdlc: %w: %02X is no flag", ErrNotFrame, b[0])
	}
	length, err := f.format(b[1:])
	if err != nil {
		return Frame{}, 0, err
	}
	n = 1 + length
	body := b[1:min(n, len(b))]
	header, err := f.header(body)
	if err == ErrIncomplete && len(body) == length {
		err = fmt.Errorf("hdlc: %w: length %d ends inside the header", ErrNotFrame, length)
	}
	if err != nil {
		return Frame{}, 0, err
	}

	// IEC 62056-46, HCS field: a frame without information has none, only the
	// FCS.
	var crc register = start
	info := length - header - 2
	switch {
	case info == 0:
	case info < 3:
		return Frame{}, 0, fmt.Errorf("hdlc: %w: length %d does not fit a header of %d octets", ErrNotFrame, length, header)
	case len(body) < header+2:
		return Frame{}, 0, ErrIncomplete
	default:
		crc = crc.over(body[:header])
		if sent, computed := sequence(body[header:]), crc.sum(); sent != computed {
			return Frame{}, 0, fmt.Errorf("hdlc: %w: HCS sent %04X, computed %04X", ErrNotFrame, sent, computed)
		}
	}
	if len(body) < length {
		return Frame{}, 0, ErrIncomplete
	}
	read := 0
	if info > 0 {
		read, f.Info = header, body[header+2:length-2:length-2]
	}
	crc = crc.over(body[read : length-2])
	if sent, computed := sequence(body[length-2:]), crc.sum(); sent != computed {
		return Frame{}, 0, fmt.Errorf("hdlc: %w: FCS sent %04X, computed %04X", ErrChecksum, sent, computed)
	}
	return f, n, nil
}

// format reads the frame format field (IEC 62056-46): 1010, the segmentation
// bit, and in eleven bits the number of octets between the flags.
func (f *Frame) format(b []byte) (length int, err error) {
	if len(b) >= 1 && b[0]>>4 != 0xA {
		return 0, fmt.Errorf("hdlc: %w: %02X is no frame format type 3", ErrNotFrame, b[0])
	}
	if len(b) < 2 {
		return 0, ErrIncomplete
	}
	f.Segmented = b[0]&0x08 != 0
	length = int(b[0]&0x07)<<8 | int(b[1])
	if length < minLength {
		return 0, fmt.Errorf("hdlc: %w: length %d, the shortest frame has %d", ErrNotFrame, length, minLength)
	}
	return length, nil
}

// header reads the address fields and the control field, and returns how many
// octets they take together with the format field. body ends where the frame
// does, or where the octets do.
func (f *Frame) header(body []byte) (n int, err error) {
	n = 2
	for _, a := range [...]*uint32{&f.Dest, &f.Src} {
		v, size, err := address(body[n:])
		if err != nil {
			return 0, err
		}
		*a = v
		n += size
	}
	if n >= len(body) {
		return 0, ErrIncomplete
	}
	f.Control = body[n]
	return n + 1, nil
}

// address reads an address field (IEC 62056-46, extended addressing): each
// octet carries seven bits, bit 0 marks the last one, and there are one, two or
// four of them.
func address(b []byte) (v uint32, size int, err error) {
	for _, c := range b[:min(4, len(b))] {
		v = v<<7 | uint32(c>>1)
		size++
		if c&1 == 1 {
			break
		}
	}
	switch {
	case size == 0 || b[size-1]&1 == 0 && size < 4:
		return 0, 0, ErrIncomplete
	case b[size-1]&1 == 0 || size == 3:
		return 0, 0, fmt.Errorf("hdlc: %w: address % X: want one, two or four octets", ErrNotFrame, b[:size])
	}
	return v, size, nil
}

// sequence reads a check sequence (IEC 62056-46, annex A): low octet first.
func sequence(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
