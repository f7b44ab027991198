package broker

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
)

// publisher says what the meter says, and that it has stopped saying anything.
// It belongs to one goroutine.
type publisher struct {
	tree       *payload.Tree
	announce   func(*snapshot.Snapshot) []payload.Message                   // nil: nothing
	live       func(*snapshot.Snapshot, snapshot.Quality) []payload.Message // nil: nothing
	staleAfter time.Duration                                                // 0: three periods
	refresh    time.Duration
	born       <-chan struct{} // Home Assistant has come up
	send       func(payload.Message) error
	log        *slog.Logger

	latest  *snapshot.Snapshot
	quality snapshot.Quality
	online  bool
	said    map[string][]byte // what describe has sent last, by topic
	failing bool
}

// begin publishes what is true before the first telegram.
func (p *publisher) begin() {
	p.quality, p.online = snapshot.Stale, false
	p.put(p.tree.Status(false))
	p.describe()
}

// run publishes every snapshot of the store, the silence after one that stays
// the last, and everything again now and then, until ctx is done.
func (p *publisher) run(ctx context.Context, store *snapshot.Store) {
	snaps := make(chan *snapshot.Snapshot)
	go func() {
		defer close(snaps)
		for s := range store.Changes(ctx) {
			select {
			case snaps <- s:
			case <-ctx.Done():
			}
		}
	}()
	silence := time.NewTimer(0)
	silence.Stop()
	refresh := time.NewTicker(p.refresh)
	defer refresh.Stop()
	defer silence.Stop()
	for {
		select {
		case s, ok := <-snaps:
			if !ok {
				return
			}
			p.latest = s
			p.publish(time.Now())
		case <-silence.C:
			p.look(time.Now())
		case <-refresh.C:
			p.again(time.Now())
		case <-p.born:
			p.said = nil
			p.describe()
		}
		if p.online || p.quality == snapshot.OK {
			silence.Reset(time.Until(payload.Expiry(p.latest, p.staleAfter)) + time.Millisecond)
		}
	}
}

// look publishes the latest snapshot once more if it has become stale.
func (p *publisher) look(now time.Time) {
	if p.latest.Quality(now, p.staleAfter) != p.quality || payload.Online(p.latest, now, p.staleAfter) != p.online {
		p.publish(now)
	}
}

// again publishes everything: the broker forgets retained messages after an
// hour, also the ones that are still true.
func (p *publisher) again(now time.Time) {
	p.said = nil
	p.put(p.tree.Status(p.online))
	if p.latest == nil {
		p.describe()
		return
	}
	p.publish(now)
}

// publish sends the latest snapshot as it is to be judged at now. A status of
// offline goes ahead of the old values, one of online follows the new ones: who
// trusts the status never trusts an old value.
func (p *publisher) publish(now time.Time) {
	was := p.online
	p.quality = p.latest.Quality(now, p.staleAfter)
	p.online = payload.Online(p.latest, now, p.staleAfter)
	if was && !p.online {
		p.put(p.tree.Status(false))
	}
	p.putAll(p.tree.Reading(p.latest, p.quality))
	if p.live != nil {
		p.putAll(p.live(p.latest, p.quality))
	}
	p.describe()
	if !was && p.online {
		p.put(p.tree.Status(true))
	}
}

// describe publishes what box and meter are and what is announced, where that
// has changed, and takes back what is announced no more.
func (p *publisher) describe() {
	messages := []payload.Message{p.tree.Info(p.latest)}
	if p.announce != nil {
		messages = append(messages, p.announce(p.latest)...)
	}
	said := make(map[string][]byte, len(messages))
	for _, m := range messages {
		said[m.Topic] = m.Payload
		if old, ok := p.said[m.Topic]; !ok || !bytes.Equal(old, m.Payload) {
			p.put(m)
		}
	}
	for topic, old := range p.said {
		if _, ok := said[topic]; !ok && len(old) > 0 {
			p.put(payload.Message{Topic: topic, Retain: true})
		}
	}
	p.said = said
}

// end says goodbye before a planned stop.
func (p *publisher) end() { p.put(p.tree.Status(false)) }

func (p *publisher) putAll(messages []payload.Message) {
	for _, m := range messages {
		p.put(m)
	}
}

func (p *publisher) put(m payload.Message) {
	err := p.send(m)
	if err != nil && !p.failing {
		p.log.Error("cannot publish", "topic", m.Topic, "error", err)
	}
	p.failing = err != nil
}
