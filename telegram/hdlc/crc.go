package hdlc

import "smartconnect/telegram/crc"

// CRC returns the check sequence over b, CRC-16/X-25 (IEC 62056-46, annex A):
// 0x1021 reflected, start and final xor FFFF.
func CRC(b []byte) uint16 { return register(start).over(b).sum() }

// register is the shift register of the check sequence. HCS and FCS share one:
// the FCS goes on over the HCS.
type register uint16

const start = 0xFFFF

var crcTables = crc.Make(0x8408)

func (r register) over(b []byte) register { return register(crcTables.Over(uint16(r), b)) }

func (r register) sum() uint16 { return ^uint16(r) }
