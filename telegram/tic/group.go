package tic

import "bytes"

// group is one group of a frame.
type group struct {
	label, horodate, data []byte
	standard              bool
	valid                 bool // its checksum matches
}

// nextGroup returns the first group of b, from LF to CR, and what follows it; ok
// is false where there is none. stray says that octets stand before it which
// belong to none. A group that has lost its CR runs into the next, and both are
// lost by the checksum.
func nextGroup(b []byte) (g group, rest []byte, stray, ok bool) {
	start := bytes.IndexByte(b, lf)
	if start < 0 {
		return group{}, nil, len(b) > 0, false
	}
	end := bytes.IndexByte(b[start:], cr)
	if end < 0 {
		return group{}, nil, true, false
	}
	return readGroup(b[start+1 : start+end]), b[start+end+1:], start > 0, true
}

// readGroup reads what stands between LF and CR. It is cut from the right, since
// the checksum may itself be a space. In historique the separator before it is
// not summed, in standard it is.
func readGroup(b []byte) (g group) {
	if len(b) < 4 {
		g.label, _, _ = bytes.Cut(b, []byte{sp})
		return g
	}
	body, separator, check := b[:len(b)-2], b[len(b)-2], b[len(b)-1]
	summed := body
	switch g.standard = separator == ht; {
	case g.standard:
		summed = b[:len(b)-1]
	case separator != sp:
		g.label, _, _ = bytes.Cut(b, []byte{sp})
		return g
	}
	g.valid = checksum(summed) == check
	by := []byte{sp}
	if g.standard {
		by[0] = ht
	}
	var found bool
	g.label, g.data, found = bytes.Cut(body, by)
	if g.standard {
		if stamp, data, three := bytes.Cut(g.data, by); three {
			g.horodate, g.data = stamp, data
		}
	}
	g.valid = g.valid && found
	return g
}

// checksum is the low six bits of the sum, moved to where they print.
func checksum(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return sum&0x3F + 0x20
}
