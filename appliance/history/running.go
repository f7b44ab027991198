package history

import (
	"iter"
	"math"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// running is the quarter-hour that is not over yet. A power counts until the next
// one comes, for as long as it passes for fresh; what is longer is not known.
type running struct {
	kept func(time.Time) (Quarter, bool) // what the disk has of a quarter-hour

	quarterHour
	news bool // there is more than the disk has

	wall time.Time     // by the clock of the box, at the last look
	now  time.Duration // the same by one that nobody sets, as all times below

	power
	until   time.Duration // when the power no longer passes for fresh
	counted time.Duration // until when it is in the energies
}

// power is what the last telegram says of it.
type power struct {
	net, imported, exported float64
	apparent                bool
}

// quarterHour is what is known of the one that runs.
type quarterHour struct {
	start                      time.Time // zero: the clock of the box is not set, and nobody knows
	known                      time.Duration
	energyImport, energyExport float64 // Ws, while known
	highest, lowest            float64 // of the net power
	importWh, exportWh         telegram.Value
}

// wandering is how far the clock of the box may step: further, and it was set. Of
// the quarter-hour that ran then nobody knows which it was, and it is dropped.
const wandering = time.Minute

// begin starts the quarter-hour of t. What an earlier life has kept of it, or this
// one before its clock was put back, is gone on with.
func (r *running) begin(t time.Time) {
	r.quarterHour, r.news = quarterHour{}, false
	if !telegram.Plausible(t) {
		return
	}
	r.start = start(number(t))
	if q, ok := r.kept(r.start); ok {
		s := q.Known.Seconds()
		r.known, r.energyImport, r.energyExport = q.Known, q.Import.Or(0)*s, q.Export.Or(0)*s
		r.highest, r.lowest = q.Max.Or(0), q.Min.Or(0)
		r.importWh, r.exportWh = q.ImportWh, q.ExportWh
	}
}

// follow takes the quarter-hour to now, when the clock of the box says wall, and
// yields those that have ended, as far as anything is known of them.
func (r *running) follow(now time.Duration, wall time.Time) iter.Seq[Quarter] {
	return func(yield func(Quarter) bool) {
		if step := wall.Sub(r.wall) - (now - r.now); r.start.IsZero() || step.Abs() > wandering {
			r.begin(wall)
			r.counted = now
		}
		r.now, r.wall = now, wall
		for !r.start.IsZero() {
			end := now + r.start.Add(length).Sub(wall)
			if now < end {
				break
			}
			r.count(end)
			q, known := r.quarter()
			r.begin(r.start.Add(length))
			if known && !yield(q) {
				return
			}
		}
		r.count(now)
	}
}

// count adds the power up to t to the energies.
func (r *running) count(t time.Duration) {
	d := min(t, r.until) - r.counted
	if r.start.IsZero() || d <= 0 {
		return
	}
	if r.known == 0 {
		r.highest, r.lowest = math.Inf(-1), math.Inf(1)
	}
	r.counted += d
	r.news = true
	r.known += d
	r.energyImport += r.imported * d.Seconds()
	r.energyExport += r.exported * d.Seconds()
	r.highest, r.lowest = max(r.highest, r.net), min(r.lowest, r.net)
}

// add takes what a telegram says, from now on.
func (r *running) add(s *snapshot.Snapshot) {
	if s.At[telegram.Cumulative].Equal(s.Received) {
		r.importWh, r.exportWh = s.Get(telegram.ActiveEnergyImport), s.Get(telegram.ActiveEnergyExport)
		r.news = true
	}
	if !s.At[telegram.Instantaneous].Equal(s.Received) {
		return
	}
	net, ok := s.Get(telegram.ActivePower).Get()
	if !ok {
		r.until = 0
		return
	}
	r.power = power{
		net, s.Get(telegram.ActivePowerImport).Or(max(net, 0)), s.Get(telegram.ActivePowerExport).Or(max(-net, 0)), s.Apparent,
	}
	r.counted, r.until = r.now, r.now+s.Limit(0)
}

// quarter returns the quarter-hour as far as it is known.
func (r *running) quarter() (q Quarter, known bool) {
	if r.start.IsZero() || r.known == 0 && !r.importWh.OK() && !r.exportWh.OK() {
		return Quarter{}, false
	}
	q = Quarter{Start: r.start, ImportWh: r.importWh, ExportWh: r.exportWh, Known: min(r.known.Round(time.Second), length), Apparent: r.apparent}
	if s := r.known.Seconds(); s > 0 {
		q.Import, q.Export = telegram.Of(r.energyImport/s), telegram.Of(r.energyExport/s)
		q.Max, q.Min = telegram.Of(r.highest), telegram.Of(r.lowest)
	}
	return q, true
}
