package dlms

import (
	"testing"
	"time"

	"smartconnect/telegram"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name, in string
		offset   time.Duration
		list     season
		want     string
	}{
		{"nothing", "", time.Hour, unsaid, ""},
		{"eleven octets", "07EA 07 11 05 0C 22 38 FF 8000", time.Hour, unsaid, ""},
		{"no year", "FFFF 07 11 05 0C 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"no month", "07EA FF 11 05 0C 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"the month summer time begins in", "07EA FE 11 05 0C 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"the last day of a month", "07EA 07 FE 05 0C 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"no hour", "07EA 07 11 05 FF 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"no second", "07EA 07 11 05 0C 22 FF FF 8000 00", time.Hour, unsaid, ""},
		{"30 February", "07EA 02 1E 05 0C 22 38 FF 8000 00", time.Hour, unsaid, ""},
		{"hour 24", "07EA 07 11 05 18 00 00 FF 8000 00", time.Hour, unsaid, ""},
		{"a deviation of a day", "07EA 07 11 05 0C 22 38 FF 05A0 00", time.Hour, unsaid, ""},

		{"winter", "07EA 01 11 06 0C 22 38 FF 8000 00", time.Hour, unsaid, "2026-01-17T11:34:56Z"},
		{"summer by the rule", "07EA 07 11 05 0C 22 38 FF 8000 00", time.Hour, unsaid, "2026-07-17T10:34:56Z"},
		{"summer by the rule, whatever the list says", "07EA 07 11 05 0C 22 38 FF 8000 00", time.Hour, winter, "2026-07-17T10:34:56Z"},
		{"summer by the status", "07EA 01 11 06 0C 22 38 FF 8000 81", time.Hour, unsaid, "2026-01-17T10:34:56Z"},
		{"summer by the list", "07EA 01 11 06 0C 22 38 FF 8000 00", time.Hour, summer, "2026-01-17T10:34:56Z"},
		{"no status", "07EA 01 11 06 0C 22 38 FF 8000 FF", time.Hour, unsaid, "2026-01-17T11:34:56Z"},
		{"no weekday", "07EA 01 11 FF 0C 22 38 12 8000 00", time.Hour, unsaid, "2026-01-17T11:34:56Z"},
		{"Finland", "07EA 01 11 06 0C 22 38 FF 8000 00", 2 * time.Hour, unsaid, "2026-01-17T10:34:56Z"},
		{"a deviation counts alone", "07EA 01 11 06 0C 22 38 FF FF88 80", time.Hour, winter, "2026-01-17T10:34:56Z"},
		{"east of Greenwich is negative", "07EA 07 11 05 0C 22 38 00 FFC4 00", 5 * time.Hour, unsaid, "2026-07-17T11:34:56Z"},

		{"the hour before the clock goes back", "07EA 0A 19 07 01 3B 3B FF 8000 00", time.Hour, unsaid, "2026-10-24T23:59:59Z"},
		{"the hour that comes twice: the first", "07EA 0A 19 07 02 1E 00 FF 8000 00", time.Hour, unsaid, "2026-10-25T00:30:00Z"},
		{"the hour that comes twice, summer in the list", "07EA 0A 19 07 02 1E 00 FF 8000 00", time.Hour, summer, "2026-10-25T00:30:00Z"},
		{"the hour that comes twice, winter in the list", "07EA 0A 19 07 02 1E 00 FF 8000 00", time.Hour, winter, "2026-10-25T01:30:00Z"},
		{"the hour after it", "07EA 0A 19 07 03 00 00 FF 8000 00", time.Hour, unsaid, "2026-10-25T02:00:00Z"},
		{"the first hour of summer", "07EA 03 1D 07 03 00 00 FF 8000 00", time.Hour, unsaid, "2026-03-29T01:00:00Z"},
	} {
		got := ""
		if at, ok := readClock(octets(c.in)); ok {
			got = at.utc(c.offset, c.list).Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Where the time of a push comes from.
func TestTime(t *testing.T) {
	const (
		power  = "09 06 0100010700FF 06 00000001"
		object = "09 06 0000010000FF "
		twice  = "07EA 0A 19 07 02 1E 00 FF 8000 "
	)
	for _, c := range []struct{ name, header, list, want string }{
		{"the header", "0C" + twice + "00", "02 02" + power, "2026-10-25T00:30:00Z"},
		{"the header with a tag, as Kaifa sends it", "09 0C" + twice + "00", "02 02" + power, "2026-10-25T00:30:00Z"},
		{"the header, and the season of the clock object", "0C" + twice + "00", "02 04" + object + "09 0C" + twice + "00" + power, "2026-10-25T01:30:00Z"},
		{"a summer season of the clock object", "0C" + twice + "00", "02 04" + object + "09 0C" + twice + "81" + power, "2026-10-25T00:30:00Z"},
		{"a clock without a name says nothing of the season", "0C" + twice + "00", "02 03 09 0C" + twice + "00" + power, "2026-10-25T00:30:00Z"},
		{"the clock object alone", "00", "02 04" + object + "09 0C 07EA 01 11 06 0C 22 38 FF 8000 00" + power, "2026-01-17T11:34:56Z"},
		{"a clock without a name alone", "00", "02 03 09 0C 07EA 01 11 06 0C 22 38 FF 8000 00" + power, "2026-01-17T11:34:56Z"},
		{"a clock in the type date-time", "00", "02 03 19 07EA 01 11 06 0C 22 38 FF 8000 00" + power, "2026-01-17T11:34:56Z"},
		{"a header without a year, then the clock object", "0C FFFF 0A 19 07 02 1E 00 FF 8000 00", "02 04" + object + "09 0C 07EA 01 11 06 0C 22 38 FF 8000 00" + power, "2026-01-17T11:34:56Z"},
		{"a clock that was never set", "0C 07D0 01 01 06 00 00 00 FF 8000 00", "02 02" + power, "0001-01-01T00:00:00Z"},
		{"none", "00", "02 02" + power, "0001-01-01T00:00:00Z"},
	} {
		in := hdlcFrame(toE450, join(llc, octets("0F 00000001"), octets(c.header), octets(c.list)), false)
		m, err := one(t, Format, in, telegram.Options{UTCOffset: time.Hour})
		if got := m.Time.Format(time.RFC3339); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}
