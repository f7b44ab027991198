package dlms

import (
	"bytes"
	"fmt"

	"smartconnect/telegram"
)

// assembly puts the APDU of one push together from its frames. There is one
// meter on a line, so nothing but their order says which frames belong together.
type assembly struct {
	open   bool
	start  int // where the first frame stands
	mode   mode
	link   link
	reach  int  // where its last good frame ends, or what there is of the next one
	within bool // that one's header is there and right
	apdu   []byte
	err    error // why the push is lost already
	doubt  error // a damaged frame came while it was open

	void   int // octets since the last good frame that belong to none
	failed int // frames with a wrong check sequence in it
	frames int // good ones in it, those that came when it was lost already among them
	number int // of the last block or segment
	repeat int // where the data of the last block begin in apdu
}

// mode is the way in which a push is spread over frames.
type mode uint8

const (
	whole     mode = iota // one frame
	segments              // HDLC frames with the S bit, not numbered
	blocks                // general-block-transfer, one block in each HDLC frame
	transport             // M-Bus transport segments
	foreign               // one M-Bus frame of another application
)

// outcome says what a frame did to a push.
type outcome uint8

const (
	more       outcome = iota // it belongs to a push that goes on, or to none
	complete                  // it ends a push
	lostBefore                // it begins another push, the open one is lost
	lostWith                  // it ends a push that is lost
)

// Bounds of a push; real ones have up to 1.2 kB in up to ten blocks.
//
// Nothing in a part says of which push it is: the first block of one and, behind a
// noise that has swallowed the rest and the beginning of the next, the second block
// of that would go together. So there is an end to the noise between two parts,
// below the size of a frame.
const (
	maxAPDU   = 8 << 10
	maxBlocks = 64
	maxVoid   = 40
	maxFailed = 16
)

func (a *assembly) reset() { *a = assembly{apdu: a.apdu[:0]} }

// loss returns why the push is lost: what was found before, a damaged frame, or
// else the given reason.
func (a *assembly) loss(reason string, n int) error {
	switch {
	case a.err != nil:
		return a.err
	case a.doubt != nil:
		return a.doubt
	}
	return fmt.Errorf("dlms: %w: push cut off: "+reason, telegram.ErrDamaged, n)
}

func (a *assembly) fail(class error, format string, v ...any) {
	switch {
	case a.err != nil:
	case a.doubt != nil: // the damaged frame is what is missing
		a.err = a.doubt
	default:
		a.err = fmt.Errorf("dlms: %w: "+format, append([]any{class}, v...)...)
	}
}

// damaged notes that a frame with a wrong check sequence begins at at. Numbered
// blocks and segments show by themselves whether it was one of theirs, so that
// octets of noise which look like a damaged frame cost nothing. Frames with the
// S bit are not numbered: there it ends the push.
func (a *assembly) damaged(at int, err error) {
	a.failed++
	switch {
	case !a.open:
		a.open, a.start, a.err = true, at, err
	case a.mode == segments && a.err == nil:
		a.err = err
	case a.doubt == nil:
		a.doubt = err
	}
}

// add takes the frame that stands at at.
func (a *assembly) add(f frame, at int) outcome {
	if len(f.info) == 0 && !f.foreign {
		return more // no push: a frame that only controls the link
	}
	p := a.place(f)
	if p.first && a.open {
		return lostBefore
	}
	if !a.open {
		a.open, a.start, a.mode, a.link = true, at, p.mode, f.link
		if !p.first {
			a.fail(telegram.ErrDamaged, "%s", p.headless())
		}
	}
	a.frames++
	if !p.first && a.void > maxVoid {
		a.fail(telegram.ErrDamaged, "%d octets of noise before the next part", a.void)
	}
	a.void = 0
	if a.err == nil {
		a.put(f, p)
	}
	switch {
	case a.err != nil && p.last:
		return lostWith
	case a.err == nil && p.last:
		return complete
	}
	return more
}

// put appends the content of a frame that goes on where the last one ended.
func (a *assembly) put(f frame, p place) {
	switch {
	case f.link != a.link:
		a.fail(telegram.ErrDamaged, "frame of another link (from %d to %d, M-Bus %t) inside a push", f.link.src, f.link.dest, f.link.mbus)
	case p.mode != a.mode:
		a.fail(telegram.ErrDamaged, "a frame that cannot go on with the push")
	case p.err != nil:
		a.fail(telegram.ErrMalformed, "%w", p.err)
	case p.mode == blocks && p.number == a.number && bytes.Equal(p.data, a.apdu[a.repeat:]) && !p.first:
		return // sent twice
	case !p.first && p.mode == blocks && p.number != a.number+1:
		a.fail(telegram.ErrDamaged, "block %d follows block %d", p.number, a.number)
	case !p.first && p.mode == transport && p.number != (a.number+1)%16:
		a.fail(telegram.ErrDamaged, "segment %d follows segment %d", p.number, a.number)
	case len(a.apdu)+len(p.data) > maxAPDU || p.mode == blocks && p.number > maxBlocks:
		a.fail(telegram.ErrMalformed, "push longer than %d octets or %d blocks", maxAPDU, maxBlocks)
	default:
		a.number, a.repeat = p.number, len(a.apdu)
		a.apdu = append(a.apdu, p.data...)
	}
}

// place is where in a push a frame belongs, by what it says itself.
type place struct {
	mode        mode
	first, last bool
	number      int
	data        []byte
	err         error
}

func (p place) headless() string {
	switch p.mode {
	case blocks:
		return fmt.Sprintf("block %d without the blocks before it", p.number)
	case transport:
		return fmt.Sprintf("segment %d without the segments before it", p.number)
	}
	return "segment without the segments before it"
}

const tagBlock = 0xE0 // general-block-transfer

// place reads the place of a frame. Only an HDLC frame that goes on with S
// segments depends on what came before: its octets are free to look like
// anything but an LLC.
func (a *assembly) place(f frame) place {
	if f.foreign {
		return place{mode: foreign, first: true, last: true, data: f.info}
	}
	if f.link.mbus {
		return place{mode: transport, first: f.segment == 0, last: f.last, number: f.segment, data: f.info}
	}
	data, llc := trimLLC(f.info)
	switch within := a.open && a.mode == segments; {
	case within && !llc:
		return place{mode: segments, last: !f.segmented, data: data}
	case len(data) > 0 && data[0] == tagBlock:
		return block(data, f.segmented)
	case f.segmented:
		return place{mode: segments, first: llc, data: f.info}
	case llc || len(data) > 0 && apdus[data[0]].name != "":
		return place{mode: whole, first: true, last: true, data: f.info}
	default: // the last S segment of a push whose others were missed
		return place{mode: segments, last: true, data: data}
	}
}

// block reads a block of general-block-transfer (IEC 62056-5-3): block-control,
// block-number, block-number-ack, and the data as an octet-string.
func block(b []byte, segmented bool) place {
	const lastBlock = 0x80 // of block-control; bit 6 is streaming, 5 to 0 the window
	if len(b) < 7 {
		return place{mode: blocks, first: true, last: true, err: fmt.Errorf("block of %d octets", len(b))}
	}
	p := place{mode: blocks, number: int(b[2])<<8 | int(b[3]), last: b[1]&lastBlock != 0}
	p.first = p.number == 1
	c := cursor{b: b, at: 6}
	n := c.length()
	switch {
	case segmented:
		p.err = fmt.Errorf("block %d in a segmented frame", p.number)
	case c.err != nil || n != len(b)-c.at:
		p.err = fmt.Errorf("block %d announces %d octets of data, has %d", p.number, n, len(b)-c.at)
	default:
		p.data = c.take(n)
	}
	return p
}
