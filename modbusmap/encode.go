package modbusmap

import (
	"encoding/binary"
	"math"
)

// Type is the form of a value in registers.
type Type uint8

// The types of registers.
const (
	Float32 Type = iota
	Uint16
	Int16
	Uint32
	Text // ASCII, filled up with zeros
)

// forms is the table behind the numeric types: how many registers each fills
// and the bits of a number in it, right aligned. What an integer cannot hold
// becomes its nearest: a wrapped number would be a small one.
var forms = [...]struct {
	words int
	bits  func(float64) uint32
}{
	Float32: {2, func(v float64) uint32 { return math.Float32bits(positiveZero(float32(v))) }},
	Uint16:  {1, func(v float64) uint32 { return uint32(clamp(v, 0, math.MaxUint16)) }},
	Int16:   {1, func(v float64) uint32 { return uint32(int32(clamp(v, math.MinInt16, math.MaxInt16))) }},
	Uint32:  {2, func(v float64) uint32 { return uint32(clamp(v, 0, math.MaxUint32)) }},
	Text:    {},
}

func clamp(v, low, high float64) float64 { return min(max(math.Round(v), low), high) }

// positiveZero spares clients that compare bits the zero with a sign.
func positiveZero(v float32) float32 {
	if v == 0 {
		return 0
	}
	return v
}

// put writes v as type t to dst, two bytes a register, big endian within it.
func (m *Map) put(dst []byte, t Type, v float64) {
	bits := forms[t].bits(v)
	switch {
	case forms[t].words == 1:
		binary.BigEndian.PutUint16(dst, uint16(bits))
	case m.LowWordFirst:
		binary.BigEndian.PutUint16(dst, uint16(bits))
		binary.BigEndian.PutUint16(dst[2:], uint16(bits>>16))
	default:
		binary.BigEndian.PutUint32(dst, bits)
	}
}

// putText writes s to dst; what does not fit is cut.
func (m *Map) putText(dst []byte, s string) {
	n := copy(dst, s)
	clear(dst[n:])
	if m.LowByteFirst {
		for i := 0; i+1 < len(dst); i += 2 {
			dst[i], dst[i+1] = dst[i+1], dst[i]
		}
	}
}
