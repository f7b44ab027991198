package telegram

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// Event is what Scan found: a telegram, or something lost. Raw is valid only
// until the next event.
type Event struct {
	Raw  []byte
	Lost Loss
}

// chunkSize is what one read may bring; larger than any line delivers at once.
const chunkSize = 4096

// slowest is how long a telegram may take from its first octet to its last: one
// of the year 2007 takes 8 s at 9600 baud. The values of one that trickles in for
// minutes are as old as its beginning, and must not pass for new at its end.
const slowest = 15 * time.Second

// Scan reads r to its end and hands every telegram and every loss to each, in
// order. A pause longer than quiet ends a telegram that would otherwise wait for
// its end for ever, and so does a quarter of a minute without that end; quiet 0
// means that only the end of r does.
//
// Scan returns what ended r (io.EOF included). It does not return before its
// reading goroutine has ended, so whoever wants to stop it closes r. A reader
// that panics (the serial library does for descriptors of 1024 and above) is
// an error, not the end of the process.
func Scan(r io.Reader, f Format, quiet time.Duration, each func(Event)) error {
	return scan(r, []Format{f}, quiet, func(_ int, e Event) { each(e) })
}

// scan is Scan for several formats at once: the recogniser of each sees every
// octet, and each is told which of them an event is of.
func scan(r io.Reader, formats []Format, quiet time.Duration, each func(format int, e Event)) error {
	type chunk struct {
		b   []byte
		err error
	}
	chunks := make(chan chunk)
	spent := make(chan struct{})
	left := make(chan struct{}) // each panicked: nobody waits for chunks any more
	defer close(left)
	go func() {
		defer close(chunks)
		b := make([]byte, chunkSize)
		for {
			n, err := readGuarded(r, b)
			if n > 0 || err != nil {
				select {
				case chunks <- chunk{b[:n], err}:
				case <-left:
					return
				}
				select {
				case <-spent:
				case <-left:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()

	recognisers := make([]recogniser, len(formats))
	for i, f := range formats {
		recognisers[i] = recogniser{format: f, each: func(e Event) { each(i, e) }}
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	var end error
	for end == nil {
		select {
		case c := <-chunks:
			for b := range pieces(c.b, len(formats)) {
				for i := range recognisers {
					g := &recognisers[i]
					g.take(b)
					g.cut(quiet > 0 && time.Since(g.begun) > slowest)
				}
			}
			if end = c.err; end != nil {
				for i := range recognisers {
					recognisers[i].cut(true)
				}
			}
			spent <- struct{}{}
			if quiet > 0 {
				timer.Reset(quiet)
			}
		case <-timer.C:
			for i := range recognisers {
				recognisers[i].cut(true)
			}
		}
	}
	for range chunks { // until the reading goroutine has ended
	}
	return end
}

// pieces splits what one read brought, where several formats are tried: shorter
// than any telegram, so that what they find comes in the order of the line.
func pieces(b []byte, formats int) iter.Seq[[]byte] {
	if formats == 1 {
		return func(yield func([]byte) bool) { yield(b) }
	}
	return slices.Chunk(b, 64)
}

// recogniser is one format at work on a line.
type recogniser struct {
	format Format
	each   func(Event)
	buf    []byte
	begun  time.Time // when what waits in buf began to
	reach  int       // how much of buf is part of a telegram,
	within bool      // whether its end is inside a part, and
	grown  time.Time // since when; where the format bounds the silence
}

func (g *recogniser) take(b []byte) {
	now := time.Now()
	if g.reach > 0 && !g.within && now.Sub(g.grown) > g.format.Pause {
		g.cut(true)
	}
	if len(g.buf) == 0 {
		g.begun = now
	}
	g.buf = append(g.buf, b...)
}

func (g *recogniser) cut(quiet bool) {
	had := len(g.buf)
	if g.buf = cutAll(g.format, g.buf, quiet, g.each); len(g.buf) < had {
		g.begun, g.reach = time.Now(), 0
	}
	if g.format.Pause == 0 {
		return
	}
	reach, within := g.format.Reach(g.buf)
	if reach > g.reach {
		g.grown = time.Now()
	}
	g.reach, g.within = reach, within
}

func readGuarded(r io.Reader, b []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("telegram: reader panicked: %v", p)
		}
	}()
	return r.Read(b)
}

// cutAll reports everything that buf holds and returns what must wait for more
// octets, moved to the front of buf's memory.
func cutAll(f Format, buf []byte, quiet bool, each func(Event)) []byte {
	rest := buf
	for len(rest) > 0 {
		raw, next, lost := f.Cut(rest, quiet)
		if raw == nil && lost == (Loss{}) {
			rest = next
			break
		}
		if raw != nil || lost != (Loss{}) {
			each(Event{raw, lost})
		}
		rest = next
	}
	return buf[:copy(buf, rest)]
}

// Telegrams splits a whole file into events; nothing follows its end.
func Telegrams(b []byte, f Format, each func(Event)) {
	cutAll(f, append([]byte(nil), b...), true, each)
}

// IsEnd reports whether the error of Scan is a plain end of input.
func IsEnd(err error) bool { return errors.Is(err, io.EOF) }
