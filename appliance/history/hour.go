package history

import (
	"math"
	"slices"
	"sync"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// quantities are those of an hour: what is worth a chart.
var quantities = [...]telegram.Quantity{
	telegram.ActivePower, telegram.ActivePowerL1, telegram.ActivePowerL2, telegram.ActivePowerL3,
	telegram.CurrentL1, telegram.CurrentL2, telegram.CurrentL3,
	telegram.VoltageL1, telegram.VoltageL2, telegram.VoltageL3,
	telegram.ActiveDemand,
}

// Quantities returns what an Hour keeps, in the order to show.
func Quantities() []telegram.Quantity { return slices.Clone(quantities[:]) }

// Seconds is how many seconds an Hour has.
const Seconds = 3600

// Hour is a value a second of each quantity for the last hour. It fills 155 KiB and
// never grows. One goroutine adds, any number read.
//
// A second in which no telegram brought new instantaneous values has none: nothing
// is repeated, so a meter that sends every ten seconds has one value in ten. Of two
// telegrams in one second the later stays.
//
// Seconds are counted by a clock that nobody sets, and told by the clock as it is
// when somebody asks: a box that woke in 1970 and has learned the time since tells
// it of what came before, too.
type Hour struct {
	epoch time.Time // of second 0

	mu       sync.Mutex
	columns  [len(quantities)][Seconds]float32 // by second; NaN where there is none
	last     int                               // newest second that has a value
	apparent bool                              // the powers are apparent ones
}

var missing = float32(math.NaN())

// NewHour returns an empty hour that begins with the second of now.
func NewHour(now time.Time) *Hour {
	return &Hour{epoch: now.Add(-time.Duration(now.Nanosecond())), last: -1}
}

func (h *Hour) second(t time.Time) int { return int(t.Sub(h.epoch) / time.Second) }

// Add notes a reading. It allocates nothing.
func (h *Hour) Add(s *snapshot.Snapshot) {
	if !s.At[telegram.Instantaneous].Equal(s.Received) {
		return
	}
	second := h.second(s.Received)
	h.mu.Lock()
	defer h.mu.Unlock()
	if second < h.last || second < 0 {
		return
	}
	for skipped := max(h.last+1, second-Seconds); skipped < second; skipped++ {
		for i := range h.columns {
			h.columns[i][skipped%Seconds] = missing
		}
	}
	for i, q := range quantities {
		value := missing
		if v, ok := s.Get(q).Get(); ok {
			value = float32(v)
		}
		h.columns[i][second%Seconds] = value
	}
	h.last, h.apparent = second, s.Apparent
}

// Window is a part of an hour.
type Window struct {
	Start   time.Time // of the first value; a whole second
	Columns []Column
}

// Column is one quantity in a Window, a value a second.
type Column struct {
	Quantity telegram.Quantity
	Unit     telegram.Unit
	Values   []float32 // NaN: missing
}

// Between returns the values from the second of from to the one before that of to,
// as far as they lie in the hour that ends with now. A quantity that is none of
// Quantities is missing throughout.
func (h *Hour) Between(from, to, now time.Time, of ...telegram.Quantity) Window {
	return h.window(from, to, now.Round(0), now.Sub(h.epoch), of)
}

// window is Between where the clock says wall, uptime after the epoch.
func (h *Hour) window(from, to, wall time.Time, uptime time.Duration, of []telegram.Quantity) Window {
	zero := wall.Add(-uptime).Round(time.Second)
	current := int(uptime / time.Second)
	first := max(at(zero, from), current+1-Seconds)
	n := max(min(at(zero, to), current+1)-first, 0)
	w := Window{Start: zero.Add(time.Duration(first) * time.Second), Columns: make([]Column, len(of))}
	for i, q := range of {
		w.Columns[i] = Column{q, q.Unit(), slices.Repeat([]float32{missing}, n)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range w.Columns {
		c := &w.Columns[i]
		if h.apparent && c.Unit == telegram.Watt && c.Quantity != telegram.ActiveDemand {
			c.Unit = telegram.VoltAmpere
		}
		if column := slices.Index(quantities[:], c.Quantity); column >= 0 {
			h.fill(c.Values, first, &h.columns[column])
		}
	}
	return w
}

// at returns which second t is, second 0 being zero; what is out of all reach is
// just that.
func at(zero, t time.Time) int {
	return int(min(max(t.Unix()-zero.Unix(), -1<<30), 1<<30))
}

// fill copies the values from second first on that the ring holds.
func (h *Hour) fill(values []float32, first int, ring *[Seconds]float32) {
	from := max(first, h.last+1-Seconds, 0)
	for to := min(first+len(values), h.last+1); from < to; {
		from += copy(values[from-first:to-first], ring[from%Seconds:])
	}
}
