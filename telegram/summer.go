package telegram

import "time"

// EuropeanSummer reports whether European summer time is in force at t: from
// the last Sunday of March to that of October, both at 01:00 UTC. It serves the
// times that meters send without saying which they are in; no time zone database
// is needed.
func EuropeanSummer(t time.Time) bool {
	return !t.Before(lastSunday(t.Year(), time.March)) && t.Before(lastSunday(t.Year(), time.October))
}

func lastSunday(year int, month time.Month) time.Time {
	t := time.Date(year, month, 31, 1, 0, 0, 0, time.UTC)
	return t.AddDate(0, 0, -int(t.Weekday()))
}
