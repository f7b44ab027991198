package hdlc

// CRC returns the check sequence over b, CRC-16/X-25 (IEC 62056-46, annex A):
// 0x1021 reflected, start and final xor FFFF.
func CRC(b []byte) uint16 { return register(start).over(b).sum() }

// register is the shift register of the check sequence. HCS and FCS share one:
// the FCS goes on over the HCS.
type register uint16

const start = 0xFFFF

func (r register) over(b []byte) register {
	for _, c := range b {
		r = r>>8 ^ crcTable[byte(r)^c]
	}
	return r
}

func (r register) sum() uint16 { return ^uint16(r) }

var crcTable = makeTable()

func makeTable() (t [256]register) {
	for i := range t {
		r := register(i)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ 0x8408
			} else {
				r >>= 1
			}
		}
		t[i] = r
	}
	return t
}
