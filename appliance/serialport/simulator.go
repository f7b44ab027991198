package serialport

import (
	"context"

	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// simulator is a simulated meter, telegram by telegram at its own interval.
type simulator struct {
	ctx    context.Context
	player *sim.Player
	rest   []byte // of the telegram being read
}

func openSim(ctx context.Context, s Source, _ telegram.Line, o Options) (conn, error) {
	return &simulator{ctx: ctx, player: sim.NewPlayer(s.meter, sim.Play{Seed: s.seed, Lively: s.lively, Now: o.Now})}, nil
}

func (m *simulator) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		raw, err := m.player.Next(m.ctx)
		if err != nil {
			return 0, err
		}
		m.rest = raw
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *simulator) Close() error { return nil }
