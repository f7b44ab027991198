package dlms

import (
	"fmt"
	"sync"

	"smartconnect/telegram"
)

// maxSpan bounds what a push takes on the line, noise between its frames
// included, and with it the memory a broken line can take. Real pushes stay
// below 1.2 kB.
const maxSpan = 12 << 10

// assemblies keeps the buffers in which APDUs are put together.
var assemblies = sync.Pool{New: func() any { return new(assembly) }}

// cut is the Cut of the format: the frames of one push, from the first to the
// last.
//
// An octet at which no frame begins is noise, and the search goes on at the very
// next one: jumping over the length that a damaged frame announces would lose
// the good frame behind it. Flags between frames are no noise. A push that
// lacks a segment is lost as one, with the segments that still come, so that
// each is counted once; the first frame of another push ends it.
func cut(buf []byte, quiet bool) (raw, rest []byte, lost telegram.Loss) {
	a := assemblies.Get().(*assembly)
	defer assemblies.Put(a)
	return a.cut(buf, quiet)
}

// cut leaves the APDU of raw in a.
func (a *assembly) cut(buf []byte, quiet bool) (raw, rest []byte, lost telegram.Loss) {
	a.reset()
	noise := 0
	for at := 0; at < len(buf); {
		if a.open && at-a.start > maxSpan {
			return nil, buf[at:], telegram.Loss{Noise: noise, Frames: a.frames, Err: a.loss("no end within %d octets", maxSpan)}
		}
		f, n, err := frameAt(buf[at:])
		if err == errIncomplete && !quiet {
			return a.wait(buf, at, noise)
		}
		if err == errIncomplete && !a.open && begun(buf[at:]) {
			err = fmt.Errorf("dlms: %w: line fell silent inside a frame, after %d octets", telegram.ErrDamaged, len(buf)-at)
		}
		void := err == errVoid || err == errIncomplete
		if !void && !a.open && noise > 0 {
			return nil, buf[at:], telegram.Loss{Noise: noise}
		}
		switch {
		case err == nil:
		case !void:
			if a.damaged(at, err); a.failed > maxFailed {
				return nil, buf[at+1:], telegram.Loss{Noise: noise, Frames: a.frames, Err: a.loss("%d damaged frames", a.failed)}
			}
			fallthrough
		default:
			if buf[at] != hdlcFlag {
				noise++
				a.void++
			}
			at++
			continue
		}
		switch a.add(f, at) {
		case complete:
			return buf[a.start : at+n], buf[at+n:], telegram.Loss{Noise: noise, Frames: a.frames}
		case lostBefore:
			return nil, buf[at:], telegram.Loss{Noise: noise, Frames: a.frames, Err: a.loss("%d octets, and then another push", at-a.start)}
		case lostWith:
			return nil, buf[at+n:], telegram.Loss{Noise: noise, Frames: a.frames, Err: a.err}
		}
		at += n
		if len(f.info) > 0 || f.foreign { // one that only controls the link goes on with nothing
			a.reach = at
		}
	}
	switch {
	case a.open && quiet:
		return nil, nil, telegram.Loss{Noise: noise, Frames: a.frames, Err: a.loss("line fell silent after %d octets", len(buf)-a.start)}
	case a.open:
		return nil, buf[a.start:], telegram.Loss{}
	}
	return nil, nil, telegram.Loss{Noise: noise}
}

// wait keeps what may still become a push: from the open one, or from the
// incomplete frame at at. Noise before it is said first.
func (a *assembly) wait(buf []byte, at, noise int) (raw, rest []byte, lost telegram.Loss) {
	if a.open && len(buf)-at > 3 { // more than flags
		a.reach, a.within = len(buf), begun(buf[at:])
	}
	if a.open {
		return nil, buf[a.start:], telegram.Loss{}
	}
	return nil, buf[at:], telegram.Loss{Noise: noise}
}

// reach is the Reach of the format. The meter sends the frames of a push one right
// behind the other. A splice of two pushes has a gap between them: those of a
// meter that sends one each second are apart by most of it.
func reach(rest []byte) (n int, within bool) {
	a := assemblies.Get().(*assembly)
	defer assemblies.Put(a)
	a.cut(rest, false)
	return a.reach, a.within
}
