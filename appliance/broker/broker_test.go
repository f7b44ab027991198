package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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
	addr net.Addr
	stop func()
}

// start runs a broker on a port of its own until the test ends, and then sees
// that nothing of it is left.
func start(t testing.TB, set func(*Broker)) *box {
	t.Helper()
	before := runtime.NumGoroutine()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{Device: device, Store: newStore(), Users: people(), Log: slog.New(slog.DiscardHandler)}
	if set != nil {
		set(b)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, ln) }()
	end := func() {
		cancel()
		began := time.Now()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stop took %v, want less than a second", took)
			}
		case <-time.After(patience):
			t.Fatal("Serve does not end")
		}
	}
	var once sync.Once
	stop := func() { once.Do(end) }
	t.Cleanup(func() {
		stop()
		// The library's own loops end a moment after its Close.
		eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	})
	eventually(t, "the broker serves", func() bool { return b.server.Load() != nil })
	return &box{Broker: b, meter: &meter{store: b.Store}, addr: ln.Addr(), stop: stop}
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
		_ = b.server.Load().Publish(base+"/filler", make([]byte, 32<<10), false, 0)
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

// A restart of the box is a stop and a start with the same settings.
func TestServeAgain(t *testing.T) {
	b := &Broker{Device: device, Store: newStore(), Users: people(), Log: slog.New(slog.DiscardHandler), Addr: "127.0.0.1:0"}
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		eventually(t, "it serves", func() bool { return b.socks.Load() != nil })
		addr, _ := net.ResolveTCPAddr("tcp", b.socks.Load().Address())
		c := enter(t, addr, reader)
		c.subscribe(base+"/status", 0)
		c.until(base + "/status")
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestServeSaysWhyItEnds(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	b := &Broker{Device: device, Store: newStore(), Log: slog.New(slog.DiscardHandler), Addr: busy.Addr().String()}
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("busy address: %v", err)
	}
	b.Device.Serial = "a/b"
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serial number") {
		t.Errorf("bad serial number: %v", err)
	}
	b.Device.Serial = serial
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(t.Context(), ln) }()
	eventually(t, "it serves", func() bool { return b.server.Load() != nil })
	ln.Close()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "accept") {
			t.Errorf("listener gone: %v", err)
		}
	case <-time.After(patience):
		t.Error("goes on without a listener")
	}
}

// BenchmarkTelegram is the time from a telegram to the moment the last of the
// subscribers has all of its messages.
func BenchmarkTelegram(b *testing.B) {
	for _, subscribers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			box := start(b, func(b *Broker) { b.Limits.PerAddress = subscribers })
			got := make(chan struct{}, subscribers)
			for range subscribers {
				c := enter(b, box.addr, login{user: "mqtt", password: pwReader})
				c.subscribe(base+"/#", 0)
				go func() {
					for {
						m, err := c.receive(time.Minute)
						if err != nil {
							return
						}
						if m.topic == base+"/gas/1" {
							got <- struct{}{}
						}
					}
				}()
			}
			for b.Loop() {
				box.says(house(1))
				for range subscribers {
					<-got
				}
			}
			b.ReportMetric(float64(box.Stats().Sent)/float64(b.N)/float64(subscribers), "messages/subscriber")
		})
	}
}
