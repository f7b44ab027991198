package appliance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// causes says what each error of a lost telegram means for whoever stands before
// the meter: a word, and what to look for. The first that fits counts.
var causes = [...]struct {
	err    error
	state  api.MeterState
	advice string
}{
	{telegram.ErrKeyRequired, api.KeyRequired, "the meter encrypts, and no key is set: ask the grid operator for it and enter it as Meter.Key"},
	{telegram.ErrAuthKeyWrong, api.KeyWrong, "Meter.Key is right and Meter.AuthKey is not: compare it with the grid operator's, or leave it out"},
	{telegram.ErrKeyWrong, api.KeyWrong, "Meter.Key does not decrypt them: compare it with the grid operator's, and the meter with the one it was given out for"},
	{telegram.ErrUnencrypted, api.Unencrypted, "they are not encrypted, and a key is set: clear Meter.Key if the meter does not encrypt"},
	{telegram.ErrUntagged, api.Unencrypted, "they carry no tag, and those before did: somebody else may speak on this line"},
	{telegram.ErrDecrypt, api.KeyWrong, "they cannot be decrypted"},
	{telegram.ErrReplay, api.Replay, "they were heard before: something plays old telegrams on this line"},
	{telegram.ErrListUnknown, api.ListUnknown, "they come whole, and nobody knows what their values mean: Meter.List can name them"},
	{telegram.ErrUnsupported, api.ListUnknown, "they come whole, in a form that this version does not read"},
	{telegram.ErrChecksum, api.ChecksumError, "they come damaged: look at the cable, its length and its plugs"},
	{telegram.ErrDamaged, api.ChecksumError, "they come with parts missing: look at the cable, its length and its plugs"},
	{telegram.ErrMalformed, api.ListUnknown, "they come whole, and cannot be read"},
}

// causeOf returns the index of the cause of an error.
func causeOf(err error) int {
	for i := range causes {
		if errors.Is(err, causes[i].err) {
			return i
		}
	}
	return len(causes) - 1
}

// since is what came after the last telegram that brought power or currents, or,
// from a meter that never sends any, after the last telegram: why a meter is
// stale.
type since struct {
	octets, telegrams, damaged uint64
	first                      time.Time // when octets began to come
	by                         [len(causes)]uint64
	damage                     [len(causes)]error // the last of each cause
	damagedAt                  time.Time          // when the last one came
	looks                      spectrum
	bursts                     int       // of octets, with silence between them
	burst                      uint64    // octets in the last one
	began                      time.Time // when it did
}

// take notes octets, and whether the line was silent before them.
func (s *since) take(b []byte, now time.Time, silence bool) {
	if s.octets == 0 {
		s.first = now
	}
	if s.octets == 0 || silence {
		s.bursts++
		s.burst, s.began = 0, now
	}
	s.octets += uint64(len(b))
	s.burst += uint64(len(b))
	s.looks.add(b)
}

// amidst reports whether a telegram may just be coming in. The burst before it may
// have been the end of another one, on a line that was opened in its middle.
func (s *since) amidst(now time.Time) bool {
	return s.octets > 0 && s.bursts <= 2 && s.burst <= longest && now.Sub(s.began) <= enough
}

// lose notes a lost telegram.
func (s *since) lose(err error, now time.Time) {
	i := causeOf(err)
	s.damaged++
	s.by[i]++
	s.damage[i], s.damagedAt = err, now
}

// worst returns the most frequent cause.
func (s *since) worst() int {
	most := 0
	for i := range s.by {
		if s.by[i] > s.by[most] {
			most = i
		}
	}
	return most
}

const (
	// patience is how long nothing may come before that is worth a word: the
	// slowest meters send every ten seconds.
	patience = 12 * time.Second
	// longest bounds a telegram: so many octets without one hold none. The
	// longest have 2.4 kB, and the first is met in its middle.
	longest = 5000
	// slowest is how long a meter may pause between its telegrams: some send
	// theirs every minute.
	slowest = 70 * time.Second
	// enough is how long octets may come before they should have made one.
	enough = 15 * time.Second
)

// noise reports whether what has come since are octets and hardly anything that
// looks like a telegram.
func (s *since) noise(now time.Time) bool {
	return s.octets > longest*max(s.damaged, 1) || s.damaged == 0 && s.octets > 0 && now.Sub(s.first) > enough
}

// damagedWithin reports whether telegrams are lost, the last one not longer ago
// than that.
func (s *since) damagedWithin(span time.Duration, now time.Time) bool {
	return s.damaged > 0 && now.Sub(s.damagedAt) < span && !s.noise(now)
}

// loss is the finding of telegrams that come and are lost.
func (s *since) loss(level api.State) finding {
	i := s.worst()
	return found(causes[i].state, level, "%d telegrams came and none could be used: %s (the last one: %v)", s.damaged, causes[i].advice, s.damage[i])
}

// finding is a diagnosis: in one word, how bad that is, and why in a sentence.
type finding struct {
	state  api.MeterState
	level  api.State
	detail string
}

func found(state api.MeterState, level api.State, format string, a ...any) finding {
	return finding{state, level, fmt.Sprintf(format, a...)}
}

// diagnose says how the meter is doing. What counts is what has come since the
// last telegram that was wanted. m.mu is held.
func (m *meter) diagnose(snap *snapshot.Snapshot, now time.Time) finding {
	c := &m.count
	silent := now.Sub(c.lastOctets)
	if c.lastOctets.IsZero() {
		silent = now.Sub(c.opened)
	}
	_, measured := snap.Age(now)
	lost := api.Fault // how bad it is that nothing comes
	if c.telegrams > 0 {
		lost = api.Stale
	}
	// A list that comes every minute is not missed after a quarter of one.
	usual := 3 * min(max(c.silences.usual(), c.pauses.usual()), longestPause)
	gone := silent > max(patience, usual)
	heard := snap != nil && now.Sub(snap.Received) <= max(snap.Limit(0), usual)
	switch {
	case c.opened.IsZero() && c.fault != nil:
		return found(api.NoSignal, api.Fault, "the source cannot be read: %v", c.fault)
	case c.opened.IsZero():
		return found(api.NoSignal, api.Waiting, "opening the source")
	case heard && c.turns.taking(now):
		return found(api.SeveralMeters, api.Fault, "telegrams of several meters take turns on this line (%s, %s): one meter a line", fullName(c.turns.before), fullName(c.turns.now))
	case snap.Fresh(now, 0) && c.warnings > 0:
		return found(api.MeterOK, api.OK, "%d values in good telegrams could not be read", c.warnings)
	case snap.Fresh(now, 0):
		return finding{api.MeterOK, api.OK, ""}
	case m.keyFault != nil && c.octets > 0 && !gone:
		return found(api.KeyInvalid, api.Fault, "%v: enter the 32 hex digits that the grid operator gave out", m.keyFault)
	case c.telegrams == 0 && c.since.damagedWithin(max(slowest, usual), now):
		return c.since.loss(api.Fault)
	case gone && c.octets == 0:
		return found(api.NoSignal, api.Fault, "nothing has been received for %s: is the cable in, and is the port activated by the grid operator?", brief(silent))
	case gone && c.telegrams > 0:
		return found(api.MeterStale, api.Stale, "nothing has been received for %s: the cable, the meter or its port has gone", brief(silent))
	case gone && c.since.damaged > 0:
		return found(api.NoSignal, api.Fault, "nothing has been received for %s; before that %s", brief(silent), c.since.loss(api.Fault).detail)
	case gone:
		return found(api.NoSignal, api.Fault, "nothing has been received for %s, and no telegram before that", brief(silent))
	case heard && !measured:
		return found(api.MeterOK, api.OK, "telegrams come, but none with electrical power or currents")
	case heard && c.since.telegrams > 0 && c.since.damaged > 0:
		return found(api.MeterStale, api.Stale, "telegrams come, but none with electrical power or currents any more; %d were lost, the last one: %v", c.since.damaged, c.since.damage[c.since.worst()])
	case heard && c.since.telegrams > 0:
		return found(api.MeterStale, api.Stale, "telegrams come, but none with electrical power or currents any more")
	case c.telegrams > 0 && silent > max(2*quietLine, usual):
		return found(api.MeterStale, api.Stale, "nothing has been received for %s", brief(silent))
	case c.since.damagedWithin(max(patience, usual), now):
		return c.since.loss(lost)
	case c.telegrams > 0 && c.since.amidst(now):
		return found(api.MeterStale, api.Stale, "no telegram has come for %s, and octets come now", brief(now.Sub(snap.Received)))
	case c.since.noise(now) && !c.since.amidst(now) || c.telegrams > 0 && c.since.octets > 0:
		return m.noise(lost)
	case c.octets > 0 && c.telegrams == 0:
		return found(api.Receiving, api.Waiting, "octets come, no whole telegram yet")
	case c.telegrams == 0:
		return found(api.NoSignal, api.Waiting, "waiting for the first telegram")
	}
	return found(api.MeterStale, api.Stale, "no telegram has come for %s", brief(now.Sub(snap.Received)))
}

// noise tells octets that are no telegram apart by what they look like.
func (m *meter) noise(level api.State) finding {
	c := &m.count.since
	if m.probe != nil {
		line, _, searching := m.probe.state()
		switch {
		case searching && !m.probe.once():
			return found(api.Receiving, api.Waiting, "octets come: looking for the line settings of the meter, now with %s", line)
		case searching:
			return found(api.WrongLine, level, "octets come and no telegram on any of the line settings that meters have, still looking, now with %s: is it a meter that speaks there, with a signal that is not inverted?", line)
		}
	}
	if why := c.looks.wrongLine(); why != "" {
		return found(api.WrongLine, level, "%d octets came and no telegram, since the line settings%s are not the meter's: %s; %s, such as 9600 7E1 for an old P1 meter or 2400 8E1 for wired M-Bus", c.octets, m.lineInWords(), why, m.whereToSet())
	}
	return found(api.Garbage, level, "%d octets came and no telegram: is it a meter that speaks there, with a signal that is not inverted, and are the line settings%s its own?", c.octets, m.lineInWords())
}

// whereToSet says who sets the line.
func (m *meter) whereToSet() string {
	if m.line == (telegram.Line{}) && m.probe == nil {
		return "set them on the gateway"
	}
	return "Meter.Line sets them"
}

// lineInWords is the line in a sentence, "" for a source that has none of its own.
func (m *meter) lineInWords() string {
	line := m.line
	if m.probe != nil {
		line, _, _ = m.probe.state()
	}
	if line == (telegram.Line{}) {
		return ""
	}
	return " (" + line.String() + ")"
}

// fullName tells apart meters of which only the header or the identifier differs.
func fullName(m telegram.Meter) string {
	return strings.TrimSpace(m.Header.String() + " " + m.ID.String())
}
