// Package dlms reads what DLMS/COSEM meters push on a consumer port (IEC
// 62056-5-3): Landis+Gyr E450, E570, E35C and E360, Iskraemeco AM550, Logarex,
// Kamstrup, Kaifa, Aidon and Sagemcom.
//
//	HDLC frames, or M-Bus long frames with transport segments
//	  LLC, general-block-transfer
//	    general-glo-ciphering
//	      data-notification { date-time, one A-XDR value: the list }
//
// One recogniser reads both links from the same octets. A telegram, as Cut
// hands it out, is the span of octets from the first frame of a push to its
// last, with whatever noise stands between them; Decode walks the frames again,
// so that it is a function of the telegram alone.
//
// An E450 packs several notifications into one frame. A Measurement is the
// state at one instant: notifications with the same date-time add up, and of
// several instants the last one counts.
//
// # Extending
//
// A meter is a row of the table in meter.go, its scalers a row in profiles.go,
// a list that names nothing a row in positional.go, a unit a row in units.go.
package dlms

import (
	"fmt"
	"slices"
	"strings"

	"smartconnect/telegram"
)

const name = "dlms"

// Format reads the pushes of every known meter by the tables alone. The line is
// that of wired M-Bus; P1 ports run at 115200 8N1 (section 1 of the DLMS
// reference).
var Format = New(Settings{})

// Settings is what an installer knows better than the tables. The zero Settings
// leave everything to them.
type Settings struct {
	Profile string  // name of a scaler profile; "": found by the meter
	Scalers []Scale // scalers of single objects; they win over everything

	// CurrentRatio and VoltageRatio are those of external transformers that the
	// meter does not count in; 0 stands for 1. Powers and energies take both.
	CurrentRatio float64
	VoltageRatio float64
}

// Scale says that the object OBIS, on whatever channel B, counts in units of
// 10^Exponent.
type Scale struct {
	OBIS     telegram.OBIS
	Exponent int8
}

// Validate reports what is wrong with the settings, nil if nothing is.
func (s Settings) Validate() error {
	if s.Profile != "" && profileNamed(s.Profile) == nil {
		return fmt.Errorf("dlms: unknown profile %q: want one of %s", s.Profile, strings.Join(Profiles(), ", "))
	}
	for _, ratio := range [...]float64{s.CurrentRatio, s.VoltageRatio} {
		if !(ratio >= 0 && ratio <= 1e6) {
			return fmt.Errorf("dlms: transformer ratio %v: want 0 (none) to 1000000", ratio)
		}
	}
	for _, o := range s.Scalers {
		if o.Exponent < -maxExponent || o.Exponent > maxExponent {
			return fmt.Errorf("dlms: scaler %d of %s: want %d to %d", o.Exponent, o.OBIS, -maxExponent, maxExponent)
		}
	}
	return nil
}

// New returns the format with settings, which Validate has accepted.
func New(s Settings) telegram.Format {
	s.Scalers = slices.Clone(s.Scalers)
	return telegram.Format{
		Name: name,
		Line: telegram.Line{Baud: 2400, DataBits: 8, Parity: telegram.EvenParity, StopBits: 1},
		Cut:  cut,
		Decode: func(raw []byte, o telegram.Options, visit func(telegram.Object)) (telegram.Measurement, error) {
			return decode(raw, o, &s, visit)
		},
	}
}
