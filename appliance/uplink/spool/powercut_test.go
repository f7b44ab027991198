package spool

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"
)

// model is what the log must hold, beside the log under test.
type model struct {
	records map[uint64]string // by index, all that was given to Append and can be there
	before  map[uint64]string // of the lives before: what is acknowledged may come back until that is synced
	next    uint64
	synced  uint64 // through this all is on the disk
	acked   uint64 // through this all is acknowledged, or was dropped
	done    uint64 // and that is on the disk
}

// life runs a random program of n operations on d, until something fails if the
// disk dies, and returns the log.
func (m *model) life(t *testing.T, d *memDisk, o Options, r *rand.Rand, n int) *Log {
	t.Helper()
	l := opened(t, d, "spool", o)
	m.check(t, l)
	for range n {
		if d.dies && d.fail >= 0 && len(d.steps) > d.fail {
			break
		}
		m.step(t, d, l, r)
	}
	return l
}

func (m *model) step(t *testing.T, d *memDisk, l *Log, r *rand.Rand) {
	t.Helper()
	switch op := r.IntN(20); {
	case op < 12:
		text := fmt.Sprintf("%d/%d %0*d", m.next, r.Uint64(), r.IntN(60), 0)
		index, err := l.Append([]byte(text))
		m.acked = max(m.acked, l.acked)
		if err != nil {
			m.records[m.next] = text
			if d.steps[len(d.steps)-1] == "remove" {
				m.acked = max(m.acked, l.end(0)) // the oldest may have been removed, to make room
			}
			return
		}
		if index != m.next {
			t.Fatalf("Append = %d, want %d", index, m.next)
		}
		m.records[index] = text
		m.next++
	case op < 14:
		through := m.acked + uint64(r.IntN(6))
		l.Ack(through)
		m.acked = max(m.acked, min(through, m.next-1))
	case op < 15:
		l.Ack(m.next)
		m.acked = m.next - 1
	case op < 17:
		next, acked := m.next, m.acked
		if l.Sync() == nil {
			m.synced, m.done = next-1, acked
			steps := len(d.steps)
			if err := l.Sync(); err != nil || len(d.steps) != steps {
				t.Fatalf("a second Sync: %v, and %q", err, d.steps[steps:])
			}
		}
	default:
		if !d.dies {
			m.check(t, l)
		}
	}
}

// check compares the log with the model, of the same life.
func (m *model) check(t *testing.T, l *Log) {
	t.Helper()
	got := all(t, l, 0)
	if n := uint64(len(got)); n != m.next-1-m.acked || n != l.Stats().Len {
		t.Fatalf("%d records, %+v, want %d to %d", n, l.Stats(), m.acked+1, m.next-1)
	}
	m.order(t, got)
}

func (m *model) order(t *testing.T, got []Record) {
	t.Helper()
	last := uint64(0)
	for _, r := range got {
		text, ok := m.records[r.Index]
		if !ok {
			text, ok = m.before[r.Index]
		}
		if r.Index <= last || !ok || text != string(r.Octets) {
			t.Fatalf("record %d behind %d is %q, want %q", r.Index, last, r.Octets, text)
		}
		last = r.Index
	}
}

// reborn compares the log with the model after a death, of which everything
// through kept survives, and goes on from there.
func (m *model) reborn(t *testing.T, l *Log, kept uint64) {
	t.Helper()
	got := all(t, l, 0)
	m.order(t, got)
	there := map[uint64]bool{}
	for _, r := range got {
		there[r.Index] = true
		if r.Index <= m.done {
			t.Fatalf("record %d is back; through %d it was done", r.Index, m.done)
		}
	}
	for index := m.acked + 1; index <= kept; index++ {
		if _, appended := m.records[index]; appended && !there[index] {
			t.Fatalf("record %d is lost; of %d to %d there are %d; %+v", index, m.acked+1, kept, len(got), l.Stats())
		}
	}
	s := l.Stats()
	if s.Len != uint64(len(got)) {
		t.Fatalf("%+v, want %d records", s, len(got))
	}
	// Only what was not synced is lost, in the first life of a log that drops
	// nothing; in later ones it is counted again.
	if len(m.before) == 0 && l.options.MaxBytes > 1000 && s.Lost > m.next-1-kept {
		t.Fatalf("%+v, though only the records behind %d were not synced", s, kept)
	}
}

// seeds is how many random programs are run.
func seeds() uint64 {
	if os.Getenv("SMARTCONNECT_LONG") != "" {
		return 1000
	}
	return 20
}

// Whenever the process dies or the power goes, at every step of a random program:
// nothing that was synced and not acknowledged is lost, what was acknowledged
// and synced does not come back, order is kept, nothing is invented.
func TestDeathAtEveryStep(t *testing.T) {
	for seed := range seeds() {
		o := Options{MaxBytes: 1 << 20, SegmentBytes: 200}
		if seed%3 == 0 {
			o.MaxBytes = 1000 // drops
		}
		for fail := 0; ; fail++ {
			r := rand.New(rand.NewPCG(seed, 0))
			d := newMemDisk()
			m := &model{records: map[uint64]string{}, before: map[uint64]string{}, next: 1}
			d.fail, d.dies, d.half = fail, true, fail%2 == 0
			m.life(t, d, o, r, 60)
			if len(d.steps) <= fail {
				break
			}
			r = rand.New(rand.NewPCG(seed, uint64(fail)))
			for range 3 {
				var l *Log
				synced := m.synced
				if r.IntN(4) == 0 {
					d = d.killed()
					l = opened(t, d, "spool", o)
					m.reborn(t, l, m.next-1)
				} else {
					d = d.cut(r)
					l = opened(t, d, "spool", o)
					m.reborn(t, l, m.synced)
					synced = l.next - 1 // all that there is
				}
				maps.Copy(m.before, m.records)
				m = &model{records: map[uint64]string{}, before: m.before, next: l.next, acked: l.acked, done: m.done, synced: synced}
				for _, r := range all(t, l, 0) {
					m.records[r.Index] = string(r.Octets)
				}
				d.fail, d.dies, d.half = len(d.steps)+r.IntN(40), true, r.IntN(2) == 0
				for range 30 {
					if len(d.steps) > d.fail {
						break
					}
					m.step(t, d, l, r)
				}
			}
		}
	}
}

// Whatever step fails, once, the log is as if the call had not been made, and
// the next one works: all that Append has taken is there, also after the power
// goes behind the next Sync.
func TestFaultAtEveryStep(t *testing.T) {
	for seed := range seeds() {
		for fail := 0; ; fail++ {
			r := rand.New(rand.NewPCG(seed, 1))
			d := newMemDisk()
			d.fail = fail
			o := Options{MaxBytes: 1 << 20, SegmentBytes: 200}
			m := &model{records: map[uint64]string{}, before: map[uint64]string{}, next: 1}
			l := m.life(t, d, o, r, 60)
			if len(d.steps) <= fail {
				break
			}
			m.check(t, l)
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
			m.synced, m.done = m.next-1, m.acked
			after := opened(t, d.cut(r), "spool", o)
			m.reborn(t, after, m.synced)
			m.check(t, after)
			if s := after.Stats(); s.Lost > 0 || s.Dropped > 0 {
				t.Fatalf("seed %d, fault at %d (%s): %+v", seed, fail, d.steps[fail], s)
			}
		}
	}
}

// What the medium no longer gives costs the records that are there, and is
// counted.
func TestBadPage(t *testing.T) {
	d := newMemDisk()
	l := opened(t, d, "spool", Options{})
	for n := 1; n <= 500; n++ {
		if _, err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range d.names {
		f.bad = 2
	}
	for _, l := range []*Log{l, opened(t, d, "spool", Options{})} {
		got := numbers(t, all(t, l, 0))
		if s := l.Stats(); len(got) < 500-4096/32-2 || uint64(len(got)) != s.Len || s.Len+s.Lost != 500 || got[len(got)-1] != 500 {
			t.Errorf("%d records up to %d, %+v", len(got), got[len(got)-1], s)
		}
	}
}
