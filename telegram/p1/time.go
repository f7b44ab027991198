package p1

import (
	"time"

	"smartconnect/telegram"
)

// clock reads YYMMDDhhmmss with S (summer time) or W behind it. The letter
// alone fixes the offset, so no time zone database is needed, and Sweden, whose
// meters stay on W all year, comes out right. winter is the country's offset.
//
// Without the letter (the gas time of DSMR 2 and 3) the European summer time
// rule decides; in the hour that comes twice, the first. An impossible time
// (an unset clock says month 0, or 632525252525W) is zero.
func clock(g []byte, winter time.Duration) time.Time {
	var f [6]int
	if len(g) != 12 && len(g) != 13 {
		return time.Time{}
	}
	for i := range f {
		hi, lo := g[2*i]-'0', g[2*i+1]-'0'
		if hi > 9 || lo > 9 {
			return time.Time{}
		}
		f[i] = int(hi)*10 + int(lo)
	}
	t := time.Date(2000+f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], 0, time.UTC)
	if f[3] > 23 || f[4] > 59 || f[5] > 59 || f[1] < 1 || f[1] > 12 || t.Day() != f[2] {
		return time.Time{}
	}
	summer := false
	if len(g) == 13 {
		switch g[12] {
		case 'S':
			summer = true
		case 'W':
		default:
			return time.Time{}
		}
	} else {
		summer = telegram.EuropeanSummer(t.Add(-winter - time.Hour))
	}
	if summer {
		t = t.Add(-time.Hour)
	}
	return t.Add(-winter)
}
