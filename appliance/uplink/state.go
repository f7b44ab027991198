package uplink

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// counts are what has happened since the process began.
type counts struct {
	sent, strayed, thinned, dropped, commands, refused atomic.Uint64
}

// State is how the connection is doing.
type State struct {
	Up      bool
	Reason  Reason    // why not; "" while it is up
	Detail  string    // the same in a sentence
	Since   time.Time // that it is up, or not for this reason
	NextTry time.Time // zero while up or connecting

	Peer netip.Addr // whom the box is connected to; not valid while it is not
}

// Stats is what the uplink tells about itself.
type Stats struct {
	State
	Sent      uint64 // messages acknowledged by the broker
	Waiting   int    // messages that are not
	Kept      int64  // octets of them on the disk
	Dropped   uint64 // the oldest, for which there was no room any more
	Damaged   uint64 // on the disk, and lost
	Strayed   uint64 // meant for another broker or site than that of now
	Thinned   uint64 // telegrams of a long outage that were not kept, as the owner wants
	Commands  uint64 // taken
	Refused   uint64 // commands that were retained, or too many at once
	DiskFault error  // why an outage is kept in memory only
}

// Stats returns the figures of this moment.
func (u *Uplink) Stats() Stats {
	s := Stats{
		State:    u.current(),
		Sent:     u.counts.sent.Load(),
		Dropped:  u.counts.dropped.Load(),
		Strayed:  u.counts.strayed.Load(),
		Thinned:  u.counts.thinned.Load(),
		Commands: u.counts.commands.Load(),
		Refused:  u.counts.refused.Load(),
	}
	if q := u.queue.Load(); q != nil {
		q.tell(&s)
	}
	return s
}

func (u *Uplink) current() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// set changes the state. What is news is said in the log once.
func (u *Uplink) set(next State) {
	u.mu.Lock()
	before := u.state
	next.Since = time.Now()
	if before.Up == next.Up && before.Reason == next.Reason {
		next.Since = before.Since
	}
	if next.Reason == ReasonConnecting && before.Reason != "" { // the reason that counts is why the last one failed
		next.Reason, next.Since = before.Reason, before.Since
	}
	u.state = next
	news := before.Up != next.Up || before.Reason != next.Reason
	u.mu.Unlock()
	switch {
	case !news || next.Reason == ReasonConnecting:
	case next.Up:
		u.Log.Info("uplink is up", "broker", u.Broker)
	default:
		u.Log.Warn("uplink is down", "broker", u.Broker, "reason", string(next.Reason), "detail", next.Detail)
	}
}
