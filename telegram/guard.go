package telegram

import (
	"fmt"
	"slices"
)

// Guard refuses telegrams that somebody else may have put on the line: those
// that were heard before and are played again, plain ones on a line that is known
// to encrypt, and those without a tag from a meter whose tags have been verified
// (what has none can be changed at will). It belongs to the meter task. The zero Guard refuses
// replays alone.
type Guard struct {
	RequireEncryption bool // refuse telegrams that are not encrypted

	Restarts int // how many counters were taken for started anew

	senders [8]sender // the last to be heard first; a line has one, or two after an exchange
}

// sender is who has the invocation counter (IEC 62056-5-3: one for each system
// title and key).
type sender struct {
	title   Text
	counter uint32 // of the last telegram accepted
	tags    bool   // a tag of it was verified
	old     uint32 // of the last one refused
	refused int    // in a row, each later than the one before
}

// rebase is how many refused telegrams in a row, their counters growing, are
// taken for a counter that has started anew: a meter that lost its memory must
// not stay unheard for ever. Whoever plays old telegrams has to keep it up for
// that long, and the status says so meanwhile.
const rebase = 20

// Check returns why m must not be used, nil if it may be. The first telegram of
// a sender is the base: counters are not kept across restarts, which would cost
// the flash a write for each.
func (g *Guard) Check(m *Measurement) error {
	if !m.Seal.Encrypted && g.RequireEncryption {
		return fmt.Errorf("telegram: %w (Meter.RequireEncryption)", ErrUnencrypted)
	}
	if m.Seal.Title.Empty() {
		return nil
	}
	if !m.Seal.Authenticated && g.tags(m.Seal.Title) {
		return fmt.Errorf("telegram: %w (system title %s)", ErrUntagged, m.Seal.Title)
	}
	if !m.Seal.Encrypted && !m.Seal.Authenticated {
		return nil // anybody could have written its title and its counter
	}
	s := g.sender(m.Seal.Title)
	tags := s.tags || m.Seal.Authenticated
	first, n := m.Seal.Counter-m.Seal.Spread, m.Seal.Counter
	if s.title.Empty() || first > s.counter {
		*s = sender{title: m.Seal.Title, counter: n, tags: tags}
		return nil
	}
	if s.refused++; s.refused > 1 && first <= s.old {
		s.refused = 1
	}
	s.old = n
	if s.refused >= rebase {
		g.Restarts++
		*s = sender{title: m.Seal.Title, counter: n, tags: tags}
		return nil
	}
	return fmt.Errorf("telegram: %w: counter %d, and %d was heard before (system title %s)", ErrReplay, first, s.counter, m.Seal.Title)
}

// tags reports whether tags of the sender have been verified.
func (g *Guard) tags(title Text) bool {
	return slices.ContainsFunc(g.senders[:], func(s sender) bool { return s.title == title && s.tags })
}

// sender returns the entry of a title and moves it to the front; a new one
// takes the place of the one heard longest ago.
func (g *Guard) sender(title Text) *sender {
	at := len(g.senders) - 1
	for i := range g.senders {
		if g.senders[i].title == title {
			at = i
			break
		}
	}
	found := g.senders[at]
	if found.title != title {
		found = sender{}
	}
	copy(g.senders[1:at+1], g.senders[:at])
	g.senders[0] = found
	return &g.senders[0]
}
