package dlms

import (
	"encoding/binary"
	"time"

	"smartconnect/telegram"
)

const clockSize = 12

// clock is a COSEM date-time (IEC 62056-6-2, clause 4.1.6.1):
//
//	year 2 | month | day | weekday | hour | minute | second | hundredths | deviation 2 | status
//
// The deviation is in minutes, UTC = local + deviation, and has summer time in
// it already; 8000 stands for "not specified".
type clock struct {
	local     time.Time // the fields as they stand, as if they were UTC
	deviation time.Duration
	deviates  bool
	summer    bool // the status says that daylight saving is active
	status    byte
}

const (
	noDeviation   = -0x8000
	statusUnknown = 0xFF
	statusSummer  = 0x80 // daylight saving active; bits 0 and 1 (invalid, doubtful) are set on sound E450 clocks, too
)

// readClock reads a date-time. ok is false for one that names no instant: a
// wildcard (FF, FFFF, FD and FE of recurring dates) or an impossible field.
// Weekday and hundredths may be missing.
func readClock(b []byte) (c clock, ok bool) {
	if len(b) != clockSize {
		return clock{}, false
	}
	year, month, day := int(binary.BigEndian.Uint16(b)), int(b[2]), int(b[3])
	hour, minute, second := int(b[5]), int(b[6]), int(b[7])
	if year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return clock{}, false
	}
	c.local = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if c.local.Day() != day { // 30 February
		return clock{}, false
	}
	if d := int16(binary.BigEndian.Uint16(b[9:])); d != noDeviation {
		if d < -840 || d > 840 {
			return clock{}, false
		}
		c.deviates, c.deviation = true, time.Duration(d)*time.Minute
	}
	c.status = b[11]
	c.summer = c.status != statusUnknown && c.status&statusSummer != 0
	return c, true
}

// season is what another clock of the same telegram says of summer time.
type season uint8

const (
	unsaid season = iota
	winter
	summer
)

// season returns what the clock says. A status that is missing says nothing.
func (c clock) season() season {
	switch {
	case c.summer:
		return summer
	case c.status == statusUnknown:
		return unsaid
	}
	return winter
}

// utc returns the instant. Without a deviation (E450, E570, Kamstrup) the time
// is local: summer if the status or the list's own clock says so, else by the
// European rule. In the hour that comes twice the list's clock decides, and
// without one it is the first. The status of an E450 header is 00 all year, so
// that a status without the bit says nothing of winter.
func (c clock) utc(offset time.Duration, list season) time.Time {
	if c.deviates {
		return c.local.Add(c.deviation)
	}
	normal := c.local.Add(-offset)
	saving := normal.Add(-time.Hour)
	twice := telegram.EuropeanSummer(saving) && !telegram.EuropeanSummer(normal)
	switch {
	case c.summer, list == summer:
		return saving
	case twice && list == winter:
		return normal
	case telegram.EuropeanSummer(saving):
		return saving
	}
	return normal
}

func plausibleClock(b []byte) bool {
	c, ok := readClock(b)
	return ok && telegram.Plausible(c.local)
}
