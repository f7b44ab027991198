// Package p1 reads the text telegrams of the P1, A1, H1 and D0 consumer ports:
// DSMR 2.2 to 5.0 (Netherlands), E-MUCS (Belgium), and the meters of
// Luxembourg, Austria, Sweden, Hungary, Lithuania, Ireland and Switzerland that
// speak the same IEC 62056-21 data blocks.
//
//	'/' XXX Z ident CR LF  CR LF  { A-B:C.D.E(...)... CR LF }  '!' [CRC] CR LF
//
// Which objects a telegram carries, and in what order, is the meter's choice;
// what is not known is passed to the visitor and otherwise ignored.
//
// To read a further object as a quantity, add its code to the table of package
// telegram; one with a meaning of its own (an identification, a time, an M-Bus
// channel) is a row of the table in objects.go.
package p1

import (
	"time"

	"smartconnect/telegram"
)

const name = "p1"

// Format is the plain P1 telegram. DSMR 2.2 and 3 and the German D0 head use
// the same text at 9600 7E1.
var Format = telegram.Format{
	Name:   name,
	Line:   telegram.Line{Baud: 115200, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
	Cut:    cut,
	Tail:   func([]byte) string { return "\r\n" },
	Decode: decode,
}

// maxTelegram bounds a telegram, and with it the memory a broken line can
// take. The longest real ones are 2.3 kB (Hungary); text messages of DSMR 5 can
// add 2 kB.
const maxTelegram = 8 << 10

// nominalPeriod is how often a meter sends by its specification: every second
// from DSMR 5 and E-MUCS on, every ten seconds before and where no version is
// sent. The Austrian T210-D says version 50 and sends every five seconds.
func nominalPeriod(header, version string) time.Duration {
	switch {
	case len(header) >= 3 && header[:3] == "EST":
		return 5 * time.Second
	case version != "" && version[0] == '5':
		return time.Second
	}
	return 10 * time.Second
}
