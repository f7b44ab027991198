package hdlc

// CRC returns the check sequence over b, CRC-16/X-25 (IEC 62056-46, annex A):
// 0x1021 reflected, start and final xor FFFF.
func CRC(b []byte) uint16 { return register(start).over(b).sum() }

// register is the shift register of the check sequence. HCS and FCS share one:
// the FCS goes on over the HCS.
type register uint16

const start = 0xFFFF

// over goes on over b, eight octets at a time: an encrypted push is checked
// twice, and that is most of what it costs.
func (r register) over(b []byte) register {
	t := &crcTables
	for len(b) >= 8 {
		r ^= register(b[0]) | register(b[1])<<8
		r = t[7][byte(r)] ^ t[6][byte(r>>8)] ^ t[5][b[2]] ^ t[4][b[3]] ^
			t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
		b = b[8:]
	}
	for _, c := range b {
		r = r>>8 ^ t[0][byte(r)^c]
	}
	return r
}

func (r register) sum() uint16 { return ^uint16(r) }

// crcTables[0] is the usual table; crcTables[k] is for an octet with k others
// behind it.
var crcTables = makeTables()

func makeTables() (t [8][256]register) {
	for i := range t[0] {
		r := register(i)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ 0x8408
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
