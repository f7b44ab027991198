package modbusmap

import (
	"encoding/binary"
	"fmt"
)

// The MBAP header of Modbus TCP (MODBUS Messaging on TCP/IP V1.0b, section 3.1):
// transaction, protocol (0), length of what follows it, unit.
const (
	lengthEnd = 6 // the header up to the end of its length
	headerLen = 7 // the header with the unit
	minLength = 2 // unit and function code
	maxLength = 254
	maxFrame  = lengthEnd + maxLength
)

// cutFrame returns the first frame in buf and what follows it; frame is nil as
// long as it is not complete. An error means that the length cannot be one, so
// that nobody knows where the next frame begins.
func cutFrame(buf []byte) (frame, rest []byte, err error) {
	if len(buf) < lengthEnd {
		return nil, buf, nil
	}
	length := int(binary.BigEndian.Uint16(buf[4:]))
	if length < minLength || length > maxLength {
		return nil, buf, fmt.Errorf("modbusmap: frame length %d: want %d to %d", length, minLength, maxLength)
	}
	end := lengthEnd + length
	if len(buf) < end {
		return nil, buf, nil
	}
	return buf[:end], buf[end:], nil
}

// isModbus reports whether the frame is one of Modbus. Others are dropped, as
// section 4.2 of the messaging guide says.
func isModbus(frame []byte) bool { return frame[2] == 0 && frame[3] == 0 }

// A Responder answers one request without its frame: it appends the response
// to dst. Registers is one.
type Responder interface {
	Answer(dst, request []byte) []byte
}

// appendReply appends the framed answer to frame. The transaction and the unit
// are the client's; any unit is answered.
func appendReply(dst, frame []byte, r Responder) []byte {
	start := len(dst)
	dst = append(dst, frame[:headerLen]...)
	dst = r.Answer(dst, frame[headerLen:])
	binary.BigEndian.PutUint16(dst[start+4:], uint16(len(dst)-start-lengthEnd))
	return dst
}
