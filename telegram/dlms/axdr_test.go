package dlms

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		in      string
		n       int64
		f       float64
		b       string
		integer bool
	}{
		{"00", 0, 0, "", false},
		{"FF", 0, 0, "", false},
		{"03 01", 1, 0, "", true},
		{"04 0C FFF0", 0, 0, "fff0", false},
		{"04 00", 0, 0, "", false},
		{"05 FFFFFFFE", -2, 0, "", true},
		{"06 FFFFFFFE", 4294967294, 0, "", true},
		{"09 02 4142", 0, 0, "4142", false},
		{"0A 81 02 4142", 0, 0, "4142", false},
		{"0C 82 0002 4142", 0, 0, "4142", false},
		{"0D FE", -2, 0, "", true},
		{"0F FD", -3, 0, "", true},
		{"10 8000", -32768, 0, "", true},
		{"11 FF", 255, 0, "", true},
		{"12 FFFF", 65535, 0, "", true},
		{"14 8000000000000000", math.MinInt64, 0, "", true},
		{"15 7FFFFFFFFFFFFFFF", math.MaxInt64, 0, "", true},
		{"15 8000000000000000", 0, 0, "8000000000000000", false}, // more than anything counts
		{"16 1B", 27, 0, "", true},
		{"17 C0490FDB", 0, -3.1415927410125732, "", false},
		{"18 400921FB54442D18", 0, math.Pi, "", false},
		{"19 07EA0111060C2238FF800000", 0, 0, "07ea0111060c2238ff800000", false},
		{"1A 07EA011106", 0, 0, "07ea011106", false},
		{"1B 0C2238FF", 0, 0, "0c2238ff", false},
		{"1C FF", -1, 0, "", true}, {"1D FFFE", -2, 0, "", true}, {"1E FFFFFFFD", -3, 0, "", true},
		{"1F FF", 255, 0, "", true}, {"20 FFFE", 65534, 0, "", true}, {"21 FFFFFFFD", 4294967293, 0, "", true},
		{"02 02 11 01 01 01 00", 2, 0, "", false},
	} {
		b := octets(c.in)
		cur := cursor{b: b}
		v := cur.next()
		n, integer := v.integer()
		if cur.err != nil || cur.at != len(b) || integer != c.integer || n != c.n || v.f != c.f || hex.EncodeToString(v.b) != c.b {
			t.Errorf("%s: %+v, read %d of %d, %v", c.in, v, cur.at, len(b), cur.err)
		}
		for cut := range b {
			short := cursor{b: b[:cut]}
			if short.skip(); short.err == nil {
				t.Errorf("%s: %d octets of it are a whole value", c.in, cut)
			}
		}
	}
}

// FuzzAXDR: whatever skip calls a whole value, next reads to the same octet,
// and no input makes either go on for long.
func FuzzAXDR(f *testing.F) {
	f.Add(e450List())
	f.Add(octets("02 02 09 06 0100010700FF 06 0000001D"))
	f.Add(octets("01 82 FFFF 00"))
	f.Add([]byte(strings.Repeat("\x02\x7f", 200)))
	f.Fuzz(func(t *testing.T, b []byte) {
		skipped, read := cursor{b: b}, cursor{b: b}
		skipped.skip()
		read.next()
		if (skipped.err == nil) != (read.err == nil) || skipped.at != read.at || read.at > len(b) {
			t.Fatalf("skip stopped at %d, %v; next at %d, %v", skipped.at, skipped.err, read.at, read.err)
		}
		elements := cursor{b: b}
		tag, n := elements.enter()
		for range n {
			elements.next()
		}
		if tag != 0 && skipped.err == nil && (elements.err != nil || elements.at != skipped.at) {
			t.Fatalf("the elements end at %d, %v; the value at %d", elements.at, elements.err, skipped.at)
		}
	})
}
