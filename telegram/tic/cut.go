package tic

import (
	"fmt"

	"smartconnect/telegram"
)

// cut is the Cut of the format: from STX to ETX. STX alone stands anywhere in a
// binary telegram, so that a frame begins only where its first group does. A frame
// that another one begins in has lost its ETX, and one with EOT in it was
// interrupted by the meter itself (section 7.1 of the P1 and TIC reference).
func cut(buf []byte, quiet bool) (raw, rest []byte, lost telegram.Loss) {
	at, whole := findStart(buf, 0, quiet)
	switch {
	case at < 0:
		return nil, nil, telegram.Loss{Noise: len(buf)}
	case at > 0:
		return nil, buf[at:], telegram.Loss{Noise: at}
	case !whole:
		return nil, buf, telegram.Loss{}
	}
	for i := 1; i < len(buf) && i < maxFrame; i++ {
		switch buf[i] & sevenBits {
		case etx:
			return buf[:i+1], buf[i+1:], telegram.Loss{}
		case eot:
			return nil, buf[i+1:], damaged("interrupted by EOT after %d octets", i)
		case stx:
			switch ok, whole := startAt(buf[i:]); {
			case ok && whole:
				return nil, buf[i:], damaged("cut off after %d octets by the next frame", i)
			case ok && !quiet:
				return nil, buf, telegram.Loss{}
			}
		}
	}
	switch {
	case len(buf) >= maxFrame:
		return nil, buf[1:], damaged("no end within %d octets", maxFrame)
	case quiet:
		return nil, nil, damaged("line fell silent after %d octets", len(buf))
	}
	return nil, buf, telegram.Loss{}
}

func damaged(format string, n int) telegram.Loss {
	return telegram.Loss{Err: fmt.Errorf("tic: %w: "+format, telegram.ErrDamaged, n)}
}

// findStart returns where the first frame at or after from begins and whether
// enough of it is there to be sure; -1 if none begins. In a quiet line nothing
// more will come.
func findStart(buf []byte, from int, quiet bool) (at int, whole bool) {
	for i := from; i < len(buf); i++ {
		if buf[i]&sevenBits != stx {
			continue
		}
		if ok, whole := startAt(buf[i:]); ok && (whole || !quiet) {
			return i, whole
		}
	}
	return -1, false
}

// maxLabel is the length of the longest labels (SMAXSN1-1 and the like).
const maxLabel = 9

// startAt reports whether b can be the start of a frame: STX, LF, a label and its
// separator; and whether enough of it is there to be sure.
func startAt(b []byte) (ok, whole bool) {
	for i, c := range b[1:] {
		switch c &= sevenBits; {
		case i == 0:
			if c != lf {
				return false, true
			}
		case i > 2 && (c == sp || c == ht):
			return true, true
		case i > maxLabel || !labelOctet(c) || i == 1 && (c < 'A' || c > 'Z'):
			return false, true
		}
	}
	return true, false
}

func labelOctet(c byte) bool {
	return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '-'
}
