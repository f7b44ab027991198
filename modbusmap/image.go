package modbusmap

import (
	"math"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// image is the whole register map after one telegram, rendered once and then
// only read: as it answers while the reading is fresh, and as it answers when
// the reading has become stale.
type image struct {
	snap         *snapshot.Snapshot
	fresh, stale face
}

// face holds the blocks of a map laid end to end.
type face struct {
	words  []byte // two a register, as they go on the wire
	refuse []bool // for each register: a request that touches it gets no value
}

func (m *Map) newFace() face {
	n := m.registers()
	return face{words: make([]byte, 2*n), refuse: make([]bool, n)}
}

// render draws the image of a snapshot, nil before the first telegram.
func (r *Registers) render(snap *snapshot.Snapshot) *image {
	img := &image{snap: snap, fresh: r.m.newFace(), stale: r.m.newFace()}
	src := Source{Measurement: &telegram.Measurement{}, Settings: &r.settings}
	if snap != nil {
		src.Measurement = &snap.Measurement
	}
	for i := range r.m.Entries {
		e := &r.m.Entries[i]
		at, _ := r.m.place(e.Addr, e.words())
		words, refuse := img.fresh.at(at, e.words())
		if e.Type == Text {
			if e.Text != nil {
				r.m.putText(words, e.Text(&src))
			}
		} else {
			r.drawFresh(e, e.value(&src), words, refuse)
		}
		staleWords, staleRefuse := img.stale.at(at, e.words())
		copy(staleWords, words)
		copy(staleRefuse, refuse)
		r.drawStale(e, snap, staleWords, staleRefuse)
	}
	return img
}

func (f *face) at(i, n int) (words []byte, refuse []bool) {
	return f.words[2*i : 2*(i+n)], f.refuse[i : i+n]
}

func (e *Entry) value(src *Source) telegram.Value {
	if e.Of == nil {
		return telegram.Value{}
	}
	v := e.Of(src)
	if x, ok := v.Get(); ok && e.Scale != 0 {
		return telegram.Of(x * e.Scale)
	}
	return v
}

func (r *Registers) drawFresh(e *Entry, v telegram.Value, words []byte, refuse []bool) {
	x, ok := v.Get()
	switch {
	case ok:
		r.m.put(words, e.Type, x)
	case e.Vital && (r.settings.WhenMissing == MissingException || e.Kind == Counter):
		fill(refuse)
	}
}

// drawStale turns the fresh registers of an entry into what the policy serves
// when the instantaneous values are no longer fresh, or never came.
func (r *Registers) drawStale(e *Entry, snap *snapshot.Snapshot, words []byte, refuse []bool) {
	policy := r.settings.WhenStale
	switch {
	case e.Kind == Constant:
	case policy == StaleException:
		fill(refuse)
	case e.Kind == Counter:
		if snap == nil {
			fill(refuse)
		}
	case policy == StaleHold:
		if snap == nil || snap.At[telegram.Instantaneous].IsZero() {
			fill(refuse)
		}
	default:
		clear(words)
		clear(refuse)
		if policy == StaleNaN && e.Type == Float32 {
			r.m.put(words, Float32, math.NaN())
		}
	}
}

func fill(refuse []bool) {
	for i := range refuse {
		refuse[i] = true
	}
}
