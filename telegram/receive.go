package telegram

import (
	"errors"
	"io"
	"time"
)

// Receiver reads a line that may speak any of several formats. Every recogniser
// sees every octet, so that a meter which changes its format (plain to
// encrypted, text to binary) is followed without being told. It remembers which
// format the line speaks; its fields are set before the first Run.
type Receiver struct {
	Formats []Format // at least one, the most telling first
	Options Options
	Objects bool // collect the objects of each telegram

	proven int          // index of the format that last came through, plus one
	held   [][]Received // losses held back since, by format
}

// Received is what came of some octets: a telegram, a telegram lost, or noise.
type Received struct {
	Format      string      // of the recogniser
	Measurement Measurement // where Err is nil and Noise is 0; on Err, what was known of it
	Objects     []Object    // of the telegram, if they were asked for
	Err         error       // why it was lost
	Noise       int         // octets that belong to no telegram
	Frames      int         // frames with a right check sequence that it came in; a text is one itself
}

// patience is how many telegrams a recogniser must lose, with none coming through
// between them, for that to count although it has never proven itself. Where
// another has, two may be pieces of what that one reads: a meter with three lists
// sends them back to back, and a loss may be found behind the telegram that it is
// a piece of.
const (
	patience = 2
	longer   = 4
)

// Run reads r to its end, as Scan does, and tells each what came of it.
//
// Where several formats are tried, the recogniser of one may take a piece of
// another's telegram for its own (general-glo-ciphering stands bare on a P1
// line, and within an HDLC frame). So until a format has proven itself losses are
// held back, and told when it is clear that nothing better comes; once one has,
// the losses of another are nothing until it has lost several and no telegram
// has come through between them.
func (rc *Receiver) Run(r io.Reader, quiet time.Duration, each func(Received)) error {
	rc.held = make([][]Received, len(rc.Formats))
	err := scan(r, rc.Formats, quiet, func(i int, e Event) { rc.event(i, e, each) })
	if rc.proven == 0 {
		rc.tell(rc.loudest(), each)
	}
	return err
}

func (rc *Receiver) event(i int, e Event, each func(Received)) {
	if e.Lost.Noise > 0 && (rc.proven == i+1 || rc.proven == 0 && i == 0) {
		each(Received{Format: rc.Formats[i].Name, Noise: e.Lost.Noise})
	}
	if e.Lost.Err != nil {
		got := Received{Format: rc.Formats[i].Name, Err: e.Lost.Err}
		if e.Raw == nil {
			got.Frames = e.Lost.Frames
		}
		rc.lose(i, got, each)
	}
	if e.Raw == nil {
		return
	}
	got := Received{Format: rc.Formats[i].Name, Frames: e.Lost.Frames}
	var visit func(Object)
	if rc.Objects {
		visit = func(o Object) {
			o.Text = append([]byte(nil), o.Text...)
			got.Objects = append(got.Objects, o)
		}
	}
	got.Measurement, got.Err = rc.Formats[i].Decode(e.Raw, rc.Options, visit)
	if got.Frames == 0 && !errors.Is(got.Err, ErrChecksum) {
		got.Frames = 1
	}
	if got.Err != nil {
		rc.lose(i, got, each)
		return
	}
	rc.tell(i, each)
	rc.proven = i + 1
	each(got)
}

// lose tells a loss, or holds it back while it may be another format's doing.
func (rc *Receiver) lose(i int, got Received, each func(Received)) {
	if len(rc.Formats) == 1 || rc.proven == i+1 {
		each(got)
		return
	}
	enough := patience
	if rc.proven != 0 {
		enough = longer
	}
	if rc.held[i] = append(rc.held[i], got); len(rc.held[i]) >= enough {
		rc.proven = 0
		rc.tell(i, each)
	}
}

// tell tells what is held back of format i, and forgets that of the others.
func (rc *Receiver) tell(i int, each func(Received)) {
	for _, got := range rc.held[i] {
		each(got)
	}
	for j := range rc.held {
		rc.held[j] = rc.held[j][:0]
	}
}

// loudest is the format that has lost most.
func (rc *Receiver) loudest() int {
	most := 0
	for i := range rc.held {
		if len(rc.held[i]) > len(rc.held[most]) {
			most = i
		}
	}
	return most
}
