package spool

import (
	"errors"
	"io"
	"slices"
	"testing"
)

// After a full disk nothing is left of the record that did not fit, not even
// half, and the next one is in its place.
func TestFullDisk(t *testing.T) {
	d := newMemDisk()
	l := opened(t, d, "spool", Options{})
	if _, err := l.Append(record(1)); err != nil {
		t.Fatal(err)
	}
	d.fail = len(d.steps)
	if index, err := l.Append(record(9)); !errors.Is(err, errFault) {
		t.Fatalf("Append = %d, %v, want the fault", index, err)
	}
	wantNumbers(t, l, span(1, 1))
	after := opened(t, d.killed(), "spool", Options{})
	wantNumbers(t, after, span(1, 1))
	wantStats(t, after, Stats{Len: 1})
	if index, err := after.Append(record(2)); err != nil || index != 2 {
		t.Fatalf("Append = %d, %v, want 2", index, err)
	}
	wantNumbers(t, after, span(1, 2))
}

// A write that does less than it was asked for and says nothing is an error.
func TestShortWrite(t *testing.T) {
	l := opened(t, shortDisk{newMemDisk()}, "spool", Options{})
	if _, err := l.Append(record(1)); !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("%v, want a short write", err)
	}
	wantNumbers(t, l, nil)
}

type shortDisk struct{ disk }

type shortFile struct{ file }

func (d shortDisk) create(path string) (file, error) {
	f, err := d.disk.create(path)
	return shortFile{f}, err
}

func (f shortFile) WriteAt(b []byte, at int64) (int, error) { return f.file.WriteAt(b[:len(b)/2], at) }

// A position that could not be written is written by the next Sync.
func TestPositionAgain(t *testing.T) {
	for _, through := range []uint64{1, 2} { // some is left, nothing is
		d := newMemDisk()
		l := opened(t, d, "spool", Options{})
		for n := 1; n <= 2; n++ {
			if _, err := l.Append(record(n)); err != nil {
				t.Fatal(err)
			}
		}
		l.Ack(through)
		d.fail = len(d.steps)
		if through == 2 {
			d.fail++ // behind the making of a new segment
		}
		if err := l.Sync(); !errors.Is(err, errFault) || d.steps[d.fail] != "write" {
			t.Fatalf("%v at %s, want the fault at a write", err, d.steps[d.fail])
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		wantNumbers(t, opened(t, d.killed(), "spool", Options{}), span(int(through)+1, 2))
	}
}

// What frames, in one segment from record 2 on, are in the log, and which record
// is next.
func TestFramesOutOfPlace(t *testing.T) {
	frame := func(kind byte, index uint64) []byte {
		if kind == kindAck {
			return appendFrame(nil, kind, index, nil)
		}
		return appendFrame(nil, kind, index, record(int(index)))
	}
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   []int
		next   uint64
	}{
		{"in order", [][]byte{frame('a', 1), frame('r', 2), frame('r', 3)}, span(2, 3), 4},
		{"before the name of the segment", [][]byte{frame('a', 0), frame('r', 1), frame('r', 2)}, span(2, 2), 3},
		{"back", [][]byte{frame('r', 3), frame('r', 2), frame('r', 3), frame('r', 4)}, span(3, 4), 5},
		{"a position behind all records", [][]byte{frame('r', 2), frame('a', 7)}, nil, 8},
		{"a position that goes back", [][]byte{frame('r', 2), frame('r', 3), frame('a', 2), frame('a', 1)}, span(3, 3), 4},
		{"an index out of bounds", [][]byte{frame('a', 1), frame('r', 2), appendFrame(nil, 'r', maxIndex+1, nil)}, span(2, 2), 3},
		{"a position out of bounds", [][]byte{frame('a', 1), frame('r', 2), frame('a', maxIndex+1)}, span(2, 2), 3},
		{"a position with a record", [][]byte{frame('a', 1), frame('r', 2), appendFrame(nil, 'a', 2, []byte("x"))}, span(2, 2), 3},
		{"another kind", [][]byte{frame('a', 1), frame('r', 2), appendFrame(nil, 'z', 3, nil)}, span(2, 2), 3},
		{"a record too long", [][]byte{frame('a', 1), frame('r', 2), appendFrame(nil, 'r', 3, make([]byte, MaxRecord+1))}, span(2, 2), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newMemDisk()
			b := slices.Concat(c.frames...)
			d.names["0000000000000002.spool"] = &memFile{d: d, octets: b, dirty: make([]bool, len(b))}
			l := opened(t, d, "spool", Options{})
			wantNumbers(t, l, c.want)
			if index, err := l.Append(nil); err != nil || index != c.next {
				t.Errorf("Append = %d, %v, want %d", index, err, c.next)
			}
		})
	}
}

// Who has nothing to keep touches no file.
func TestNothingToKeep(t *testing.T) {
	d := newMemDisk()
	l := opened(t, d, "spool", Options{})
	l.Ack(5)
	if err := errors.Join(l.Sync(), l.Close()); err != nil || len(d.steps) > 0 {
		t.Errorf("%v, steps %q, want none", err, d.steps)
	}
}
