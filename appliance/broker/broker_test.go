package broker

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"smartconnect/telegram"
)

// The people of the house.
const (
	pwReader = "reader-secret"
	pwMaster = "master-secret"
	pwOther  = "other-secret"
)

func people() []User {
	return []User{
		{Name: "mqtt", Verify: Password(telegram.NewSecret(pwReader)), Rules: ReadOnly(serial)},
		{Name: "master", Verify: Password(telegram.NewSecret(pwMaster)), Rules: []Rule{{Access: ReadWrite, Filter: "#"}}},
		{Name: "other", Verify: Password(telegram.NewSecret(pwOther)), Rules: []Rule{{Access: Read, Filter: base + "/value/#"}}},
	}
}

var (
	reader = login{id: "reader", user: "mqtt", password: pwReader}
	master = login{id: "master", user: "master", password: pwMaster}
)

// box is a broker that runs.
type box struct {
	*Broker
	*meter
	addr  net.Addr            // of the plain door
	doors map[string]net.Addr // of all of them
	stop  func()
}

// ways are the doors of every box here.
var ways = []Door{
	{Name: "tcp"}, {Name: "tls", TLS: serverTLS()}, {Name: "ws", WebSocket: true}, {Name: "wss", TLS: serverTLS(), WebSocket: true},
}

// start runs a broker with all doors on ports of their own until the test ends,
// and then sees that nothing of it is left.
func start(t testing.TB, set func(*Broker)) *box {
	t.Helper()
	before := runtime.NumGoroutine()
	b := &Broker{Device: device, Store: newStore(), Users: people(), Log: slog.New(slog.DiscardHandler)}
	if set != nil {
		set(b)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	task := func(name string, run func() error) {
		all.Go(func() {
			if err := run(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	task("Run", func() error { return b.Run(ctx) })
	doors := map[string]net.Addr{}
	for _, d := range ways {
		ln := listening(t)
		doors[d.Name] = ln.Addr()
		task(d.Name, func() error { return b.Admit(ctx, ln, d) })
	}
	end := func() {
		cancel()
		began := time.Now()
		ended := make(chan struct{})
		go func() { all.Wait(); close(ended) }()
		select {
		case <-ended:
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stop took %v, want less than a second", took)
			}
		case <-time.After(patience):
			t.Fatal("Run does not end")
		}
	}
	var once sync.Once
	stop := func() { once.Do(end) }
	t.Cleanup(func() {
		stop()
		// The library's own loops end a moment after its Close.
		eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	})
	eventually(t, "the broker serves", func() bool { return b.present.get() != nil })
	return &box{Broker: b, meter: &meter{store: b.Store}, addr: doors["tcp"], doors: doors, stop: stop}
}

// server is the library's.
func (b *box) server() *mqtt.Server { return b.present.get().server }

func listening(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// eventually waits for what happens by itself.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v until %s", patience, what)
		}
	}
}

func TestStopWithClients(t *testing.T) {
	b := start(t, func(b *Broker) { b.Limits = Limits{Pending: 1 << 30} })
	b.says(house(100))
	c := enter(t, b.addr, reader)
	c.subscribe(base+"/status", 1)
	for c.until(base + "/status")[0].payload != "online" {
	}
	dial(t, b.addr).send([]byte{0x10}) // has not finished its CONNECT
	stuck := enter(t, b.addr, login{id: "stuck", user: "mqtt", password: pwReader})
	_ = stuck.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	stuck.subscribe(base+"/filler", 0)
	for range 500 {
		_ = b.server().Publish(base+"/filler", make([]byte, 32<<10), false, 0)
	}

	b.stop()
	if m := c.until(base + "/status"); m[0].payload != "offline" {
		t.Errorf("last words %q, want offline", m[0].payload)
	}
	if err := c.closed(patience); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", b.addr.String()); err == nil {
		conn.Close()
		t.Error("still listens after the stop")
	}
	if s := b.Stats(); s.Clients != 0 || s.Sockets != 0 || s.Sent == 0 {
		t.Errorf("stats after the stop %+v: want no clients, no sockets, and the count of messages kept", s)
	}
}
