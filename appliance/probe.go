package appliance

import (
	"context"
	"slices"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/telegram"
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
	began time.Time       // when this one was
	heard heard           // since then
	found time.Time       // when a telegram last came, on this line; zero: not yet
	tried []api.TriedLine // the last try of each
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

// newProbe tries last first, the line that was found in an earlier life; zero for
// none.
func newProbe(last telegram.Line, remind func(telegram.Line)) *probe {
	p := &probe{times: defaultProbeTimes, remind: remind, order: slices.Clone(probeLines)}
	p.prefer(last)
	return p
}

// prefer puts a line to the front of the order.
func (p *probe) prefer(line telegram.Line) {
	if line == (telegram.Line{}) {
		return
	}
	if i := slices.Index(p.order, line); i >= 0 {
		p.order = slices.Delete(p.order, i, i+1)
	}
	p.order = slices.Insert(p.order, 0, line)
	p.at = 0
}

// line returns the setting to listen with now, and begins to count.
func (p *probe) line(now time.Time) telegram.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.heard = now, heard{}
	return p.order[p.at]
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
	line := p.order[p.at]
	p.found, p.round, p.heard = now, 0, heard{}
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
	if !p.found.IsZero() {
		// A cable that is out says nothing on any line, or a click.
		return p.heard.octets > click && now.Sub(p.heard.first) > p.times.silent
	}
	here := now.Sub(p.began)
	switch {
	case p.heard.promising() || p.round%3 == 2:
		return here > p.times.long
	case p.heard.looks.certainlySlow():
		return here > p.times.early
	}
	return here > p.times.stay
}

// promising reports whether octets come as a meter on this line would send them.
func (h *heard) promising() bool { return h.frames > 0 || h.looks.isText() }

// next gives up the line.
func (p *probe) next(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.order[p.at]
	try := api.TriedLine{Line: line.String(), Seconds: api.Seconds(now.Sub(p.began)), Octets: p.heard.octets, Seen: p.heard.String()}
	p.tried = slices.DeleteFunc(p.tried, func(t api.TriedLine) bool { return t.Line == try.Line })
	p.tried = append(p.tried, try)
	p.found = time.Time{}
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
	return p.order[p.at], slices.Clone(p.tried), p.found.IsZero()
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
