package appliance

import (
	"context"
	"fmt"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/run"
	"smartconnect/appliance/snapshot"
)

// watch makes events of what only shows over time.
type watch struct {
	l          *life
	heard      bool
	since      time.Time // of the count of damaged telegrams
	good, lost uint64    // counted by then
	dropped    uint64    // by the uplink
	disk       bool      // of the uplink fails
}

func (l *life) addWatch() error {
	l.tasks = append(l.tasks, run.Task{Name: "watch", Run: func(ctx context.Context) error {
		w := &watch{l: l, since: time.Now()}
		l.events.add(eventStarted, "the box has started, version "+Version())
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case now := <-second.C:
				w.look(now)
			}
		}
	}})
	return nil
}

func (w *watch) look(now time.Time) {
	snap := w.l.store.Latest()
	w.meter(snap, now)
	if now.Sub(w.since) >= damageSpan {
		w.damage(now)
	}
	if w.l.uplink == nil {
		return
	}
	u := w.l.uplink.Stats()
	if u.Dropped > w.dropped {
		w.l.events.add(eventOverflow, fmt.Sprintf("the outage of %s is longer than what can be kept of it: %d messages were dropped, the oldest first", w.l.cfg.MQTT.Broker, u.Dropped))
	}
	if u.DiskFault != nil && !w.disk {
		w.l.events.add(eventDisk, "an outage is kept in memory only: "+u.DiskFault.Error())
	}
	w.dropped, w.disk = u.Dropped, u.DiskFault != nil
}

// meter notes that the meter is heard, or no more.
func (w *watch) meter(snap *snapshot.Snapshot, now time.Time) {
	heard := payload.Online(snap, now, 0)
	if heard == w.heard {
		return
	}
	w.heard = heard
	if heard {
		w.l.events.add(eventMeterFound, "the meter is heard: "+fullName(snap.Meter))
		return
	}
	w.l.meter.mu.Lock()
	why := w.l.meter.diagnose(snap, now)
	w.l.meter.mu.Unlock()
	w.l.events.add(eventMeterLost, string(why.state)+": "+why.detail)
}

// Of so many telegrams damaged within ten minutes there is an event.
const (
	damageSpan  = 10 * time.Minute
	damageLeast = 10
	damageShare = 10 // one in so many
)

func (w *watch) damage(now time.Time) {
	w.l.meter.mu.Lock()
	good, lost := w.l.meter.count.telegrams, uint64(0)
	for _, n := range w.l.meter.count.errors {
		lost += n
	}
	w.l.meter.mu.Unlock()
	newGood, newLost := good-w.good, lost-w.lost
	w.since, w.good, w.lost = now, good, lost
	if newLost >= damageLeast && newLost*damageShare >= newGood+newLost {
		w.l.events.add(eventDamaged, fmt.Sprintf("%d of %d telegrams of the last %v were lost: look at the cable, its length and its plugs", newLost, newGood+newLost, damageSpan))
	}
}
