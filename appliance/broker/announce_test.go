package broker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
)

func TestAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex // of sent: fake time orders nothing
		var sent []string
		var announced []payload.Message
		born := make(chan struct{}, 1)
		m := &meter{store: newStore()}
		message := func(topic, words string) payload.Message {
			return payload.Message{Topic: topic, Payload: []byte(words), Retain: true}
		}
		p := &publisher{
			tree:     payload.NewTree(device),
			announce: func(*snapshot.Snapshot) []payload.Message { return announced },
			live: func(_ *snapshot.Snapshot, q snapshot.Quality) []payload.Message {
				return []payload.Message{message("grid", string(q))}
			},
			refresh: 20 * time.Minute, born: born, log: slog.New(slog.DiscardHandler),
			send: func(m payload.Message) error {
				mu.Lock()
				defer mu.Unlock()
				if m.Topic == "grid" || m.Topic == "discovery" || m.Topic == "other" {
					sent = append(sent, m.Topic+"="+string(m.Payload))
				}
				return nil
			},
		}
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(sent, want) {
				t.Errorf("%s: published %q, want %q", when, sent, want)
			}
			sent = nil
		}
		announced = []payload.Message{message("discovery", "A"), message("other", "")}
		p.begin()
		expect("before the first telegram", "discovery=A", "other=")
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx, m.store) }()
		m.says(house(100))
		expect("a telegram that changes nothing", "grid=ok")
		announced[0] = message("discovery", "B")
		m.says(house(100))
		expect("a telegram that does", "grid=ok", "discovery=B")
		time.Sleep(6 * time.Second)
		expect("silence", "grid=stale")
		born <- struct{}{}
		expect("Home Assistant comes up", "discovery=B", "other=")
		announced = announced[1:]
		m.says(house(100))
		expect("announced no more", "grid=ok", "discovery=")
		m.says(house(100))
		expect("and not again", "grid=ok")
		time.Sleep(20 * time.Minute)
		expect("the refresh", "grid=stale", "grid=stale", "other=")
		cancel()
		<-done
	})
}

// Home Assistant says that it has come up, and the discovery goes out again: not
// for whoever may not say it, and once for many who say it together.
func TestBirth(t *testing.T) {
	const discovery = "homeassistant/device/smart-connect-" + serial + "/config"
	b := start(t, func(b *Broker) {
		b.Announce = func(*snapshot.Snapshot) []payload.Message {
			return []payload.Message{{Topic: discovery, Payload: []byte("{}"), Retain: true}}
		}
	})
	watcher := enter(t, b.addr, reader)
	if code := watcher.subscribe(discovery, 0); code != 0 {
		t.Fatalf("SUBACK %#x", code)
	}
	if m, err := watcher.receive(patience); err != nil || !m.retain || m.payload != "{}" {
		t.Fatalf("received %+v, %v; want the retained discovery", m, err)
	}
	for _, c := range []struct {
		who     login
		payload string
		want    bool
	}{
		{login{id: "x", user: "mqtt", password: pwReader}, birthWord, false},
		{login{id: "x", user: "master", password: pwMaster}, "offline", false},
		{login{id: "x", user: "master", password: pwMaster}, birthWord, true},
	} {
		enter(t, b.addr, c.who).publish(message{topic: birthTopic, payload: c.payload, retain: true})
		m, err := watcher.receive(100 * time.Millisecond)
		if got := err == nil; got != c.want {
			t.Errorf("%s says %q: discovery published %t, want %t (%+v)", c.who.user, c.payload, got, c.want, m)
		}
	}
	late := enter(t, b.addr, login{id: "late", user: "mqtt", password: pwReader})
	late.subscribe("homeassistant/#", 0)
	for _, m := range late.until(discovery) {
		if m.topic == birthTopic {
			t.Errorf("retained %+v", m)
		}
	}
}
