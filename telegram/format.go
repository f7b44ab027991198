package telegram

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parity of a serial line.
type Parity byte

// The parities of a serial line, as they are printed in "9600 7E1".
const (
	NoParity   Parity = 'N'
	EvenParity Parity = 'E'
	OddParity  Parity = 'O'
)

// Line is the setting of a serial line. The zero Line is none.
type Line struct {
	Baud     int
	DataBits int
	Parity   Parity
	StopBits int
}

// String prints the line as "115200 8N1", "" for none.
func (l Line) String() string {
	if l == (Line{}) {
		return ""
	}
	return fmt.Sprintf("%d %d%c%d", l.Baud, l.DataBits, l.Parity, l.StopBits)
}

// OctetTime returns how long one octet takes on the line.
func (l Line) OctetTime() time.Duration {
	bits := 1 + l.DataBits + l.StopBits
	if l.Parity != NoParity {
		bits++
	}
	return time.Duration(bits) * time.Second / time.Duration(l.Baud)
}

// ParseLine reads "115200 8N1".
func ParseLine(s string) (Line, error) {
	wrong := fmt.Errorf("telegram: line %q: want baud rate, data bits, parity and stop bits as in \"115200 8N1\"", s)
	baud, frame, ok := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.Atoi(baud)
	if !ok || err != nil || n < 300 || n > 921600 || len(frame) != 3 {
		return Line{}, wrong
	}
	l := Line{Baud: n, DataBits: int(frame[0] - '0'), Parity: Parity(frame[1] &^ 0x20), StopBits: int(frame[2] - '0')}
	if (l.DataBits != 7 && l.DataBits != 8) || (l.StopBits != 1 && l.StopBits != 2) ||
		(l.Parity != NoParity && l.Parity != EvenParity && l.Parity != OddParity) {
		return Line{}, wrong
	}
	return l, nil
}

// Loss is what a Cut step had to throw away.
type Loss struct {
	Noise int   // octets that belonged to no telegram; line ends between telegrams do not count
	Err   error // a telegram that was begun and lost, nil if none; it wraps an error class

	// Frames counts the frames with a right check sequence, in raw or lost with
	// Err. A format that has none but the telegram itself leaves it 0.
	Frames int
}

// Object is one coded value of a telegram, as a visitor sees it.
type Object struct {
	OBIS       OBIS   // zero where it is named by a label
	Label      string // of TIC
	Stamp      string // the horodate of TIC, "" if it has none
	Value      Value  // the number in Unit, missing for a text
	Unit       Unit   //
	Text       []byte // the text, where there is no number; valid during the call only
	Unreadable bool   // the number could not be read; Text holds what was sent

	// Binary formats send integers that a scaler makes values of.
	Raw    int64        // the integer as sent, where Scaler is not ""
	Scaler ScalerSource // who says what it counts in
}

// ScalerSource says where the scaler of a number comes from: the meter itself,
// the profile of its model, or the owner. "" is no scaler: a text, or a number
// printed with its decimals and unit.
type ScalerSource string

// The sources of a scaler.
const (
	Transmitted ScalerSource = "transmitted"
	Profiled    ScalerSource = "profile"
	Overridden  ScalerSource = "override"
)

// Format is a meter format: a value with two pure functions.
type Format struct {
	Name string
	Line Line // the usual line setting

	// Cut returns the first whole telegram in buf and what follows it. A nil
	// raw with a zero Loss means that more octets are needed; with a Loss, that
	// Cut has more to say about rest. quiet says that the line has fallen
	// silent, so that nothing will be added to what stands in buf. rest is
	// bounded: Cut lets go of what cannot become a telegram.
	Cut func(buf []byte, quiet bool) (raw, rest []byte, lost Loss)

	// Tail returns what ends a telegram on the line and is not in raw, since it
	// belongs to what comes next as well: a line end, a flag. nil: nothing.
	Tail func(raw []byte) string

	// Pause, where it is not 0, is the longest silence between two parts of a
	// telegram, which do not say which telegram they are of. Reach says how much
	// of a rest is part of one, 0 before the first part is whole: what is behind
	// it, noise, breaks no silence. within says that the rest ends inside a part,
	// whose check sequence will tell whether a silence has cost something.
	Pause time.Duration
	Reach func(rest []byte) (n int, within bool)

	// Decode reads one telegram. visit, which may be nil, sees every object.
	Decode func(raw []byte, o Options, visit func(Object)) (Measurement, error)
}
