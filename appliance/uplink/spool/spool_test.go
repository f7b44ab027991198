package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// record returns the record of a number, told apart from every other.
func record(n int) []byte { return fmt.Appendf(nil, "record %06d %s", n, strings.Repeat("x", n%40)) }

func opened(t testing.TB, d disk, dir string, o Options) *Log {
	t.Helper()
	l, err := open(d, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// appended opens a log in dir and appends the records from to to, then closes it.
func appended(t testing.TB, dir string, o Options, from, to int) {
	t.Helper()
	l := opened(t, osDisk{}, dir, o)
	for n := from; n <= to; n++ {
		if _, err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// all reads everything behind after, a few records at a time.
func all(t testing.TB, l *Log, after uint64) []Record {
	t.Helper()
	return allBy(t, l, after, 7)
}

func allBy(t testing.TB, l *Log, after uint64, records int) []Record {
	t.Helper()
	var found []Record
	for {
		some, err := l.Read(after, records, 1<<20)
		if errors.Is(err, errFault) {
			some, err = l.Read(after, records, 1<<20)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return found
		}
		found = append(found, some...)
		after = some[len(some)-1].Index
	}
}

// numbers returns the indexes of records that are each record(index).
func numbers(t testing.TB, records []Record) []int {
	t.Helper()
	var ns []int
	for _, r := range records {
		if !bytes.Equal(r.Octets, record(int(r.Index))) {
			t.Fatalf("record %d is %q", r.Index, r.Octets)
		}
		ns = append(ns, int(r.Index))
	}
	return ns
}

func span(from, to int) []int {
	var ns []int
	for n := from; n <= to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func wantNumbers(t testing.TB, l *Log, want []int) {
	t.Helper()
	if got := numbers(t, all(t, l, 0)); !slices.Equal(got, want) {
		t.Fatalf("records %v, want %v", got, want)
	}
}

func wantStats(t testing.TB, l *Log, want Stats) {
	t.Helper()
	got := l.Stats()
	want.Bytes = got.Bytes
	if got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	names, err := osDisk{}.list(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAppendRefuses(t *testing.T) {
	l := opened(t, osDisk{}, t.TempDir(), Options{MaxBytes: 1000})
	for _, n := range []int{MaxRecord + 1, 1000 - 2*headSize + 1} {
		if _, err := l.Append(make([]byte, n)); !errors.Is(err, ErrTooLong) {
			t.Errorf("%d octets: %v, want ErrTooLong", n, err)
		}
	}
	if _, err := l.Append(make([]byte, 1000-2*headSize)); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(nil); err == nil {
		t.Error("Append after Close: no error")
	}
	if _, err := l.Read(0, 1, 1); err == nil {
		t.Error("Read after Close: no error")
	}
}

func TestReadLimits(t *testing.T) {
	l := opened(t, osDisk{}, t.TempDir(), Options{})
	for range 5 {
		if _, err := l.Append(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	l.Ack(1)
	for _, c := range []struct {
		after            uint64
		records, octets  int
		first, last, len int
	}{
		{0, 0, 1000, 0, 0, 0},
		{0, 10, 1, 2, 2, 1}, // the first whatever its length
		{0, 10, 200, 2, 3, 2},
		{0, 10, 299, 2, 3, 2},
		{0, 2, 1000, 2, 3, 2},
		{2, 10, 1000, 3, 5, 3},
		{5, 10, 1000, 0, 0, 0},
		{99, 10, 1000, 0, 0, 0},
	} {
		got, err := l.Read(c.after, c.records, c.octets)
		if err != nil || len(got) != c.len || c.len > 0 && (got[0].Index != uint64(c.first) || got[c.len-1].Index != uint64(c.last)) {
			t.Errorf("Read(%d, %d, %d) = %d records, %v; want %d to %d", c.after, c.records, c.octets, len(got), err, c.first, c.last)
		}
	}
}

// What is acknowledged does not come back, and the index goes on, also over an
// empty log.
func TestAckAndReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "spool")
	o := Options{SegmentBytes: 300}
	appended(t, dir, o, 1, 50)
	for _, through := range []uint64{0, 3, 30, 49, 1000} {
		l := opened(t, osDisk{}, dir, o)
		l.Ack(through)
		l.Ack(through / 2) // never goes back
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = opened(t, osDisk{}, dir, o)
		wantNumbers(t, l, span(int(through)+1, 50))
		wantStats(t, l, Stats{Len: max(50, through) - through})
	}
	if names := files(t, dir); !slices.Equal(names, []string{"0000000000000033.spool"}) {
		t.Errorf("files %q, want one for record 51", names)
	}
	appended(t, dir, o, 51, 60)
	l := opened(t, osDisk{}, dir, o)
	wantNumbers(t, l, span(51, 60))
	wantStats(t, l, Stats{Len: 10})
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	appended(t, dir, Options{}, 1, 1)
	name := filepath.Join(dir, files(t, dir)[0])
	want := func(path string, mode fs.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	want(dir, 0o700)
	want(name, 0o600)
	for _, mode := range []fs.FileMode{0o666, 0o000, 0o400} {
		if err := errors.Join(os.Chmod(name, mode), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		wantNumbers(t, opened(t, osDisk{}, dir, Options{}), span(1, 1))
		want(dir, 0o700)
		want(name, 0o600)
	}
}

// When the log is full the oldest segments go, and are counted.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	var text bytes.Buffer
	l := opened(t, osDisk{}, dir, Options{MaxBytes: 4000, SegmentBytes: 500, Logger: slog.New(slog.NewTextHandler(&text, nil))})
	for n := 1; n <= 1000; n++ {
		if _, err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
		var size int64
		for _, name := range files(t, dir) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if s := l.Stats(); size > 4000 || s.Bytes != size || s.Len+s.Dropped != uint64(n) {
			t.Fatalf("after %d records: %d octets on disk, %+v", n, size, s)
		}
	}
	s := l.Stats()
	if s.Bytes < 3000 || !strings.Contains(text.String(), "dropped") {
		t.Errorf("%+v, log %q: too much dropped, or in silence", s, text.String())
	}
	left := span(int(s.Dropped)+1, 1000)
	wantNumbers(t, l, left)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = opened(t, osDisk{}, dir, Options{MaxBytes: 4000, SegmentBytes: 500})
	wantNumbers(t, l, left)
	wantStats(t, l, Stats{Len: s.Len})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = opened(t, osDisk{}, dir, Options{MaxBytes: 2000}) // a smaller bound than before
	if _, err := l.Append(record(1001)); err != nil || l.Stats().Bytes > 2000 {
		t.Errorf("%v, %+v, want at most 2000 octets", err, l.Stats())
	}
}
