package uplink

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

const serial = "ABC123456789"

// program returns the path of an outside program, or skips the test; where none may
// be missing, it fails.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err == nil {
		return path
	}
	if os.Getenv("SMARTCONNECT_REQUIRE") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// mosquitto is a broker outside.
type mosquitto struct {
	t    *testing.T
	addr string
	conf string
	cmd  *exec.Cmd
}

// broker makes a mosquitto on a port of its own, with further lines of its
// configuration. It is not started yet.
func broker(t *testing.T, lines ...string) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, addr: freePort(t)}
	_, port, _ := net.SplitHostPort(m.addr)
	m.conf = filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nmax_queued_messages 0\n%s\n", port, strings.Join(lines, "\n"))
	if os.Geteuid() == 0 {
		text += "user root\n" // or it could not read the files of the test
	}
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.kill)
	return m
}

func (m *mosquitto) start() *mosquitto {
	m.t.Helper()
	m.cmd = exec.Command(program(m.t, "mosquitto"), "-c", m.conf)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	eventually(m.t, 5*time.Second, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return m
}

func (m *mosquitto) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// listening subscribes to everything and writes it down.
type listening struct {
	client mqtt.Client
	mu     sync.Mutex
	got    []mqtt.Message
}

// listen connects again by itself, as what follows a fleet does.
func listen(t *testing.T, addr string) *listening {
	t.Helper()
	l := &listening{}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("listener").SetCleanSession(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond).SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, m)
	})
	subscribed := make(chan struct{}, 1)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		if c.Subscribe("#", 1, nil).Wait() {
			select {
			case subscribed <- struct{}{}:
			default:
			}
		}
	})
	l.client = mqtt.NewClient(o)
	if c := l.client.Connect(); !c.WaitTimeout(5*time.Second) || c.Error() != nil {
		t.Fatalf("the listener cannot connect: %v", c.Error())
	}
	t.Cleanup(func() { l.client.Disconnect(0) })
	<-subscribed
	return l
}

// on returns the payloads that came on a topic below the base.
func (l *listening) on(topic string) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		if strings.TrimPrefix(m.Topic(), "devices/chalet/smart-connect/"+serial+"/") == topic {
			all = append(all, string(m.Payload()))
		}
	}
	return all
}

// powers returns the numbers of the telegrams that came, which are their powers.
func (l *listening) powers(t *testing.T) (all []int) {
	t.Helper()
	for _, text := range l.on("data/electricity") {
		var o struct {
			Power float64 `json:"active_power"`
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		all = append(all, int(o.Power))
	}
	return all
}

// meter publishes telegrams as the meter task does; each has the next number for
// its power.
type meter struct {
	store *snapshot.Store
	merge telegram.Merge
	said  int
}

func newMeter() *meter {
	var n uint64
	return &meter{store: snapshot.NewStore(func() uint64 { n++; return n })}
}

func (m *meter) say(n int) {
	for range n {
		m.said++
		now := time.Now()
		r := telegram.Measurement{Meter: telegram.Meter{ID: telegram.TextOf("E0012345")}, Period: time.Second, Time: now}
		r.Set(telegram.ActivePowerImport, telegram.Of(float64(m.said)))
		r.Set(telegram.ActiveEnergyImport, telegram.Of(1000))
		r.Complete(&telegram.Options{})
		m.store.Publish(m.merge.Add(r, now), now, time.Second)
	}
}

// patient are limits for tests: no pause is long.
var patient = Limits{
	Connect: 2 * time.Second, Write: time.Second, Ack: 2 * time.Second, Prompt: 200 * time.Millisecond,
	Sync: 200 * time.Millisecond, First: 10 * time.Millisecond, Longest: 50 * time.Millisecond,
}

// tree is that of the box at its site.
func tree(t testing.TB) *payload.Outside {
	t.Helper()
	o, err := payload.NewOutside(payload.Device{Serial: serial, Model: "smartconnect", Firmware: "1.2.3"}, "chalet", "xemex", payload.OutsideOptions{Capabilities: []string{"ping"}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// link is an uplink that runs.
type link struct {
	*Uplink
	*meter
	stop func()
}

// up runs an uplink to an address until the test ends.
func up(t *testing.T, scheme, addr string, change func(*Uplink)) *link {
	t.Helper()
	l := &link{meter: newMeter()}
	l.Uplink = &Uplink{
		Broker: scheme + addr, ClientID: serial, Tree: tree(t), Telegrams: l.store.Reader(), Folder: filepath.Join(t.TempDir(), "uplink"),
		Clock: func() error { return nil }, Limits: patient, Log: slog.New(slog.DiscardHandler),
		TLS: func() (*tls.Config, error) { return nil, errors.New("no TLS in this test") },
	}
	if change != nil {
		change(l.Uplink)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	eventually(t, time.Second, "the queue is open", func() bool { return l.queue.Load() != nil })
	l.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Error("the uplink does not end")
		}
	})
	t.Cleanup(l.stop)
	return l
}

// arrived waits until the broker has had everything that was said.
func (l *link) arrived(t *testing.T, within time.Duration) {
	t.Helper()
	time.Sleep(20 * time.Millisecond) // for the collecting
	eventually(t, within, "everything is acknowledged", func() bool { return l.Stats().Up && l.Stats().Waiting == 0 })
}

// numbers checks that 1 to n came, in order. A broker that dies, or a box that is
// killed, brings some of them again: then what follows the repetition is in order
// too.
func numbers(t *testing.T, got []int, n int) (again int) {
	t.Helper()
	next := 1
	for i, number := range got {
		switch {
		case number == next:
			next++
		case number < next && (i == 0 || number <= got[i-1]+1):
			again++
		default:
			t.Fatalf("%d follows %d, want %d", number, got[max(0, i-1)], next)
		}
	}
	if next != n+1 {
		t.Fatalf("%d telegrams came, want %d", next-1, n)
	}
	return again
}
