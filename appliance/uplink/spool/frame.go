package spool

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is
//
//	 0  4  CRC32-C of everything behind it, little endian as all that follows
//	 4  3  length of the record in octets
//	 7  1  kind
//	 8  8  index: of the record, or through which all is acknowledged
//	16  n  the record
//
// The index is in every frame, so that what is behind damage still knows where
// it belongs, and how many records the damage cost. Octets that are all zero
// are no frame.
const (
	headSize = 16

	kindRecord = 'r'
	kindAck    = 'a'

	// maxIndex is far above what is ever reached, and leaves room to count on.
	maxIndex = 1 << 62
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b []byte, kind byte, index uint64, record []byte) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(kind)<<24|uint32(len(record)))
	b = binary.LittleEndian.AppendUint64(b, index)
	b = append(b, record...)
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// scanner goes through the frames of a segment, and over what is no frame octet
// by octet to the next one.
type scanner struct {
	b       []byte
	last    uint64 // index of the last record found; a record at or before it is no frame
	end     uint64 // nor is one behind this
	at      int    // behind the last frame found
	damaged int    // octets before at that belong to no frame

	kind   byte
	index  uint64
	record []byte // a part of b

	vain int // octets summed up for nothing
}

// patience bounds what is summed up in looking for a frame behind damage, in
// octets a segment. Chance needs a thousandth; only octets made for it come
// here, and cost the rest of their segment.
const patience = 16 << 20

// next goes to the next frame, and returns false when there is none.
func (s *scanner) next() bool {
	for at := s.at; at+headSize <= len(s.b) && s.vain < patience; at++ {
		if n := s.frame(s.b[at:]); n > 0 {
			s.damaged += at - s.at
			s.at = at + n
			return true
		}
	}
	return false
}

// frame returns the length of the frame that b begins with, or 0.
func (s *scanner) frame(b []byte) int {
	kind, index := b[7], binary.LittleEndian.Uint64(b[8:])
	n := headSize + int(binary.LittleEndian.Uint32(b[4:])&0xFFFFFF)
	switch {
	case n > len(b) || n > headSize+MaxRecord:
		return 0
	case kind == kindRecord && (index <= s.last || index > s.end):
		return 0
	case kind == kindAck && (index > maxIndex || n > headSize):
		return 0
	case kind != kindRecord && kind != kindAck:
		return 0
	}
	if crc32.Checksum(b[4:n], castagnoli) != binary.LittleEndian.Uint32(b) {
		s.vain += n
		return 0
	}
	s.kind, s.index, s.record = kind, index, b[headSize:n]
	if kind == kindRecord {
		s.last = index
	}
	return n
}
