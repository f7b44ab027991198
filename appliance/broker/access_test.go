package broker

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWhoGetsIn(t *testing.T) {
	const badPassword = 5 // "not authorized", so that nobody learns which names there are
	for _, c := range []struct {
		name      string
		login     login
		anonymous bool
		want      byte
	}{
		{"wrong password", login{id: "a", user: "mqtt", password: "wrong"}, false, badPassword},
		{"no password", login{id: "a", user: "mqtt"}, false, badPassword},
		{"another user's password", login{id: "a", user: "mqtt", password: pwMaster}, false, badPassword},
		{"unknown user", login{id: "a", user: "user", password: pwReader}, false, badPassword},
		{"anonymous where it is not allowed", login{id: "a"}, false, badPassword},
		{"wrong password where anonymous is allowed", login{id: "a", user: "mqtt", password: "wrong"}, true, badPassword},
		{"unknown user where anonymous is allowed", login{id: "a", user: "user"}, true, badPassword},
		{"password without a user where anonymous is allowed", login{id: "a", password: "x"}, true, badPassword},
		{"anonymous where it is allowed", login{id: "a"}, true, 0},
		{"user", reader, false, 0},
		{"user without an identifier", login{user: "mqtt", password: pwReader}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *Broker) { b.AllowAnonymous = c.anonymous })
			client := dial(t, b.addr)
			if _, code := client.connect(c.login); code != c.want {
				t.Errorf("return code %d, want %d", code, c.want)
			}
			refused := int64(0)
			if c.want != 0 {
				refused = 1
				if err := client.closed(patience); err != nil {
					t.Error(err)
				}
			}
			if got := b.Stats().Refused; got != refused {
				t.Errorf("%d logins refused, want %d", got, refused)
			}
		})
	}
}

func TestWrongPasswordsAreNotVerifiedForEver(t *testing.T) {
	var asked atomic.Int32
	b := start(t, func(b *Broker) {
		b.Users = []User{{Name: "slow", Verify: func(from string, p []byte) bool {
			if asked.Add(1); from != "127.0.0.1" {
				t.Errorf("verified for %q, want 127.0.0.1", from)
			}
			return string(p) == "right"
		}}}
	})
	for range 10 {
		if _, code := dial(t, b.addr).connect(login{id: "a", user: "slow", password: "wrong"}); code != 5 {
			t.Fatalf("return code %d, want 5", code)
		}
	}
	if n := asked.Load(); n > 3 {
		t.Errorf("verified %d times for 10 attempts at once, want at most 3", n)
	}
	if got := b.Stats().Refused; got != 10 {
		t.Errorf("%d logins refused, want 10", got)
	}
}

func TestVerificationsQueueAndEndWithTheBroker(t *testing.T) {
	var running, most atomic.Int32
	release := make(chan struct{})
	b := start(t, func(b *Broker) {
		b.Users = []User{{Name: "slow", Verify: func(string, []byte) bool {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return true
		}}}
	})
	for i := range 8 {
		c := dial(t, b.addr)
		c.send(packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 0}, text(fmt.Sprint(i)), text("slow"), text("x")))
	}
	eventually(t, "a password is verified", func() bool { return running.Load() == 1 })
	time.AfterFunc(100*time.Millisecond, func() { close(release) }) // one bcrypt
	b.stop()
	if n := most.Load(); n != 1 {
		t.Errorf("%d verifications at once, want 1", n)
	}
}

func TestForgedReadings(t *testing.T) {
	b := start(t, nil)
	b.says(house(100))
	watcher := enter(t, b.addr, login{id: "watcher", user: "master", password: pwMaster})
	if code := watcher.subscribe("#", 0); code != 0 {
		t.Fatalf("subscription refused: %#x", code)
	}
	watcher.until(base + "/status") // the retained ones

	forger := enter(t, b.addr, master)
	for _, topic := range []string{
		base + "/electricity", base + "/value/active_power", base + "/status", base + "/gas/1", base + "/info",
		base + "/cmd", base + "/cmd/ping/response", base + "/new", "homeassistant/device/x/config", "new", "$SYS/broker/uptime",
	} {
		forger.publish(message{topic: topic, payload: "forged", retain: true})
		forger.publish(message{topic: topic, payload: ""}) // would also delete a retained one
	}
	forger.publish(message{topic: birthTopic, payload: "birth", retain: true})
	forger.publish(message{topic: base + "/cmd/ping", payload: "real"})
	for _, m := range watcher.until(base + "/cmd/ping") {
		if m.payload == "forged" || m.payload == "" {
			t.Errorf("delivered %+v", m)
		}
	}

	// A QoS 1 forgery would have to be acknowledged: MQTT 3.1.1 knows no "no".
	forger.publish(message{topic: base + "/electricity", payload: "forged", qos: 1})
	if err := forger.closed(patience); err != nil {
		t.Errorf("after a QoS 1 forgery: %v", err)
	}

	late := enter(t, b.addr, login{id: "late", user: "master", password: pwMaster})
	late.subscribe("#", 0)
	late.send(packet(0x82, []byte{0, 11}, text(base+"/status"), []byte{0}))
	for range 2 { // the second is the answer to the second subscription: all is there
		for _, m := range late.until(base + "/status") {
			if m.payload == "forged" || m.topic == birthTopic || strings.HasPrefix(m.topic, base+"/cmd") {
				t.Errorf("retained %+v", m)
			}
		}
	}
}

func TestForgedWill(t *testing.T) {
	for _, c := range []struct {
		name string
		login
		delivered bool
	}{
		{"a reading", login{id: "w", user: "master", password: pwMaster, willTopic: base + "/electricity", willWords: "forged", willRetain: true}, false},
		{"a command without the right", login{id: "w", user: "mqtt", password: pwReader, willTopic: base + "/cmd/reset", willWords: "forged"}, false},
		{"a command", login{id: "w", user: "master", password: pwMaster, willTopic: base + "/cmd/bye", willWords: "bye", willRetain: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, nil)
			watcher := enter(t, b.addr, login{id: "watcher", user: "master", password: pwMaster})
			watcher.subscribe("#", 0)
			watcher.until(base + "/info")

			dying := enter(t, b.addr, c.login) // is let in all the same: Home Assistant leaves a will by habit
			dying.Close()
			eventually(t, "the client is gone", func() bool { return b.Stats().Clients == 1 })
			enter(t, b.addr, master).publish(message{topic: base + "/cmd/end", payload: "end"})
			got := watcher.until(base + "/cmd/end")
			delivered := slices.ContainsFunc(got, func(m message) bool { return m.topic == c.willTopic && m.payload == c.willWords })
			if delivered != c.delivered {
				t.Errorf("the will was delivered: %t, want %t; got %v", delivered, c.delivered, got)
			}
			late := enter(t, b.addr, login{id: "late", user: "master", password: pwMaster})
			late.subscribe(c.willTopic, 0)
			late.send(packet(0x82, []byte{0, 11}, text(base+"/info"), []byte{0}))
			for _, m := range late.until(base + "/info") {
				if m.payload == c.willWords {
					t.Error("the will was retained")
				}
			}
		})
	}
}

func TestDeliveryIsFiltered(t *testing.T) {
	b := start(t, nil)
	b.says(house(100))
	other := enter(t, b.addr, login{id: "other", user: "other", password: pwOther})
	for filter, want := range map[string]byte{
		base + "/electricity":           0x80,
		"smart-connect/+/status":        0x80,
		"$SYS/#":                        0x80,
		"a/#/b":                         0x80,
		base + "/value/+x":              0x80, // no filter, though the library takes it
		"a#":                            0x80,
		strings.Repeat("+/", 150) + "x": 0x80,
	} {
		if got := other.subscribe(filter, 0); got != want {
			t.Errorf("SUBACK for %q: %#x, want %#x", filter, got, want)
		}
	}
	if got := other.subscribe("#", 0); got != 0 {
		t.Fatalf("SUBACK for #: %#x, want 0: filtering is for the delivery", got)
	}
	b.says(house(200))
	enter(t, b.addr, master).publish(message{topic: base + "/cmd/secret", payload: "x"})
	var got []string
	for {
		m, err := other.receive(300 * time.Millisecond)
		if err != nil {
			break
		}
		got = append(got, strings.TrimPrefix(m.topic, base+"/"))
	}
	slices.Sort(got)
	want := []string{"value/active_energy_import", "value/active_power", "value/active_power_import", "value/quality"}
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
}

func TestClientIdentifierBelongsToItsUser(t *testing.T) {
	b := start(t, nil)
	owner := login{id: "same", user: "master", password: pwMaster, keep: true}
	a := enter(t, b.addr, owner)
	if code := a.subscribe(base+"/cmd/#", 1); code != 1 {
		t.Fatalf("SUBACK %#x", code)
	}
	// Another user under the same identifier disturbs nobody and inherits nothing.
	thief := login{id: "same", user: "other", password: pwOther, keep: true}
	enter(t, b.addr, thief)
	if err := a.alive(); err != nil {
		t.Errorf("the owner was thrown out by another user: %v", err)
	}
	a.Close()
	eventually(t, "the owner is away", func() bool { return b.Stats().Clients == 1 })
	enter(t, b.addr, master).publish(message{topic: base + "/cmd/ping", payload: "for the owner", qos: 1})

	c := dial(t, b.addr)
	if present, code := c.connect(thief); code != 0 || !present {
		t.Errorf("the other user's own session: present %t, code %d", present, code)
	}
	if m, err := c.receive(100 * time.Millisecond); err == nil {
		t.Errorf("the other user received %+v from the owner's queue", m)
	}
	a = dial(t, b.addr)
	if present, _ := a.connect(owner); !present {
		t.Error("the owner's session is lost")
	}
	if m, err := a.receive(patience); err != nil || m.payload != "for the owner" {
		t.Errorf("the owner received %+v, %v", m, err)
	}
	// The same user takes over, as the standard says.
	again := dial(t, b.addr)
	again.connect(owner)
	if err := a.closed(patience); err != nil {
		t.Errorf("taken over by the same user: %v", err)
	}
}

// The library knows the broker itself under the identifier "inline".
func TestNobodyTakesOverTheBroker(t *testing.T) {
	b := start(t, func(b *Broker) { b.AllowAnonymous = true })
	for _, l := range []login{{id: "inline"}, {id: "inline", user: "mqtt", password: pwReader}} {
		enter(t, b.addr, l).Close()
	}
	eventually(t, "they are gone", func() bool { return b.Stats().Clients == 0 })
	c := enter(t, b.addr, reader)
	c.subscribe(base+"/electricity", 0)
	b.says(house(100))
	c.until(base + "/electricity")
}

// Whatever the library has to say about a packet stays out of the log: the
// packet may be a second CONNECT, password and all.
func TestPasswordsAreNotLogged(t *testing.T) {
	var log strings.Builder
	var mu sync.Mutex
	b := start(t, func(b *Broker) {
		b.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := enter(t, b.addr, reader)
	c.send(packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 0}, text("reader"), text("mqtt"), text(pwReader)))
	_ = c.closed(patience)
	dial(t, b.addr).connect(login{id: "x", user: "mqtt", password: "wrong-" + pwReader})
	b.stop()
	mu.Lock()
	defer mu.Unlock()
	// slog prints octets as [115 101 …].
	octets := strings.Trim(fmt.Sprint([]byte(pwReader)), "[]")
	if strings.Contains(log.String(), pwReader) || strings.Contains(log.String(), octets) {
		t.Errorf("the log holds a password:\n%s", log.String())
	}
	if !strings.Contains(log.String(), "login refused") {
		t.Errorf("the log does not tell of the refused login:\n%s", log.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
