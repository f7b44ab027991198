package broker

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"
)

// The limit ends with the login (see stuck_test.go for those who never get there).
func TestSilenceAfterTheLogin(t *testing.T) {
	everyDoor(t, func(b *Broker) { b.Limits.Connect = 200 * time.Millisecond }, func(t *testing.T, b *box, door string) {
		c := b.through(t, door).let(reader)
		time.Sleep(300 * time.Millisecond)
		if err := c.alive(); err != nil {
			t.Error(err)
		}
	})
}

func TestGiantPacketCostsNoMemory(t *testing.T) {
	everyDoor(t, nil, func(t *testing.T, b *box, door string) {
		for name, header := range map[string][]byte{
			"CONNECT of 256 MiB":       {0x10, 0xff, 0xff, 0xff, 0x7f},
			"CONNECT of 64 KiB":        {0x10, 0x80, 0x80, 0x04},
			"length of five octets":    {0x10, 0xff, 0xff, 0xff, 0xff, 0x7f},
			"PUBLISH before a CONNECT": {0x30, 0xff, 0xff, 0xff, 0x7f},
		} {
			costsNoMemory(t, name, func() *client {
				c := b.through(t, door)
				c.send(header)
				return c
			})
		}
		costsNoMemory(t, "PUBLISH of 256 MiB after the login", func() *client {
			c := b.through(t, door).let(login{user: "mqtt", password: pwReader})
			c.send([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
			return c
		})
	})
}

// A frame of a WebSocket has a length of its own.
func TestGiantFrameCostsNoMemory(t *testing.T) {
	b := start(t, nil)
	for name, length := range map[string]string{"2^62 octets": "\xff\x40\x00\x00\x00\x00\x00\x00\x00", "256 MiB": "\xff\x00\x00\x00\x00\x10\x00\x00\x00"} {
		costsNoMemory(t, "frame of "+name, func() *client {
			c := b.through(t, "ws")
			_, _ = c.Conn.(*octets).NetConn().Write([]byte("\x82" + length + "mask"))
			return c
		})
	}
}

// costsNoMemory sees that eight clients are closed and that little was allocated
// for them: TLS takes some 100 KiB for each, on both sides.
func costsNoMemory(t *testing.T, name string, come func() *client) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 8 {
		if err := come().closed(patience); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%s: 8 of them allocated %d octets, want less than 4 MiB", name, grown)
	}
}

// One and a half of 43691 s overflows 16 bits to no time at all.
func TestLongKeepalive(t *testing.T) {
	b := start(t, nil)
	c := dial(t, b.addr)
	c.send(packet(0x10, text("MQTT"), []byte{4, 0xc2, 43691 >> 8, 43691 & 0xff}, text("x"), text("mqtt"), text(pwReader)))
	if first, body, err := c.next(patience); err != nil || first != 0x20 || body[1] != 0 {
		t.Fatalf("CONNACK %#x % x, %v", first, body, err)
	}
	if err := c.alive(); err != nil {
		t.Error(err)
	}
}

func TestTooManySockets(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		want   int
	}{
		{"from one address", Limits{PerAddress: 3, Sockets: 10}, 3},
		{"in all", Limits{PerAddress: 10, Sockets: 4}, 4},
		{"from one address, as delivered", Limits{}, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *Broker) { b.Limits = c.limits })
			var in []*client
			for range c.want {
				in = append(in, enter(t, b.addr, login{user: "mqtt", password: pwReader}))
			}
			if err := dial(t, b.addr).closed(patience); err != nil {
				t.Errorf("one more than %d: %v", c.want, err)
			}
			if s := b.Stats(); s.TurnedAway != 1 || s.Sockets != c.want || s.Clients != c.want {
				t.Errorf("stats %+v, want %d sockets and clients and 1 turned away", s, c.want)
			}
			for i, c := range in {
				if err := c.alive(); err != nil {
					t.Errorf("client %d: %v", i+1, err)
				}
			}
			in[0].Close()
			eventually(t, "there is room again", func() bool { return b.Stats().Sockets == c.want-1 })
			enter(t, b.addr, reader)
		})
	}
}

func TestTooManySubscriptions(t *testing.T) {
	b := start(t, nil)
	c := enter(t, b.addr, reader)
	for i := range maxSubscriptions {
		if code := c.subscribe(fmt.Sprintf("%s/%d", base, i), 0); code != 0 {
			t.Fatalf("subscription %d refused: %#x", i+1, code)
		}
	}
	if code := c.subscribe(base+"/more", 0); code != 0x80 {
		t.Errorf("subscription %d: %#x, want 0x80", maxSubscriptions+1, code)
	}
	if code := c.subscribe(base+"/1", 0); code != 0 {
		t.Errorf("a known subscription again: %#x, want 0", code)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	b := start(t, nil)
	for i := range maxSessions + 20 {
		c := enter(t, b.addr, login{id: fmt.Sprint(i), user: "mqtt", password: pwReader, keep: true})
		c.subscribe(base+"/#", 1)
		c.Close()
		eventually(t, "it is gone", func() bool { return b.Stats().Sockets == 0 })
	}
	if n := b.server().Clients.Len(); n > maxSessions {
		t.Errorf("%d sessions are kept, want at most %d", n, maxSessions)
	}
}

func TestSlowSubscriber(t *testing.T) {
	b := start(t, nil)
	slow := enter(t, b.addr, login{id: "slow", user: "mqtt", password: pwReader})
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	slow.subscribe(base+"/#", 1)
	fast := enter(t, b.addr, login{id: "fast", user: "mqtt", password: pwReader})
	fast.subscribe(base+"/value/#", 0)

	// From here on slow reads nothing. Fill the system's buffers.
	server, l := b.server(), b.present.get().sockets
	stuck := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for v := range l.open {
			v.conn.mu.Lock()
			n := len(v.conn.pending)
			v.conn.mu.Unlock()
			if n > 64<<10 {
				return true
			}
		}
		return false
	}
	big := make([]byte, 16<<10)
	eventually(t, "the slow client is stuck", func() bool {
		if err := server.Publish(base+"/filler", big, false, 0); err != nil {
			t.Fatal(err)
		}
		return stuck()
	})
	if got := b.Stats().Cut; got != 0 {
		t.Fatal("the slow client was cut before it was stuck")
	}

	// QoS 1 is where the library would wait for the socket.
	began := time.Now()
	for i := range 20 {
		if err := server.Publish(base+"/status", []byte("online"), true, 1); err != nil {
			t.Fatal(err)
		}
		b.says(house(float64(1000 + i)))
		for want := fmt.Sprint(1000 + i); ; {
			m, err := fast.receive(patience)
			if err != nil {
				t.Fatal(err)
			}
			if m.topic == base+"/value/active_power" && m.payload == want {
				break
			}
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("20 telegrams took %v beside a client that does not read", took)
	}

	// A newcomer of the same name replaces it at once.
	began = time.Now()
	enter(t, b.addr, login{id: "slow", user: "mqtt", password: pwReader})
	if took := time.Since(began); took > time.Second {
		t.Errorf("replacing the stuck client took %v", took)
	}
}

func TestSlowSubscriberIsCut(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
	}{
		{"for what waits for it", Limits{Pending: 8 << 10, Stall: time.Hour}},
		{"for taking nothing", Limits{Pending: 1 << 30, Stall: 50 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *Broker) { b.Limits = c.limits })
			slow := enter(t, b.addr, reader)
			_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			slow.subscribe(base+"/filler", 0)
			big := make([]byte, 4<<10)
			eventually(t, "the slow client is cut off", func() bool {
				for range 20 {
					_ = b.server().Publish(base+"/filler", big, false, 0)
				}
				_, _ = slow.Write([]byte{0xc0, 0}) // talks, but does not listen
				return b.Stats().Cut == 1 && b.Stats().Sockets == 0
			})
		})
	}
}
