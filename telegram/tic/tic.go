// Package tic reads the télé-information client of French meters (Enedis-NOI-CPT_54E),
// in both of its modes: historique (every electronic meter; the default of a
// Linky) and standard (a Linky whose supplier asked for it).
//
//	frame: STX group... ETX
//	group: LF label SP data SP checksum CR                    historique
//	       LF label HT [horodate HT] data HT checksum CR      standard
//
// Every group has a checksum of six bits of its own. One that does not match
// costs that group; a frame with more than a few of them is lost whole, since
// what looks right in it may be so by accident.
//
// Powers are apparent ones: TIC has no instantaneous power in W. They fill the
// apparent quantities and, as the Smart Connect serves them, the active ones
// (manual, limits of the TIC version): the total is negative while the house
// exports, a phase never is.
//
// # Extending
//
// A label that means a quantity is a row of the table in labels.go.
package tic

import (
	"time"

	"smartconnect/telegram"
)

const name = "tic"

// Format reads both modes. The line is that of the standard one; historique runs
// at 1200 7E1. Parity is not looked at: octets of a line that is set to eight data
// bits are read as well.
var Format = telegram.Format{
	Name:   name,
	Line:   telegram.Line{Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1},
	Cut:    cut,
	Decode: decode,
}

// The control characters of a frame.
const (
	stx = 0x02
	etx = 0x03
	eot = 0x04 // the meter speaks Euridis instead
	lf  = 0x0A
	cr  = 0x0D
	sp  = 0x20
	ht  = 0x09

	sevenBits = 0x7F
)

// Nominal times between two frames: one follows the other, and takes as long as
// its octets (1.3 kB at 9600 baud, up to 350 octets at 1200).
const (
	standardPeriod   = 1500 * time.Millisecond
	historiquePeriod = 2500 * time.Millisecond
)

// maxFrame bounds a frame and with it the memory a broken line can take. The
// longest real ones have 1.3 kB.
const maxFrame = 4 << 10

// maxBad is how many groups of a frame may be wrong.
const maxBad = 3
