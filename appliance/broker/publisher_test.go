package broker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

var device = payload.Device{Serial: serial, Model: "Smart Connect", Firmware: "1.2.3"}

func newStore() *snapshot.Store {
	var n uint64
	return snapshot.NewStore(func() uint64 { n++; return n })
}

// house is one telegram of a meter with power, a counter and a gas meter.
func house(power float64) telegram.Measurement {
	m := telegram.Measurement{Meter: telegram.Meter{ID: telegram.TextOf("E0012345")}, Period: time.Second}
	m.Set(telegram.ActivePowerImport, telegram.Of(power))
	m.Set(telegram.ActiveEnergyImport, telegram.Of(1000))
	m.Channels[0] = telegram.Channel{
		Device: 3, ID: telegram.TextOf("G0098"), Time: time.Date(2026, 1, 15, 11, 55, 0, 0, time.UTC),
		Value: telegram.Of(12.5), Unit: telegram.CubicMetre,
	}
	m.Complete(&telegram.Options{})
	return m
}

// meter publishes telegrams as the meter task does.
type meter struct {
	merge telegram.Merge
	store *snapshot.Store
}

func (m *meter) says(t telegram.Measurement) *snapshot.Snapshot {
	now := time.Now()
	return m.store.Publish(m.merge.Add(t, now), now, time.Second)
}

// recorder is a broker that writes down what is published.
type recorder struct {
	mu       sync.Mutex
	log      []string          // "status=online", "electricity:quality=ok" and the like, in order
	retained map[string]string // by topic below the base
	err      error
}

func (r *recorder) send(m payload.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	name := strings.TrimPrefix(m.Topic, base+"/")
	r.retained[name] = string(m.Payload)
	switch name {
	case "status":
		r.log = append(r.log, "status="+string(m.Payload))
	case "electricity":
		var o struct{ Quality string }
		if err := json.Unmarshal(m.Payload, &o); err != nil {
			return err
		}
		r.log = append(r.log, "electricity="+o.Quality)
	case "info":
		r.log = append(r.log, "info")
	}
	return nil
}

// taken returns what was written down since the last call.
func (r *recorder) taken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := strings.Join(r.log, " ")
	r.log = nil
	return s
}

// kept returns what is retained on a topic.
func (r *recorder) kept(topic string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retained[topic]
}

func (r *recorder) breaks(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// publishing runs a publisher in fake time.
func publishing(t *testing.T, staleAfter time.Duration, do func(m *meter, r *recorder)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &recorder{retained: map[string]string{}}
		m := &meter{store: newStore()}
		p := &publisher{
			tree:       payload.NewTree(device),
			staleAfter: staleAfter,
			refresh:    20 * time.Minute,
			send:       r.send,
			log:        slog.New(slog.DiscardHandler),
		}
		p.begin()
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.run(ctx, m.store)
			p.end()
		}()
		synctest.Wait()
		do(m, r)
		cancel()
		<-done
	})
}

func TestSilenceAndRecovery(t *testing.T) {
	publishing(t, 0, func(m *meter, r *recorder) {
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := r.taken(); got != want {
				t.Errorf("%s: published %q, want %q", when, got, want)
			}
		}
		expect("before the first telegram", "status=offline info")
		m.says(house(100))
		expect("first telegram", "electricity=ok info status=online")
		time.Sleep(time.Second)
		m.says(house(200))
		expect("second telegram", "electricity=ok")

		time.Sleep(5 * time.Second)
		expect("at the limit", "")
		if got := r.kept("value/active_power"); got != "200" {
			t.Errorf("value/active_power at the limit = %s, want 200", got)
		}
		time.Sleep(10 * time.Millisecond)
		expect("past the limit, without a telegram", "status=offline electricity=stale")
		if got := r.kept("value/active_power"); got != "null" {
			t.Errorf("value/active_power past the limit = %s, want null", got)
		}
		if got := r.kept("value/active_energy_import"); got != "1000" {
			t.Errorf("value/active_energy_import past the limit = %s, want 1000", got)
		}
		time.Sleep(time.Minute)
		expect("a minute of silence", "")

		m.says(house(300))
		expect("recovery", "electricity=ok status=online")
		if got := r.kept("value/active_power"); got != "300" {
			t.Errorf("value/active_power after recovery = %s, want 300", got)
		}
	})
}

// An energy list shows that the meter is there, and not that the power is new.
func TestEnergyListRefreshesNothing(t *testing.T) {
	energy := house(0)
	energy.Set(telegram.ActivePowerImport, telegram.Value{})
	energy.Set(telegram.ActivePower, telegram.Value{})
	publishing(t, 0, func(m *meter, r *recorder) {
		m.says(house(100))
		synctest.Wait()
		r.taken()
		for range 6 {
			time.Sleep(time.Second)
			m.says(energy)
			synctest.Wait()
		}
		want := strings.Repeat("electricity=ok ", 5) + "status=offline electricity=stale electricity=stale"
		if got := r.taken(); got != want {
			t.Errorf("published %q, want %q", got, want)
		}
	})
}

func TestOwnersLimit(t *testing.T) {
	publishing(t, time.Minute, func(m *meter, r *recorder) {
		m.says(house(100))
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.kept("status") != "online" {
			t.Error("offline within the owner's limit of a minute")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if r.kept("status") != "offline" {
			t.Error("online past the owner's limit of a minute")
		}
	})
}

// The broker forgets retained messages after an hour, so a box without a meter
// says again that it has none, and a silent meter that it is silent.
func TestPublishedAgain(t *testing.T) {
	publishing(t, 0, func(m *meter, r *recorder) {
		r.taken()
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if got, want := r.taken(), "status=offline info status=offline info status=offline info"; got != want {
			t.Errorf("an hour without a telegram: published %q, want %q", got, want)
		}
		m.says(house(100))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		r.taken()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if got, want := r.taken(), "status=offline electricity=stale info"; got != want {
			t.Errorf("20 minutes of silence: published %q, want %q", got, want)
		}
	})
}

func TestGoodbye(t *testing.T) {
	var last *recorder
	publishing(t, 0, func(m *meter, r *recorder) {
		m.says(house(100))
		synctest.Wait()
		if r.kept("status") != "online" {
			t.Error("not online after a telegram")
		}
		last = r
	})
	if last.kept("status") != "offline" {
		t.Error("not offline after a planned stop")
	}
}

func TestFailureToPublishDoesNotStopIt(t *testing.T) {
	publishing(t, 0, func(m *meter, r *recorder) {
		r.breaks(errors.New("full"))
		m.says(house(100))
		synctest.Wait()
		r.breaks(nil)
		m.says(house(200))
		synctest.Wait()
		if got := r.kept("value/active_power"); got != "200" {
			t.Errorf("value/active_power = %q after a failure, want 200", got)
		}
	})
}

// A SUBSCRIBE that never ends must not keep readings from everybody else.
func TestRetainingWaitsNoLongerThanASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hook
		h.retained.RLock()
		begin := time.Now()
		h.retaining()()
		if waited := time.Since(begin); waited < time.Second || waited > 1100*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		h.retained.RUnlock()
		h.retaining()()
		if !h.retained.TryLock() {
			t.Error("the lock is still held")
		}
	})
}
