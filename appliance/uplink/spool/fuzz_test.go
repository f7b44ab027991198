package spool

import (
	"bytes"
	"testing"
)

// Whatever the segments have: the log opens, gives records in order, takes
// another one, and can be emptied.
func FuzzOpen(f *testing.F) {
	frames := appendFrame(nil, kindAck, 0, nil)
	for n := uint64(1); n <= 5; n++ {
		frames = appendFrame(frames, kindRecord, n, record(int(n)))
	}
	second := appendFrame(appendFrame(nil, kindRecord, 9, []byte("nine")), kindAck, 7, nil)
	f.Add(frames, second)
	f.Add(frames[:len(frames)-3], []byte{})
	f.Add(append(bytes.Clone(frames), make([]byte, 100)...), second[5:])
	f.Add(appendFrame(nil, kindAck, maxIndex, nil), appendFrame(nil, kindRecord, maxIndex, nil))
	f.Add(appendFrame(nil, kindRecord, maxIndex, nil), appendFrame(nil, kindAck, maxIndex+1, nil))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d := newMemDisk()
		size := int64(0)
		for name, b := range map[string][]byte{"0000000000000001.spool": first, "0000000000000009.spool": second} {
			d.names[name] = &memFile{d: d, octets: bytes.Clone(b), dirty: make([]bool, len(b))}
			size += int64(len(b))
		}
		l := opened(t, d, "spool", Options{MaxBytes: 1 << 20})
		opened := l.Stats()
		got := all(t, l, 0)
		last := uint64(0)
		for _, r := range got {
			if r.Index <= last || r.Index > maxIndex {
				t.Fatalf("record %d behind %d", r.Index, last)
			}
			last = r.Index
		}
		if s := l.Stats(); s != opened || s.Len != uint64(len(got)) || s.Damaged > size {
			t.Fatalf("%d records, %+v, when opened %+v", len(got), s, opened)
		}
		index, err := l.Append([]byte("one more"))
		if err != nil || index <= last {
			t.Fatalf("Append = %d, %v, behind %d", index, err, last)
		}
		if got, err := l.Read(index-1, 1, 1); err != nil || len(got) != 1 || string(got[0].Octets) != "one more" {
			t.Fatalf("the record appended reads as %v, %v", got, err)
		}
		l.Ack(index)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if s := l.Stats(); s.Len != 0 || s.Bytes != headSize || len(d.names) != 1 {
			t.Fatalf("emptied: %+v, %d files", s, len(d.names))
		}
	})
}

// A frame made to be summed up at every octet is given up at some point.
func TestPatience(t *testing.T) {
	b := make([]byte, 4<<20)
	for i := 0; i+headSize < len(b); i += headSize {
		b[i+6], b[i+7], b[i+8] = 1, kindRecord, 1 // 64 KiB
	}
	scan := scanner{b: b, end: maxIndex}
	if scan.next() || scan.vain < patience || scan.vain > patience+headSize+MaxRecord {
		t.Errorf("%d octets summed up, want about %d", scan.vain, patience)
	}
}
