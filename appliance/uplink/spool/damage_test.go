package spool

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// segmentsOf returns the segments of a folder, by path.
func segmentsOf(t testing.TB, dir string) (paths []string) {
	t.Helper()
	for _, name := range files(t, dir) {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Cut at whatever octet, the file gives the records that are whole, and the log
// goes on behind them.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	appended(t, dir, Options{}, 1, 5)
	path := segmentsOf(t, dir)[0]
	whole := content(t, path)
	ends := []int{headSize}
	for n := 1; n <= 5; n++ {
		ends = append(ends, ends[n-1]+headSize+len(record(n)))
	}
	for cut := 0; cut <= len(whole); cut++ {
		for _, zeros := range []int{0, 1, 20, 5000} {
			torn := append(bytes.Clone(whole[:cut]), make([]byte, zeros)...)
			put(t, path, torn)
			left := 0 // frames that are whole; zeros can be what was cut off
			for left < len(ends) && bytes.HasPrefix(torn, whole[:ends[left]]) {
				left++
			}
			l := opened(t, osDisk{}, dir, Options{})
			damaged := len(torn)
			if left > 0 {
				damaged -= ends[left-1]
			}
			records := span(1, left-1)
			wantNumbers(t, l, records)
			wantStats(t, l, Stats{Len: uint64(len(records)), Damaged: int64(damaged)})
			next := len(records) + 1
			if index, err := l.Append(record(next)); err != nil || index != uint64(next) {
				t.Fatalf("cut at %d: Append = %d, %v, want %d", cut, index, err, next)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = opened(t, osDisk{}, dir, Options{})
			wantNumbers(t, l, span(1, next))
			wantStats(t, l, Stats{Len: uint64(next)})
		}
	}
}

// A flipped octet costs the frame it is in and nothing else; that is counted and
// reported.
func TestFlippedOctet(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentBytes: 250}
	appended(t, dir, o, 1, 12)
	paths := segmentsOf(t, dir)
	if len(paths) < 3 {
		t.Fatalf("%d segments, want some", len(paths))
	}
	path := paths[1]
	whole := content(t, path)
	owner := make([]int, len(whole)) // the record that each octet is a part of, 0 for the position
	scan := scanner{b: whole, end: maxIndex}
	for at := 0; scan.next(); at = scan.at {
		for i := at; i < scan.at; i++ {
			owner[i] = int(scan.last)
		}
	}
	for i, n := range owner {
		put(t, path, whole)
		l := opened(t, osDisk{}, dir, o)
		for _, flip := range []byte{1, 0x80, 0xFF} {
			b := bytes.Clone(whole)
			b[i] ^= flip
			put(t, path, b)
			want := slices.DeleteFunc(span(1, 12), func(r int) bool { return r == n })
			lost := uint64(min(n, 1))
			wantNumbers(t, l, want) // damaged after Open
			if got := l.Stats(); got.Lost != lost || got.Len != uint64(len(want)) {
				t.Fatalf("octet %d, read after Open: %+v", i, got)
			}
			var text bytes.Buffer
			again := opened(t, osDisk{}, dir, Options{SegmentBytes: 250, Logger: slog.New(slog.NewTextHandler(&text, nil))})
			wantNumbers(t, again, want)
			damaged := int64(headSize)
			if n > 0 {
				damaged += int64(len(record(n)))
			}
			wantStats(t, again, Stats{Len: uint64(len(want)), Lost: lost, Damaged: damaged})
			if text.Len() == 0 {
				t.Fatalf("octet %d: damage in silence", i)
			}
		}
	}
}

// What is wrong with the folder or the files in it, what is left of 30 records in
// segments of 5, and what is said of the rest.
func TestDamagedFolder(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string, segments []string)
		want   []int
		lost   uint64
	}{
		{"nothing", func(t *testing.T, dir string, s []string) {}, span(1, 30), 0},
		{"a foreign file", func(t *testing.T, dir string, s []string) {
			put(t, filepath.Join(dir, "readme.txt"), []byte("hello"))
			put(t, filepath.Join(dir, "0000000000000000.spool"), []byte("hello"))
			put(t, filepath.Join(dir, "ffffffffffffffff.spool"), []byte("hello"))
			put(t, filepath.Join(dir, "000000000000000A.spool"), []byte("hello"))
		}, span(1, 30), 0},
		{"a foreign folder", func(t *testing.T, dir string, s []string) {
			if err := os.Mkdir(filepath.Join(dir, "0000000000000003.spool"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, span(1, 30), 0},
		{"the first missing", func(t *testing.T, dir string, s []string) { remove(t, s[0]) }, span(6, 30), 5},
		{"one missing", func(t *testing.T, dir string, s []string) { remove(t, s[2]) }, append(span(1, 10), span(16, 30)...), 5},
		{"one empty", func(t *testing.T, dir string, s []string) { put(t, s[2], nil) }, append(span(1, 10), span(16, 30)...), 5},
		{"one zeros", func(t *testing.T, dir string, s []string) { put(t, s[2], make([]byte, 1<<20)) }, append(span(1, 10), span(16, 30)...), 5},
		{"one twice", func(t *testing.T, dir string, s []string) { put(t, s[2], content(t, s[1])) }, append(span(1, 10), span(16, 30)...), 5},
		{"the last empty", func(t *testing.T, dir string, s []string) { put(t, s[5], nil) }, span(1, 25), 0},
		{"the last missing", func(t *testing.T, dir string, s []string) { remove(t, s[5]) }, span(1, 25), 0},
		{"a link", func(t *testing.T, dir string, s []string) {
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			put(t, elsewhere, content(t, s[2]))
			remove(t, s[2])
			if err := os.Symlink(elsewhere, s[2]); err != nil {
				t.Fatal(err)
			}
		}, append(span(1, 10), span(16, 30)...), 5},
		{"a link for the last", func(t *testing.T, dir string, s []string) {
			remove(t, s[5])
			if err := os.Symlink("/dev/null", s[5]); err != nil {
				t.Fatal(err)
			}
		}, span(1, 25), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for n := 1; n <= 30; n += 5 {
				appended(t, dir, Options{SegmentBytes: 1}, n, n)         // begins a segment
				appended(t, dir, Options{SegmentBytes: 10000}, n+1, n+4) // goes on with it
			}
			segments := segmentsOf(t, dir)
			if len(segments) != 6 {
				t.Fatalf("segments %q, want 6", segments)
			}
			c.damage(t, dir, segments)
			l := opened(t, osDisk{}, dir, Options{SegmentBytes: 1})
			wantNumbers(t, l, c.want)
			if got := l.Stats(); got.Lost != c.lost || got.Len != uint64(len(c.want)) {
				t.Errorf("%+v, want %d lost of 30", got, c.lost)
			}
			index, err := l.Append(nil)
			if err != nil || index <= uint64(c.want[len(c.want)-1]) {
				t.Errorf("Append = %d, %v", index, err)
			}
			l.Ack(index)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			l = opened(t, osDisk{}, dir, Options{})
			wantStats(t, l, Stats{Damaged: l.Stats().Damaged})
			if after, err := l.Append(nil); err != nil || after <= index {
				t.Errorf("Append = %d, %v, want an index behind %d", after, err, index)
			}
		})
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	put(t, path, nil)
	for _, dir := range []string{path, filepath.Join(path, "below")} {
		if l, err := Open(dir, Options{}); err == nil {
			t.Errorf("Open of %s (%v): no error", dir, l)
		}
	}
}
