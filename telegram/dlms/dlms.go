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
	"strings"
	"time"

	"smartconnect/telegram"
)

const name = "dlms"

// Format reads the pushes of every known meter. The line is that of wired M-Bus;
// P1 ports run at 115200 8N1 (section 1 of the DLMS reference).
//
// Of the options, Profile, Scalers and List are for what the tables do not know
// or have wrong: see [Validate].
var Format = telegram.Format{
	Name:   name,
	Line:   telegram.Line{Baud: 2400, DataBits: 8, Parity: telegram.EvenParity, StopBits: 1},
	Cut:    cut,
	Tail:   tail,
	Pause:  700 * time.Millisecond,
	Reach:  reach,
	Decode: decode,
}

// tail is the flag that ends the last HDLC frame and may begin the next.
func tail(raw []byte) string {
	if len(raw) > 0 && raw[0] == hdlcFlag {
		return string([]byte{hdlcFlag})
	}
	return ""
}

// Validate reports what is wrong with the options of this format, nil if nothing
// is.
func Validate(o *telegram.Options) error {
	if o.Profile != "" && profileNamed(o.Profile) == nil {
		return fmt.Errorf("dlms: unknown profile %q: want one of %s", o.Profile, strings.Join(Profiles(), ", "))
	}
	for _, s := range o.Scalers {
		if s.Exponent < -telegram.MaxExponent || s.Exponent > telegram.MaxExponent {
			return fmt.Errorf("dlms: scaler %d of %s: want %d to %d", s.Exponent, s.OBIS, -telegram.MaxExponent, telegram.MaxExponent)
		}
	}
	return nil
}
