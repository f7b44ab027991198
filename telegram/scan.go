package telegram

import (
	"errors"
	"fmt"
	"io"
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

// Scan reads r to its end and hands every telegram and every loss to each, in
// order. A pause longer than quiet ends a telegram that would otherwise wait
// for its end for ever; quiet 0 means only the end of r does.
//
// Scan returns what ended r (io.EOF included). It does not return before its
// reading goroutine has ended, so whoever wants to stop it closes r. A reader
// that panics (the serial library does for descriptors of 1024 and above) is
// an error, not the end of the process.
func Scan(r io.Reader, f Format, quiet time.Duration, each func(Event)) error {
	type chunk struct {
		b   []byte
		err error
	}
	chunks := make(chan chunk)
	spent := make(chan struct{})
	go func() {
		defer close(chunks)
		b := make([]byte, chunkSize)
		for {
			n, err := readGuarded(r, b)
			if n > 0 || err != nil {
				chunks <- chunk{b[:n], err}
				<-spent
			}
			if err != nil {
				return
			}
		}
	}()

	var (
		buf   []byte
		timer = time.NewTimer(time.Hour)
		end   error
	)
	defer timer.Stop()
	timer.Stop()
	for end == nil {
		select {
		case c := <-chunks:
			buf = append(buf, c.b...)
			end = c.err
			spent <- struct{}{}
			buf = cutAll(f, buf, end != nil, each)
			if quiet > 0 {
				timer.Reset(quiet)
			}
		case <-timer.C:
			buf = cutAll(f, buf, true, each)
		}
	}
	for range chunks { // until the reading goroutine has ended
	}
	return end
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
