package appliance

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/telegram"
	"smartconnect/telegram/dlms"
	"smartconnect/telegram/p1"
	"smartconnect/telegram/tic"
)

// probe finds the line settings of a meter by listening with one after the other,
// until what comes is a telegram, and again when none has come for a minute while
// something does: a supplier may switch a French meter to another speed. An
// encrypted meter is found without its key: its frames are whole.
type probe struct {
	times  probeTimes
	remind func(line telegram.Line) // keeps the line that was found, for the next life

	mu    sync.Mutex
	order []telegram.Line // what is tried, in this order
	at    int             // which of them is tried
	round int             // how often all of them were
	known bool            // the first of them has been the meter's
	again bool            // it is tried between two others
	began time.Time       // when this one was
	heard heard           // since then
	found time.Time       // when a telegram last came, on this line; zero: not yet
	tried []api.TriedLine // the last try of each

	leaving bool // the line is to be given up, unless a telegram comes before it is
}

// click is how many octets a plug makes.
const click = 64

// heard is what came while a line was tried, since the last telegram.
type heard struct {
	octets int
	first  time.Time // of them, without a pause that is longer than any meter's
	last   time.Time
	frames int // with a right check sequence
	looks  spectrum
}

// probeTimes are how long to listen. The slowest meters send every ten seconds, but
// some lists come every minute only.
type probeTimes struct {
	stay   time.Duration // where nothing speaks for the line
	long   time.Duration // every third round, and where octets come as they should
	early  time.Duration // where they are certainly too slow for the line
	silent time.Duration // after the last telegram, before others are tried
	tick   time.Duration
}

var defaultProbeTimes = probeTimes{stay: 12 * time.Second, long: 65 * time.Second, early: 3 * time.Second, silent: 65 * time.Second, tick: 500 * time.Millisecond}

// probeLines are the settings that meters are met on, the usual ones first. Text of
// seven data bits with parity is read on eight without as well, so that 9600 8N1
// stands for both.
var probeLines = []telegram.Line{
	{Baud: 115200, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
	{Baud: 9600, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
	{Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1},
	{Baud: 2400, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
	{Baud: 2400, DataBits: 8, Parity: telegram.EvenParity, StopBits: 1},
	{Baud: 1200, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1},
	{Baud: 38400, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
}

// onLines says which of them the meters of a format are met on; a format without a row
// may be on any.
var onLines = map[string]func(telegram.Line) bool{
	p1.Format.Name:    func(l telegram.Line) bool { return l.Baud >= 9600 },
	p1.Encrypted.Name: func(l telegram.Line) bool { return l.Baud == 115200 },
	dlms.Format.Name:  func(l telegram.Line) bool { return l.DataBits == 8 },
	tic.Format.Name:   func(l telegram.Line) bool { return l.Baud == 9600 || l.Baud == 1200 },
}

// linesFor returns those of probeLines that a meter of one of the formats may be on.
func linesFor(list []telegram.Format) []telegram.Line {
	return slices.DeleteFunc(slices.Clone(probeLines), func(l telegram.Line) bool {
		return !slices.ContainsFunc(list, func(f telegram.Format) bool {
			met, some := onLines[f.Name]
			return !some || met(l)
		})
	})
}

// newProbe tries the lines, and first of them last, which was found in an earlier
// life; zero for none.
func newProbe(lines []telegram.Line, last telegram.Line, remind func(telegram.Line)) *probe {
	p := &probe{times: defaultProbeTimes, remind: remind, order: slices.Clone(lines)}
	p.prefer(last)
	return p
}

// prefer puts a line to the front of the order. One that is not in it is of another
// format, which was chosen in an earlier life.
func (p *probe) prefer(line telegram.Line) {
	i := slices.Index(p.order, line)
	if i < 0 {
		return
	}
	p.order = slices.Insert(slices.Delete(p.order, i, i+1), 0, line)
	p.at, p.again, p.known = 0, false, true
}

// now is the line that is tried; p is locked.
func (p *probe) now() telegram.Line {
	if p.again {
		return p.order[0]
	}
	return p.order[p.at]
}

// line returns the setting to listen with now, and begins to count.
func (p *probe) line(now time.Time) telegram.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.heard, p.leaving = now, heard{}, false
	return p.now()
}

// octets is told what came.
func (p *probe) octets(b []byte, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.heard.last) > p.times.silent {
		p.heard.first, p.heard.octets = now, 0
	}
	p.heard.last = now
	p.heard.octets += len(b)
	p.heard.looks.add(b)
}

// frames is told how many frames came whole, whatever becomes of them.
func (p *probe) frames(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard.frames += n
}

// telegram is told that one came whole, good or not to be read for want of a key or
// of understanding: the line is the meter's.
func (p *probe) telegram(now time.Time) {
	p.mu.Lock()
	news := p.found.IsZero()
	line := p.now()
	p.found, p.round, p.heard, p.leaving = now, 0, heard{}, false
	if news {
		p.prefer(line)
	}
	p.mu.Unlock()
	if news {
		p.remind(line)
	}
}

// leave reports whether to go on to the next line.
func (p *probe) leave(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = p.heardEnough(now)
	return p.leaving
}

func (p *probe) heardEnough(now time.Time) bool {
	if !p.found.IsZero() {
		// A cable that is out says nothing on any line, or a click.
		return p.heard.octets > click && now.Sub(p.heard.first) > p.times.silent
	}
	here := now.Sub(p.began)
	switch {
	case p.heard.promising() || p.round%3 == 2 && !p.again:
		return here > p.times.long
	case p.heard.looks.certainlySlow():
		return here > p.times.early
	}
	return here > p.times.stay
}

// promising reports whether octets come as a meter on this line would send them.
func (h *heard) promising() bool { return h.frames > 0 || h.looks.isText() }

// next gives up the line that is to be left. A telegram may have come while it was
// being closed: then it stays.
func (p *probe) next(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaving {
		p.advance(api.TriedLine{Seconds: api.Seconds(now.Sub(p.began)), Octets: p.heard.octets, Seen: p.heard.String()})
	}
}

// refused is told why the device could not be opened with the line. Some adapters have
// no seven data bits, and would end the search there; one that is not there, or not
// ours, has none of the lines, and its turn is not used up.
func (p *probe) refused(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	away := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
	if p.found.IsZero() && !away {
		p.advance(api.TriedLine{Seen: "the device cannot be opened with it"})
	}
}

// advance goes on to the next line; p is locked. From the second round on the one that
// was the meter's comes between any two others: mostly it still is, and what came was
// the noise of a cable that is out.
func (p *probe) advance(try api.TriedLine) {
	try.Line = p.now().String()
	p.tried = slices.DeleteFunc(p.tried, func(t api.TriedLine) bool { return t.Line == try.Line })
	p.tried = append(p.tried, try)
	p.found, p.leaving = time.Time{}, false
	if p.known && !p.again && p.round > 0 && 0 < p.at && p.at < len(p.order)-1 {
		p.again = true
		return
	}
	p.again = false
	if p.at++; p.at == len(p.order) {
		p.at, p.round = 0, p.round+1
	}
}

// String says what came, in words.
func (h *heard) String() string {
	switch why := h.looks.wrongLine(); {
	case h.octets == 0:
		return "nothing"
	case h.frames > 0:
		return "frames, and no telegram"
	case why != "":
		return why
	case h.looks.isText():
		return "text that is no telegram"
	}
	return "noise"
}

// state returns what is tried now and what was before; searching is false once the
// meter has been found.
func (p *probe) state() (now telegram.Line, tried []api.TriedLine, searching bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now(), slices.Clone(p.tried), p.found.IsZero()
}

// once reports whether every line has been tried.
func (p *probe) once() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tried) >= len(p.order)
}

// watch returns true once the line is to be left, and false when ctx is done.
func (p *probe) watch(ctx context.Context) (leave bool) {
	t := time.NewTicker(p.times.tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case now := <-t.C:
			if p.leave(now) {
				return true
			}
		}
	}
}
