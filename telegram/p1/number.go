package p1

import (
	"bytes"
	"math"

	"smartconnect/telegram"
)

// number reads "00.498*kW" or "0.48" to a value in the base unit. Digits are
// taken as an integer and scaled once, so that the nearest float64 to what was
// printed comes out.
func number(g []byte) (v telegram.Value, unit telegram.Unit, ok bool) {
	digits, symbol, hasUnit := bytes.Cut(g, []byte{'*'})
	exp := 0
	if hasUnit {
		if unit, exp, ok = telegram.ParseUnit(symbol); !ok {
			return telegram.Value{}, telegram.NoUnit, false
		}
	}
	neg := false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		neg = digits[0] == '-'
		digits = digits[1:]
	}
	var m uint64
	point, seen := false, 0
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			if m > (math.MaxInt64-9)/10 {
				return telegram.Value{}, telegram.NoUnit, false
			}
			m = m*10 + uint64(c-'0')
			seen++
			if point {
				exp--
			}
		case c == '.' && !point:
			point = true
		default:
			return telegram.Value{}, telegram.NoUnit, false
		}
	}
	if seen == 0 {
		return telegram.Value{}, telegram.NoUnit, false
	}
	f := scale(float64(m), exp)
	if neg {
		f = 0 - f
	}
	return telegram.Of(f), unit, true
}

var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

func scale(f float64, exp int) float64 {
	switch {
	case exp < 0 && -exp < len(powers):
		return f / powers[-exp]
	case exp >= 0 && exp < len(powers):
		return f * powers[exp]
	}
	return f * math.Pow10(exp)
}

// small reads a plain number of up to three digits (device types, tariffs).
func small(g []byte) (n int, ok bool) {
	if len(g) == 0 || len(g) > 4 {
		return 0, false
	}
	for _, c := range g {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
