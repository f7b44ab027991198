package p1

import (
	"bytes"
	"fmt"

	"smartconnect/telegram"
)

// cut is the Cut of the format. A telegram runs from a header to the '!' at the
// start of a line and up to four hex digits after it; WarmteLink prints fewer,
// and the digits may be followed by the next header at once. A '!' inside a line
// is bit rot, not the end. A header always begins a new telegram, wherever it
// stands: an unfinished one before it is lost.
func cut(buf []byte, quiet bool) (raw, rest []byte, lost telegram.Loss) {
	buf = trimLineEnds(buf)
	h, complete := findHeader(buf, 0, '/')
	if h != 0 {
		if p, pComplete := findHeader(buf, 0, '/'|parityBit); p >= 0 && (h < 0 || p < h) {
			h, complete = p, pComplete
		}
	}
	if h < 0 || (quiet && !complete) {
		return nil, nil, telegram.Loss{Noise: noise(buf)}
	}
	if h > 0 {
		return nil, buf[h:], telegram.Loss{Noise: noise(buf[:h])}
	}
	if !complete {
		return nil, buf, telegram.Loss{}
	}

	window := buf[:min(len(buf), maxTelegram)]
	end := findEnd(window)
	next, nextComplete := findHeader(window, 1, buf[0])
	for quiet && next >= 0 && !nextComplete { // nothing will complete it
		next, nextComplete = findHeader(window, next+1, buf[0])
	}
	switch {
	case end >= 0 && (next < 0 || end < next):
		n, whole := checksumDigits(buf[end+1:])
		switch {
		case whole || (quiet && n == 0):
			return buf[:end+1+n], buf[end+1+n:], telegram.Loss{}
		case quiet:
			return nil, nil, lostErr("cut off inside its checksum after %d octets", len(buf))
		}
		return nil, buf, telegram.Loss{}
	case next >= 0 && nextComplete:
		if endless(buf[:next]) {
			return buf[:next], buf[next:], telegram.Loss{}
		}
		return nil, buf[next:], lostErr("cut off after %d octets by the next header", next)
	case len(buf) > maxTelegram:
		return nil, buf[1:], lostErr("no end within %d octets", maxTelegram)
	case quiet && endless(buf):
		return buf, nil, telegram.Loss{}
	case quiet:
		return nil, nil, lostErr("line fell silent after %d octets", len(buf))
	}
	return nil, buf, telegram.Loss{}
}

func lostErr(format string, n int) telegram.Loss {
	return telegram.Loss{Err: fmt.Errorf("p1: %w: "+format, telegram.ErrDamaged, n)}
}

// findHeader returns where the first header at or after from begins, and
// whether its line is complete; -1 if there is none. A header is '/', three
// letters or digits (the maker's FLAG id) and printable text without brackets
// up to the line end; slash is its first octet, with or without the parity bit.
// It need not stand at the start of a line: lost octets glue it to the stump of
// the telegram before.
func findHeader(buf []byte, from int, slash byte) (at int, complete bool) {
	for i := from; ; i++ {
		j := bytes.IndexByte(buf[min(i, len(buf)):], slash)
		if j < 0 {
			return -1, false
		}
		i += j
		if ok, whole := headerAt(buf[i:]); ok {
			return i, whole
		}
	}
}

// maxHeader bounds a header line; identifications are up to 16 characters, with
// serial numbers behind them up to 40.
const maxHeader = 100

// headerAt reports whether b can be the start of a header, and whether enough
// of it is there to be sure.
func headerAt(b []byte) (ok, complete bool) {
	mask := byte(0xff)
	if b[0]&parityBit != 0 {
		mask = ^byte(parityBit)
	}
	for i, c := range b[1:] {
		c &= mask
		switch {
		case c == '\r' || c == '\n':
			return i >= 3, true
		case i >= maxHeader, c < 0x20 || c > 0x7e, c == '(' || c == ')', i < 3 && !alphanumeric(c):
			return false, true
		}
	}
	return true, false
}

func alphanumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// findEnd returns where the '!' that ends the telegram stands, -1 if it has not
// come.
func findEnd(buf []byte) int {
	for p := 0; ; {
		i := bytes.IndexByte(buf[p:], '\n')
		if i < 0 || p+i+1 == len(buf) {
			return -1
		}
		p += i + 1
		if buf[p] == '!' {
			return p
		}
	}
}

// checksumDigits counts the hex digits at the start of b, four at the most, and
// says whether there can be no more of them.
func checksumDigits(b []byte) (n int, whole bool) {
	for n < 4 && n < len(b) {
		if _, ok := hexDigit(b[n]); !ok {
			return n, true
		}
		n++
	}
	return n, n == 4
}

func hexDigit(c byte) (v uint16, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint16(c - '0'), true
	case 'A' <= c && c <= 'F':
		return uint16(c-'A') + 10, true
	case 'a' <= c && c <= 'f':
		return uint16(c-'a') + 10, true
	}
	return 0, false
}

// endless reports whether a telegram without its '!' may pass for whole. Some
// Iskra MT382 never send the closing line; only telegrams of the time before
// checksums may do so, and only with both powers in them and a complete last line:
// one that breaks off behind the import would make a house that feeds in a house
// that does nothing.
func endless(b []byte) bool {
	b = unparity(b)
	for _, object := range [...]string{"\n1-3:0.2.8(", "\n0-0:96.1.4(", "\n0-0:1.0.0("} {
		if bytes.Contains(b, []byte(object)) {
			return false
		}
	}
	return bytes.Contains(b, []byte("\n1-0:1.7.0(")) && bytes.Contains(b, []byte("\n1-0:2.7.0(")) && bytes.HasSuffix(b, []byte(")\r\n"))
}

const parityBit = 0x80

// unparity returns b with bit 7 cleared where the telegram was sent with even
// parity (9600 7E1) over a line set to eight data bits without parity: its '/'
// then comes as AF.
func unparity(b []byte) []byte {
	if len(b) == 0 || b[0] != '/'|parityBit {
		return b
	}
	plain := make([]byte, len(b))
	for i, c := range b {
		plain[i] = c &^ parityBit
	}
	return plain
}

func trimLineEnds(b []byte) []byte {
	for len(b) > 0 && lineEnd(b[0]) {
		b = b[1:]
	}
	return b
}

func lineEnd(c byte) bool { return c == '\r' || c == '\n' }

// noise counts the octets of b that are not line ends.
func noise(b []byte) int {
	n := 0
	for _, c := range b {
		if !lineEnd(c) {
			n++
		}
	}
	return n
}
