package history

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"testing"
	"time"

	"smartconnect/telegram"
)

// example is the nth quarter-hour, of which everything is known.
func example(n int64) Quarter {
	return Quarter{
		Start: start(n), Import: telegram.Of(393), Export: telegram.Of(0.5), Max: telegram.Of(4200), Min: telegram.Of(-17),
		ImportWh: telegram.Of(12_345_678), ExportWh: telegram.Of(0), Known: 899 * time.Second,
	}
}

func TestRecords(t *testing.T) {
	const n = 1_994_000
	good := func(n int64) []byte { q := example(n); return appendRecord(nil, &q) }
	zero := make([]byte, recordSize)
	damaged := func(at int) []byte { b := good(n); b[at] ^= 1; return b }
	longer := good(n)
	binary.LittleEndian.PutUint16(longer[6:], 901)
	binary.LittleEndian.PutUint32(longer, crc32.Checksum(longer[4:], castagnoli))
	for _, c := range []struct {
		name string
		b    []byte
		want []int64 // numbers of what is found, from n on
	}{
		{"nothing", nil, nil},
		{"a hole", zero, nil},
		{"all ones", bytes.Repeat([]byte{0xff}, recordSize), nil},
		{"torn", good(n)[:recordSize-1], nil},
		{"damage of the sum", damaged(0), nil},
		{"damage at its end", damaged(recordSize - 1), nil},
		{"another one's, of 400 days ago", good(n - places), nil},
		{"longer than it can be", longer, nil},
		{"one", good(n), []int64{n}},
		{"a second one that is torn", slices.Concat(good(n), good(n + 1)[:40]), []int64{n}},
		{"one behind damage", slices.Concat(damaged(20), good(n+1)), []int64{n + 1}},
		{"one behind a hole", slices.Concat(zero, zero, good(n+2)), []int64{n + 2}},
	} {
		var got []int64
		for q := range records(c.b, n) {
			got = append(got, number(q.Start))
			if q != example(number(q.Start)) {
				t.Errorf("%s: %+v", c.name, q)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRecordKeepsWhatIsMissing(t *testing.T) {
	for _, q := range []Quarter{
		{Start: start(7)},
		{Start: start(7), Apparent: true, Import: telegram.Of(1), Known: length},
		{Start: start(7), ExportWh: telegram.Of(1 << 52), Min: telegram.Of(-3)},
		example(7),
	} {
		got, ok := parseRecord(appendRecord(nil, &q), 7)
		if !ok || got != q {
			t.Errorf("%+v, %v, want %+v", got, ok, q)
		}
	}
}

// FuzzRecords reads pages of a file that anybody may have written, with their sums
// put right.
func FuzzRecords(f *testing.F) {
	q := example(9)
	f.Add(appendRecord(nil, &q), int64(9), true)
	f.Add(appendRecord(nil, &Quarter{Start: start(-4)}), int64(-4), true)
	high := appendRecord(nil, &Quarter{Start: start(7)})
	binary.LittleEndian.PutUint64(high[24:], math.MaxInt64) // more than a number can count
	f.Add(high, int64(7), true)
	f.Add(bytes.Repeat([]byte{0xff}, 3*recordSize+5), int64(1<<40), false)
	f.Fuzz(func(t *testing.T, b []byte, n int64, sealed bool) {
		n %= 1 << 50
		if sealed {
			for rest := b; len(rest) >= recordSize; rest = rest[recordSize:] {
				binary.LittleEndian.PutUint32(rest, crc32.Checksum(rest[4:recordSize], castagnoli))
			}
		}
		last := n - 1
		for q := range records(b, n) {
			at := number(q.Start)
			if at <= last || at >= n+int64(len(b)/recordSize) || q.Known < 0 || q.Known > length {
				t.Fatalf("%+v behind %d, of %d octets from %d on", q, last, len(b), n)
			}
			last = at
			for _, v := range []telegram.Value{q.Import, q.Export, q.Max, q.Min, q.ImportWh, q.ExportWh} {
				if x, ok := v.Get(); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
					t.Fatalf("%+v has a number that is none", q)
				}
			}
			if again, ok := parseRecord(appendRecord(nil, &q), at); !ok || again != q {
				t.Fatalf("%+v is written and read as %+v", q, again)
			}
		}
	})
}
