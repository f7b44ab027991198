package sim

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Play says how a meter is played.
type Play struct {
	Seed     uint64           // the house: same seed and times, same telegrams
	Lively   bool             // see House.Lively
	Interval time.Duration    // between telegrams; 0: the meter's own
	Count    int              // telegrams in all; 0: no end
	Now      func() time.Time // the meter's clock; nil: time.Now
}

// Player is a meter at its house, telegram after telegram.
type Player struct {
	meter Meter
	play  Play
	house *House
	due   time.Time // of the next telegram, by the clock of the machine
	slot  int64     // of the next telegram, counted: by a late clock two could fall into one
	sent  int
	buf   []byte
}

// NewPlayer returns a player whose first telegram is due at once.
func NewPlayer(m Meter, p Play) *Player {
	if p.Interval <= 0 {
		p.Interval = m.Interval
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	start := p.Now()
	house := m.House(p.Seed, start)
	house.Lively = p.Lively
	m.Interval = p.Interval // counters grow by one a telegram and lists take turns at any pace
	return &Player{meter: m, play: p, house: house, due: time.Now(), slot: m.slot(start)}
}

// Next waits until the next telegram is due and returns it; it is valid until
// the next call. After the last one the error is io.EOF, and when ctx is done
// it is that of ctx. A caller that comes late gets the telegram of now: a meter
// does not say later what nobody heard.
func (p *Player) Next(ctx context.Context) ([]byte, error) {
	if p.play.Count > 0 && p.sent == p.play.Count {
		return nil, io.EOF
	}
	now := time.Now()
	wait := time.NewTimer(p.due.Sub(now))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
	}
	if ctx.Err() != nil { // both were ready
		return nil, ctx.Err()
	}
	late := max(now.Sub(p.due), 0)
	missed := late / p.play.Interval
	p.due = p.due.Add((missed + 1) * p.play.Interval)
	slot := p.slot + int64(missed)
	p.slot = slot + 1
	p.sent++
	t := p.play.Now()
	s := p.house.Look(t)
	p.buf = p.meter.encode(p.buf[:0], &s, t, slot)
	return p.buf, nil
}

// Feed writes the telegrams of a meter to w, each with one Write, until the
// last one (nil), the end of ctx (its error) or an error of w.
func Feed(ctx context.Context, w io.Writer, m Meter, p Play) error {
	player := NewPlayer(m, p)
	for {
		telegram, err := player.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(telegram); err != nil {
			return fmt.Errorf("sim: telegram %d of %s: %w", player.sent, m.Name, err)
		}
	}
}
