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
	house := m.House(p.Seed, p.Now())
	house.Lively = p.Lively
	return &Player{meter: m, play: p, house: house, due: time.Now()}
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
	p.due = p.due.Add(late.Truncate(p.play.Interval) + p.play.Interval)
	p.sent++
	t := p.play.Now()
	p.buf = p.meter.Encode(p.buf[:0], p.house.Look(t), t)
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
