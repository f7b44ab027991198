package telegram

import (
	"errors"
	"io"
	"slices"
	"time"
)

// Receiver reads a line that may speak any of several formats. Every recogniser
// sees every octet, so that a meter which changes its format (plain to
// encrypted, text to binary) is followed without being told. It remembers which
// format the line speaks; its fields are set before the first Run.
type Receiver struct {
	Formats []Format // at least one, the most telling first
	Options Options
	Objects bool        // collect the objects of each telegram
	Raws    func() bool // whether to collect the octets of each telegram; nil: no

	// Frames, if set, is told at once of every frame with a right check sequence,
	// whatever becomes of it and whoever is believed in the end.
	Frames func(n int)

	proven  int          // index of the format that last came through, plus one
	blamed  int          // of the one whose losses are told while none comes through, plus one
	held    [][]Received // losses held back since, by format
	lost    []int        // telegrams lost since, by format, told or not
	objects int          // of the last telegram
	noise   []int        // octets that were noise to each format, while none has proven itself
}

// Received is what came of some octets: a telegram, a telegram lost, or noise.
type Received struct {
	Format      string      // of the recogniser
	Measurement Measurement // where Err is nil and Noise is 0; on Err, what was known of it
	Objects     []Object    // of the telegram, if they were asked for
	Raw         []byte      // the telegram as it stands on the line, if that was asked for
	Err         error       // why it was lost
	Noise       int         // octets that belong to no telegram
	Frames      int         // frames with a right check sequence that it came in; a text is one itself

	checked bool // the format has frames, and theirs are right: no accident
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

// certain is how many octets must be noise to every format before they are told
// to be that although no telegram has come yet.
const certain = 1024

// Run reads r to its end, as Scan does, and tells each what came of it.
//
// Where several formats are tried, the recogniser of one may take a piece of
// another's telegram for its own (general-glo-ciphering stands bare on a P1
// line, and within an HDLC frame). So until a format has proven itself losses are
// held back, and told when it is clear that nothing better comes; once one has,
// the losses of another are nothing until it has lost several and no telegram
// has come through between them. A gateway may hang up behind every third
// telegram: what is held back outlives a Run.
func (rc *Receiver) Run(r io.Reader, quiet time.Duration, each func(Received)) error {
	if n := len(rc.Formats); rc.held == nil {
		rc.held, rc.lost, rc.noise = make([][]Received, n), make([]int, n), make([]int, n)
	}
	err := scan(r, rc.Formats, quiet, func(i int, e Event) { rc.event(i, e, each) })
	if rc.proven == 0 {
		rc.tell(rc.loudest(), each)
	}
	return err
}

func (rc *Receiver) event(i int, e Event, each func(Received)) {
	if rc.proven == i+1 && e.Lost.Noise > 0 {
		each(Received{Format: rc.Formats[i].Name, Noise: e.Lost.Noise})
	} else if rc.proven == 0 {
		rc.noise[i] += e.Lost.Noise
		if n := slices.Min(rc.noise); n >= certain {
			each(Received{Format: rc.Formats[i].Name, Noise: n})
			for j := range rc.noise {
				rc.noise[j] -= n
			}
		}
	}
	if rc.Frames != nil && e.Lost.Frames > 0 {
		rc.Frames(e.Lost.Frames)
	}
	if e.Lost.Err != nil {
		got := Received{Format: rc.Formats[i].Name, Err: e.Lost.Err}
		if e.Raw == nil {
			got.Frames, got.checked = e.Lost.Frames, e.Lost.Frames > 0
		}
		rc.lose(i, got, each)
	}
	if e.Raw == nil {
		return
	}
	got := Received{Format: rc.Formats[i].Name, Frames: e.Lost.Frames, checked: e.Lost.Frames > 0}
	if rc.Raws != nil && rc.Raws() {
		got.Raw = append(got.Raw, e.Raw...)
		if tail := rc.Formats[i].Tail; tail != nil {
			got.Raw = append(got.Raw, tail(e.Raw)...)
		}
	}
	var visit func(Object)
	if rc.Objects {
		got.Objects = make([]Object, 0, rc.objects)
		visit = func(o Object) {
			o.Text = append([]byte(nil), o.Text...)
			got.Objects = append(got.Objects, o)
		}
	}
	got.Measurement, got.Err = rc.Formats[i].Decode(e.Raw, rc.Options, visit)
	if got.Frames == 0 && !errors.Is(got.Err, ErrChecksum) {
		got.Frames = 1
		if rc.Frames != nil && got.Err == nil {
			rc.Frames(1)
		}
	}
	if got.Err != nil {
		rc.lose(i, got, each)
		return
	}
	rc.tell(i, each)
	rc.proven, rc.blamed, rc.objects = i+1, 0, len(got.Objects)
	clear(rc.lost)
	each(got)
}

// lose tells a loss, or holds it back while it may be another format's doing. What
// a bare recogniser finds inside the frames of another says less than that one: a
// format that is listed earlier goes before.
func (rc *Receiver) lose(i int, got Received, each func(Received)) {
	if rc.lost[i]++; len(rc.Formats) == 1 || rc.proven == i+1 {
		each(got)
		return
	}
	rc.held[i] = append(rc.held[i], got)
	enough := patience
	switch rc.proven {
	case 0:
		if rc.blamed == i+1 {
			enough = 1
		}
	default:
		enough = longer
	}
	if len(rc.held[i]) < enough {
		return
	}
	for j := range i { // one that tells more has lost as many, or is about to
		if !got.checked && rc.lost[j] > 0 && rc.lost[j] >= rc.lost[i]-1 {
			if len(rc.held[i]) > 2*longer {
				rc.held[i] = slices.Delete(rc.held[i], 0, 1)
			}
			return
		}
	}
	rc.proven, rc.blamed = 0, i+1
	rc.tell(i, each)
}

// tell tells what is held back of format i, and forgets that of the others.
func (rc *Receiver) tell(i int, each func(Received)) {
	if rc.noise[i] > 0 {
		each(Received{Format: rc.Formats[i].Name, Noise: rc.noise[i]})
	}
	clear(rc.noise)
	for _, got := range rc.held[i] {
		each(got)
	}
	for j := range rc.held {
		rc.held[j] = rc.held[j][:0]
	}
}

// loudest is the format that has lost most, and of those that have lost the same
// the one to which the least was noise.
func (rc *Receiver) loudest() int {
	most := 0
	for i := range rc.held {
		if n, m := len(rc.held[i]), len(rc.held[most]); n > m || n == m && rc.noise[i] < rc.noise[most] {
			most = i
		}
	}
	return most
}
