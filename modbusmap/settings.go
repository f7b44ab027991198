package modbusmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Settings is what one server adds to its map. Empty words mean the first of
// their list.
type Settings struct {
	Serial  string // serial number of this device
	Version string // firmware version, as in "1.4.2"

	StaleAfter  time.Duration // age past which values are stale; 0: by the meter's own period
	WhenStale   WhenStale
	WhenMissing WhenMissing
	Currents    Currents
	Phases      Phases
}

// WhenStale says what a request for values gets while the meter is silent.
type WhenStale string

// The words of WhenStale. Counters are held under every word but the first: a
// counter that blinks to 0 adds its whole reading to somebody's bill. What never
// was there cannot be held and answers an exception.
const (
	StaleException WhenStale = "exception" // exception 0B
	StaleHold      WhenStale = "hold"      // the last values
	StaleZero      WhenStale = "zero"      // 0
	StaleNaN       WhenStale = "nan"       // not a number, 7FC00000, in Float32 registers, else 0
)

// WhenMissing says what a request gets that touches a current of a meter that
// sends none, total power where there is none, or a power or current that could
// not be read: to a charger 0 A means that it may draw.
type WhenMissing string

// The words of WhenMissing.
const (
	MissingException WhenMissing = "exception" // exception 0B
	MissingZero      WhenMissing = "zero"      // 0, as the Smart Connect does
)

// Currents says what sign phase currents have.
type Currents string

// The words of Currents.
const (
	Magnitude Currents = "magnitude" // unsigned, as in a telegram and in an EMPro
	Signed    Currents = "signed"    // negative while the phase exports
)

// Phases says which phase of the meter the map's L1, L2 and L3 show, for a
// charger that is connected in another order: "231" shows the meter's L2 as L1.
type Phases string

var (
	staleWords   = []WhenStale{StaleException, StaleHold, StaleZero, StaleNaN}
	missingWords = []WhenMissing{MissingException, MissingZero}
	currentWords = []Currents{Magnitude, Signed}
	phaseWords   = []Phases{"123", "132", "213", "231", "312", "321"}
)

// ParseWhenStale reads a word of WhenStale.
func ParseWhenStale(s string) (WhenStale, error) { return parse("WhenStale", staleWords, s) }

// ParseWhenMissing reads a word of WhenMissing.
func ParseWhenMissing(s string) (WhenMissing, error) { return parse("WhenMissing", missingWords, s) }

// ParseCurrents reads a word of Currents.
func ParseCurrents(s string) (Currents, error) { return parse("Currents", currentWords, s) }

// ParsePhases reads an order of phases.
func ParsePhases(s string) (Phases, error) { return parse("Phases", phaseWords, s) }

// parse finds s in the words of an option; an empty s is the first of them.
func parse[T ~string](option string, words []T, s string) (T, error) {
	switch {
	case s == "":
		return words[0], nil
	case slices.Contains(words, T(s)):
		return T(s), nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return "", fmt.Errorf("modbusmap: %s %q: want %s", option, s, strings.Join(list, ", "))
}

// The bounds of StaleAfter. Below a second no meter is ever fresh; a value older
// than an hour helps nobody, and "hold" says so more clearly.
const (
	minStaleAfter = time.Second
	maxStaleAfter = time.Hour
)

// ParseStaleAfter reads "auto" (or nothing), which is 0, or a time such as "10s".
func ParseStaleAfter(s string) (time.Duration, error) {
	if s == "" || s == "auto" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < minStaleAfter || d > maxStaleAfter {
		return 0, fmt.Errorf("modbusmap: StaleAfter %q: want auto or a time from 1s to 1h", s)
	}
	return d, nil
}

// complete checks the settings and returns them with the defaults filled in.
// The error names every wrong field.
func (s Settings) complete() (Settings, error) {
	var wrong [5]error
	s.WhenStale, wrong[0] = ParseWhenStale(string(s.WhenStale))
	s.WhenMissing, wrong[1] = ParseWhenMissing(string(s.WhenMissing))
	s.Currents, wrong[2] = ParseCurrents(string(s.Currents))
	s.Phases, wrong[3] = ParsePhases(string(s.Phases))
	if s.StaleAfter < 0 {
		wrong[4] = fmt.Errorf("modbusmap: StaleAfter %v: want 0 or more", s.StaleAfter)
	}
	return s, errors.Join(wrong[:]...)
}
