package uplink_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
	"smartconnect/appliance/uplink"
	"smartconnect/telegram"
)

// meter publishes numbered telegrams.
type meter struct {
	store *snapshot.Store
	sent  atomic.Uint64

	mu    sync.Mutex
	merge telegram.Merge
}

func newMeter() *meter {
	m := &meter{}
	m.store = snapshot.NewStore(func() uint64 { return m.sent.Add(1) })
	return m
}

// publish publishes n telegrams at once.
func (m *meter) publish(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		var read telegram.Measurement
		read.Meter.Header = telegram.TextOf("TST5")
		read.Set(telegram.ActivePowerImport, telegram.Of(float64(m.sent.Load())))
		read.Complete(&telegram.Options{})
		now := time.Now()
		m.store.Publish(m.merge.Add(read, now), now, time.Second)
	}
}

// run publishes one in each period until ctx is done.
func (m *meter) run(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for ctx.Err() == nil {
		m.publish(1)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// TestNATSClusterLosesANode: behind a load balancer the node that the uplink speaks
// to is killed, comes back, and then the one that took its place is. With one node
// of three away the cluster has its majority each time.
func TestNATSClusterLosesANode(t *testing.T) {
	tree, err := payload.NewOutside(payload.Device{Serial: "0A1B2C3D4E5F", Model: "Smart Connect", Firmware: "1.2.3"}, "chalet", "xemex", payload.OutsideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t)
	stays := f.nodes[2]
	come := subscribe(t, stays.mqtt, tree.Base()+"/data/electricity")
	door := newBalancer(t, f.nodes[0].mqtt, f.nodes[1].mqtt, stays.mqtt)

	const window = 50
	m := newMeter()
	u := &uplink.Uplink{
		Broker: "mqtt://" + door.address, ClientID: "0A1B2C3D4E5F",
		Tree: tree, Telegrams: m.store.Reader(), Folder: t.TempDir(),
		Clock:  func() error { return nil },
		Limits: uplink.Limits{Prompt: 500 * time.Millisecond, First: 100 * time.Millisecond, Longest: 500 * time.Millisecond, Window: window},
		Log:    slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = u.Run(ctx) })
	defer func() { stop(); tasks.Wait() }()
	within(t, 20*time.Second, "the uplink is up", func() bool { return u.Stats().Up })

	reading, quiet := context.WithCancel(ctx)
	defer quiet()
	tasks.Go(func() { m.run(reading, 50*time.Millisecond) })
	// lost waits until the connection that began then is over: the next one may be up
	// sooner than anybody looks.
	lost := func(began time.Time) {
		t.Helper()
		within(t, 20*time.Second, "the loss is noticed", func() bool { s := u.Stats(); return !s.Up || !s.Since.Equal(began) })
	}
	// flows waits until n telegrams from now on have arrived.
	flows := func(n uint64) {
		t.Helper()
		from := m.sent.Load()
		within(t, 40*time.Second, "telegrams arrive", func() bool { return come.has(from + n) })
	}
	// killed kills the node that the uplink speaks to while its window is full, and
	// waits until it has gone on.
	killed := func() *node {
		t.Helper()
		n := f.at(door.backend())
		if n == nil || n == stays {
			t.Fatalf("the uplink is at %s, where no node is to be killed", door.backend())
		}
		from := m.sent.Load()
		m.publish(1000)
		within(t, 20*time.Second, "the first of many arrive", func() bool { return come.has(from + 20) })
		at, began := time.Now(), u.Stats().Since
		n.kill(t)
		lost(began)
		reasons := []uplink.Reason{u.Stats().Reason}
		within(t, 40*time.Second, "the uplink is up again", func() bool {
			s := u.Stats()
			if !s.Up && s.Reason != reasons[len(reasons)-1] {
				reasons = append(reasons, s.Reason)
			}
			return s.Up
		})
		up := time.Since(at)
		flows(40)
		t.Logf("%s killed: %v, up again after %v, telegrams flow after %v", n.name, reasons, up.Round(time.Millisecond), time.Since(at).Round(time.Millisecond))
		return n
	}
	flows(60)
	first := killed()
	first.start(t)
	first.awaitSound(t)
	flows(20)
	for f.at(door.backend()) == stays { // the other two are the ones to kill
		began := u.Stats().Since
		door.cut()
		lost(began)
		within(t, 40*time.Second, "the uplink is up again", func() bool { return u.Stats().Up })
		flows(1)
	}
	killed()
	quiet()
	sent := m.sent.Load()
	within(t, 40*time.Second, "the last telegram arrives", func() bool { return come.has(sent) })
	within(t, 20*time.Second, "everything is acknowledged", func() bool { return u.Stats().Waiting == 0 })

	arrivals, s := come.all(), u.Stats()
	a := audit(arrivals, sent, window)
	t.Logf("%d telegrams sent, %d arrivals, %d lost, %d sent again by the uplink, %d by the cluster, at most %v between two",
		sent, len(arrivals), len(a.lost), a.resent, a.repeated, a.silence.Round(time.Millisecond))
	if len(a.lost) > 0 {
		t.Errorf("lost: %v", a.lost)
	}
	for _, fault := range a.faults {
		t.Errorf("out of order: %s", fault)
	}
	if s.Sent != sent || s.Dropped+s.Damaged+s.Strayed+s.Thinned > 0 || s.DiskFault != nil {
		t.Errorf("%+v, want %d sent and nothing lost", s, sent)
	}
}
