package sim

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Tags of the A-XDR types the simulated meters send (IEC 61334-6; IEC 62056-6-2,
// common data types).
const (
	tagArray     = 0x01
	tagStructure = 0x02
	tagLong      = 0x06 // double-long-unsigned, 32 bits
	tagOctets    = 0x09
	tagInteger   = 0x0F // scalers
	tagOctet     = 0x11 // unsigned, 8 bits
	tagShort     = 0x12 // long-unsigned, 16 bits
	tagEnum      = 0x16 // units
)

// appendLength appends a length as BER and A-XDR write it: one octet up to 127,
// else the number of octets that follow.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 0x100:
		return append(dst, 0x81, byte(n))
	}
	return binary.BigEndian.AppendUint16(append(dst, 0x82), uint16(n))
}

// appendCounted appends octets behind their length.
func appendCounted(dst, octets []byte) []byte {
	return append(appendLength(dst, len(octets)), octets...)
}

func appendOctets(dst, octets []byte) []byte {
	return appendCounted(append(dst, tagOctets), octets)
}

// appendNumber appends an unsigned number of 32, 16 or 8 bits.
func appendNumber(dst []byte, tag byte, n int64) []byte {
	dst = append(dst, tag)
	switch tag {
	case tagOctet:
		return append(dst, byte(n))
	case tagShort:
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// units are the codes of IEC 62056-6-2, table 4, that somebody transmits.
var units = map[string]byte{"W": 27, "Wh": 30, "A": 33, "V": 35, "": 255}

// appendScaler appends what tells a reader how to take the number before.
func appendScaler(dst []byte, f form) []byte {
	return append(dst, tagStructure, 2, tagInteger, byte(f.exp-f.decimals), tagEnum, units[f.unit])
}

// logicalName returns the six octets of a code A-B:C.D.E.
func logicalName(code string) [6]byte {
	name := [6]byte{5: 255}
	if _, err := fmt.Sscanf(code, "%d-%d:%d.%d.%d", &name[0], &name[1], &name[2], &name[3], &name[4]); err != nil {
		panic(fmt.Sprintf("sim: code %q: %v", code, err)) // a row of Binary is wrong
	}
	return name
}

// zone is what a meter's date-time says about its zone.
type zone uint8

const (
	silent  zone = iota // nothing: neither deviation nor summer time
	flagged             // summer time in the clock status, no deviation
	zoned               // both
)

// dateTime appends the 12 octets of a COSEM date-time (IEC 62056-6-2, 4.1.6.1).
func (c calendar) dateTime(dst []byte, t time.Time, z zone) []byte {
	wall, summer := c.local(t)
	weekday := (wall.Weekday()+6)%7 + 1 // Monday is 1
	dst = binary.BigEndian.AppendUint16(dst, uint16(wall.Year()))
	dst = append(dst, byte(wall.Month()), byte(wall.Day()), byte(weekday),
		byte(wall.Hour()), byte(wall.Minute()), byte(wall.Second()))
	if z == zoned {
		deviation := -int16(wall.Sub(t) / time.Minute) // UTC = local time + deviation
		dst = append(binary.BigEndian.AppendUint16(append(dst, 0), uint16(deviation)), 0)
	} else {
		dst = append(dst, 0xFF, 0x80, 0x00, 0)
	}
	if summer && z != silent {
		dst[len(dst)-1] |= 0x80
	}
	return dst
}
