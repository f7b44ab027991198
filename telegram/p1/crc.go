package p1

import "smartconnect/telegram/crc"

// crcTables are those of CRC-16/ARC: 0x8005 reflected, start 0, no final xor.
var crcTables = crc.Make(0xA001)

// crc16 is the checksum of a telegram: over everything from '/' to '!', both
// included, exactly as received (DSMR P1 companion 5.0.2, section 5.2).
func crc16(b []byte) uint16 { return crcTables.Over(0, b) }
