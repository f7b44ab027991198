package appliance

import (
	"time"

	"smartconnect/telegram"
)

// turns says whether telegrams of several meters come in on one line. No register
// and no topic can tell the houses apart then, so that the status must.
type turns struct {
	before, now telegram.Meter
	changes     int       // of the meter that speaks, in one go
	last        time.Time // when it changed last
}

// taking reports whether several meters take turns at now.
func (t *turns) taking(now time.Time) bool {
	return t.changes > 2 && now.Sub(t.last) < takingTurns
}

// note is told which meter spoke at now.
func (t *turns) note(m telegram.Meter, now time.Time) {
	if m.Same(t.now) {
		return
	}
	first := t.now == (telegram.Meter{})
	if now.Sub(t.last) > takingTurns {
		t.changes = 0
	}
	if !first {
		t.changes++
	}
	t.before, t.now, t.last = t.now, m, now
}

// takingTurns is how soon the next meter speaks where several share a line. An
// exchange is one change, a header that was misread without a checksum two.
const takingTurns = time.Minute
