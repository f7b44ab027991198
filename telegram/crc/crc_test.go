package crc

import (
	"math/rand/v2"
	"testing"
)

// bitwise is the definition: shift, and subtract the polynomial.
func bitwise(poly, r uint16, b []byte) uint16 {
	for _, c := range b {
		r ^= uint16(c)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ poly
			} else {
				r >>= 1
			}
		}
	}
	return r
}

func TestCheckValues(t *testing.T) {
	in := []byte("123456789")
	if got := Make(0xA001).Over(0, in); got != 0xBB3D {
		t.Errorf("CRC-16/ARC %04X, want BB3D", got)
	}
	if got := ^Make(0x8408).Over(0xFFFF, in); got != 0x906E {
		t.Errorf("CRC-16/X-25 %04X, want 906E", got)
	}
}

// Eight octets at a time must come to what one bit at a time does, wherever
// the octets are divided.
func TestOver(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 300)
	for _, poly := range []uint16{0xA001, 0x8408} {
		tables := Make(poly)
		for n := range b {
			b[n] = byte(r.Uint32())
			start := uint16(r.Uint32())
			want, cut := bitwise(poly, start, b[:n]), r.IntN(n+1)
			if got := tables.Over(start, b[:n]); got != want {
				t.Fatalf("%04X, %d octets: %04X, want %04X", poly, n, got, want)
			}
			if got := tables.Over(tables.Over(start, b[:cut]), b[cut:n]); got != want {
				t.Fatalf("%04X, %d octets divided at %d: %04X, want %04X", poly, n, cut, got, want)
			}
		}
	}
}
