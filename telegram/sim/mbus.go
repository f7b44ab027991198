package sim

// What a meter puts into one M-Bus frame: 250 octets from C to the last one of
// the data, five of which say where they belong.
const mbusInfo = 245

// mbusFrames sends an APDU in long frames of the wired M-Bus (EN 13757-2), in
// segments of the DLMS transport (EN 13757-3): SND-UD to everybody, from the
// management device to the consumer port's client.
func mbusFrames(dst, apdu []byte, _ int) []byte {
	for n := byte(0); ; n++ {
		info := apdu[:min(mbusInfo, len(apdu))]
		apdu = apdu[len(info):]
		ci := n & 0x0F
		if len(apdu) == 0 {
			ci |= 0x10 // the last segment
		}
		length := byte(5 + len(info))
		dst = append(dst, 0x68, length, length, 0x68)
		start := len(dst)
		dst = append(append(dst, 0x53, 0xFF, ci, 0x01, 0x67), info...)
		var sum byte
		for _, c := range dst[start:] {
			sum += c
		}
		dst = append(dst, sum, 0x16)
		if len(apdu) == 0 {
			return dst
		}
	}
}
