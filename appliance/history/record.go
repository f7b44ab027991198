package history

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
	"math"
	"time"

	"smartconnect/telegram"
)

// A record is, little endian,
//
//	 0  4  CRC32-C of everything behind it
//	 4  1  kind: 1
//	 5  1  bit 0: the powers are in VA
//	 6  2  seconds for which the power is known
//	 8  8  number of the quarter-hour since 1970
//	16  8  counter of import, Wh; negative: missing
//	24  8  counter of export
//	32  4  average import, IEEE 754 as what follows; not a number: missing
//	36  4  average export
//	40  4  highest net power
//	44  4  lowest
//	48 16  zero
//
// so that none lies across two sectors of a disk. Octets that are all zero, as in
// the holes of a file, are no record.
const (
	recordSize = 64
	recordKind = 1
	bitVA      = 1 << 0
)

// maxCounter is the highest counter that a float64 holds to the Wh; none counts so far.
const maxCounter = 1 << 53

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(b []byte, q *Quarter) []byte {
	at := len(b)
	le := binary.LittleEndian
	b = append(b, 0, 0, 0, 0, recordKind, 0)
	if q.Apparent {
		b[at+5] |= bitVA
	}
	b = le.AppendUint16(b, uint16(q.Known/time.Second))
	b = le.AppendUint64(b, uint64(number(q.Start)))
	for _, wh := range [...]telegram.Value{q.ImportWh, q.ExportWh} {
		v := wh.Or(-1)
		if v > maxCounter {
			v = -1
		}
		b = le.AppendUint64(b, uint64(int64(v)))
	}
	for _, w := range [...]telegram.Value{q.Import, q.Export, q.Max, q.Min} {
		b = le.AppendUint32(b, math.Float32bits(float32(w.Or(math.NaN()))))
	}
	b = append(b, make([]byte, at+recordSize-len(b))...)
	le.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// parseRecord reads the record of the nth quarter-hour; ok is false where b is
// none, or that of another one.
func parseRecord(b []byte, n int64) (q Quarter, ok bool) {
	le := binary.LittleEndian
	known := time.Duration(le.Uint16(b[6:])) * time.Second
	if le.Uint32(b) != crc32.Checksum(b[4:recordSize], castagnoli) || b[4] != recordKind || int64(le.Uint64(b[8:])) != n || known > length {
		return Quarter{}, false
	}
	wh := func(at int) telegram.Value {
		if v := int64(le.Uint64(b[at:])); v >= 0 && v <= maxCounter {
			return telegram.Of(float64(v))
		}
		return telegram.Value{}
	}
	w := func(at int) telegram.Value {
		return telegram.Of(float64(math.Float32frombits(le.Uint32(b[at:]))))
	}
	return Quarter{
		Start: start(n), Apparent: b[5]&bitVA != 0, Known: known,
		ImportWh: wh(16), ExportWh: wh(24), Import: w(32), Export: w(36), Max: w(40), Min: w(44),
	}, true
}

// records yields what b holds of the quarter-hours from the nth on, one after the
// other. What is damaged, another one's, or not all there is left out.
func records(b []byte, n int64) iter.Seq[Quarter] {
	return func(yield func(Quarter) bool) {
		for ; len(b) >= recordSize; b, n = b[recordSize:], n+1 {
			if q, ok := parseRecord(b, n); ok && !yield(q) {
				return
			}
		}
	}
}
