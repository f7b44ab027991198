package sim

import "time"

// calendar is how a country's meters tell the time and name their tariffs.
type calendar struct {
	winterOnly bool // the clock stays on normal time all year: Sweden (HAN/H1)
	belgian    bool // tariff 1 is the day; in the Netherlands it is the night
}

// base is the winter offset of every country simulated here.
const base = time.Hour

// local returns the reading of the wall clock at t, as a time in UTC so that no
// time zone database is needed, and whether summer time is in force.
func (c calendar) local(t time.Time) (wall time.Time, summer bool) {
	t = t.UTC()
	if !c.winterOnly && summerTime(t) {
		return t.Add(base + time.Hour), true
	}
	return t.Add(base), false
}

// stamp appends the time as YYMMDDhhmmss and, for meters that print it, S for
// summer time or W.
func (c calendar) stamp(dst []byte, t time.Time, flag bool) []byte {
	wall, summer := c.local(t)
	dst = wall.AppendFormat(dst, "060102150405")
	switch {
	case !flag:
		return dst
	case summer:
		return append(dst, 'S')
	}
	return append(dst, 'W')
}

// summerTime follows Directive 2000/84/EC: from 01:00 UTC on the last Sunday of
// March to 01:00 UTC on the last Sunday of October.
func summerTime(t time.Time) bool {
	return !t.Before(lastSunday(t.Year(), time.March)) && t.Before(lastSunday(t.Year(), time.October))
}

func lastSunday(year int, month time.Month) time.Time {
	last := time.Date(year, month, 31, 1, 0, 0, 0, time.UTC)
	return last.AddDate(0, 0, -int(last.Weekday()))
}

// Rate is a price of the day.
type Rate uint8

// The two rates of a double-rate contract.
const (
	Day Rate = iota
	Night
	numRates
)

// rate is the night tariff from 21 to 7 and at weekends.
func (c calendar) rate(t time.Time) Rate {
	wall, _ := c.local(t)
	if h := wall.Hour(); h < 7 || h >= 21 || wall.Weekday() == time.Saturday || wall.Weekday() == time.Sunday {
		return Night
	}
	return Day
}

// tariffs returns the rates behind tariff 1 and 2.
func (c calendar) tariffs() [numRates]Rate {
	if c.belgian {
		return [...]Rate{Day, Night}
	}
	return [...]Rate{Night, Day}
}

// tariff returns the number of the tariff with that rate.
func (c calendar) tariff(r Rate) int {
	if c.tariffs()[0] == r {
		return 1
	}
	return 2
}

// monthStart returns the instant the wall clock's month of t began.
func monthStart(t time.Time) time.Time {
	wall, _ := calendar{}.local(t)
	return instant(time.Date(wall.Year(), wall.Month(), 1, 0, 0, 0, 0, time.UTC))
}

// instant returns when the wall clock shows wall, which must not fall into the
// hour of a clock change: no midnight does.
func instant(wall time.Time) time.Time {
	if t := wall.Add(-base - time.Hour); summerTime(t) {
		return t
	}
	return wall.Add(-base)
}
