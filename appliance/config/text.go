package config

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"smartconnect/telegram"
)

const hour = time.Hour

// StaleAfter is the age past which values are no longer fresh: 1s to 24h, or 0
// for "auto", the limit learned from the meter's own rhythm.
type StaleAfter time.Duration

// UnmarshalText reads "auto" or a duration such as "30s".
func (s *StaleAfter) UnmarshalText(b []byte) error {
	if string(b) == Auto {
		*s = 0
		return nil
	}
	d, err := time.ParseDuration(string(b))
	if err != nil || d < time.Second || d > 24*hour {
		return fmt.Errorf("%.40q is neither \"auto\" nor a duration from 1s to 24h", b)
	}
	*s = StaleAfter(d)
	return nil
}

// MarshalText prints "auto" or the duration.
func (s StaleAfter) MarshalText() ([]byte, error) {
	if s == 0 {
		return []byte(Auto), nil
	}
	return []byte(short(time.Duration(s))), nil
}

// Thin is how far apart the telegrams are that are kept of a long outage: 2s to
// 1h, or 0 for all of them.
type Thin time.Duration

// UnmarshalText reads "all" or a duration such as "10s".
func (t *Thin) UnmarshalText(b []byte) error {
	if string(b) == allTelegrams {
		*t = 0
		return nil
	}
	d, err := time.ParseDuration(string(b))
	if err != nil || d < 2*time.Second || d > hour {
		return fmt.Errorf("%.40q is neither \"all\" nor a duration from 2s to 1h", b)
	}
	*t = Thin(d)
	return nil
}

// MarshalText prints "all" or the duration.
func (t Thin) MarshalText() ([]byte, error) {
	if t == 0 {
		return []byte(allTelegrams), nil
	}
	return []byte(short(time.Duration(t))), nil
}

const allTelegrams = "all"

// Offset is what a country's winter time is ahead of UTC: -12h to 14h.
type Offset time.Duration

// UnmarshalText reads "1h" or "5h30m".
func (o *Offset) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < -12*hour || d > 14*hour || d%time.Minute != 0 {
		return fmt.Errorf("%.40q is not an offset from UTC in hours and minutes, -12h to 14h, such as \"1h\"", b)
	}
	*o = Offset(d)
	return nil
}

// MarshalText prints "1h".
func (o Offset) MarshalText() ([]byte, error) { return []byte(short(time.Duration(o))), nil }

// short prints a duration without the zero units that String appends: "1h",
// not "1h0m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Line is the setting of the serial line; the zero Line, printed as "", leaves
// it to the format.
type Line struct{ telegram.Line }

// UnmarshalText reads "115200 8N1", or "".
func (l *Line) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*l = Line{}
		return nil
	}
	line, err := telegram.ParseLine(string(b))
	if err != nil {
		return fmt.Errorf("%.40q is not a line setting such as \"115200 8N1\", or \"\" for the format's own", b)
	}
	l.Line = line
	return nil
}

// MarshalText prints "115200 8N1", or "".
func (l Line) MarshalText() ([]byte, error) {
	if l.Line == (telegram.Line{}) {
		return nil, nil
	}
	return []byte(l.String()), nil
}

// Code is the name of an object of a meter, such as 1-0:1.7.0. The zero Code,
// printed as "", names none.
type Code struct{ telegram.OBIS }

// UnmarshalText reads "1-0:1.7.0", or "".
func (c *Code) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = Code{}
		return nil
	}
	code, n, err := telegram.ParseOBIS(b)
	if err != nil || n != len(b) || !bytes.Contains(b, []byte("-")) {
		return fmt.Errorf("%.40q is not the code of an object such as \"1-0:1.7.0\"", b)
	}
	c.OBIS = code
	return nil
}

// MarshalText prints "1-0:1.7.0", or "".
func (c Code) MarshalText() ([]byte, error) {
	if c.OBIS == (telegram.OBIS{}) {
		return nil, nil
	}
	return []byte(c.String()), nil
}
