// Package crc computes the 16-bit check sequences of telegrams, eight octets at
// a time: on a small box they are most of what reading a telegram costs. Those
// in use are all reflected, low bit first; what differs is the polynomial, and
// the value to start from and to end with, which the caller adds.
package crc

// Tables are those of one polynomial: the first is the usual one, the one k
// further is for an octet with k others behind it.
type Tables [8][256]uint16

// Make returns the tables of a reflected polynomial: 0xA001 for CRC-16/ARC,
// 0x8408 for CRC-16/X-25.
func Make(poly uint16) *Tables {
	t := new(Tables)
	for i := range t[0] {
		r := uint16(i)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ poly
			} else {
				r >>= 1
			}
		}
		t[0][i] = r
	}
	for k := 1; k < len(t); k++ {
		for i, r := range t[k-1] {
			t[k][i] = r>>8 ^ t[0][byte(r)]
		}
	}
	return t
}

// Over returns the register r after b.
func (t *Tables) Over(r uint16, b []byte) uint16 {
	for len(b) >= 8 {
		r = t[7][b[0]^byte(r)] ^ t[6][b[1]^byte(r>>8)] ^ t[5][b[2]] ^ t[4][b[3]] ^
			t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
		b = b[8:]
	}
	for _, c := range b {
		r = r>>8 ^ t[0][byte(r)^c]
	}
	return r
}
