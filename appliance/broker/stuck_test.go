package broker

import (
	"bytes"
	"crypto/tls"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// stuck are the states in which a socket can stay without ever becoming a
// client: how far it has come through which door. Those that keep talking do so
// until told to end.
var stuck = []struct {
	name string
	come func(t testing.TB, b *box) *client
	talk func(c *client) // again and again; nil: it says no more
}{
	{"tcp: says nothing", raw("tcp", ""), nil},
	{"tcp: half a fixed header", raw("tcp", "\x10"), nil},
	{"tcp: half a CONNECT packet", raw("tcp", "\x10\x64\x00\x04MQ"), nil},
	{"tcp: a CONNECT packet octet by octet", raw("tcp", "\x10\x7f"), drip("\x00")},
	{"tls: says nothing", raw("tls", ""), nil},
	{"tls: half a hello", raw("tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), nil},
	{"tls: a hello octet by octet", raw("tls", "\x16\x03\x01\x20\x00\x01\x00\x1f\xfc\x03\x03"), drip("\x00")},
	{"tls: shaken hands", through("tls", ""), nil},
	{"tls: half a CONNECT packet", through("tls", "\x10\x64\x00\x04MQ"), nil},
	{"ws: says nothing", raw("ws", ""), nil},
	{"ws: half a request", raw("ws", "GET /mqtt HTTP/1.1\r\nHost: b"), nil},
	{"ws: a header octet by octet", raw("ws", "GET /mqtt HTTP/1.1\r\nX: "), drip("a")},
	{"ws: header after header", raw("ws", "GET /mqtt HTTP/1.1\r\n"), drip("X: y\r\n")},
	{"ws: upgraded", through("ws", ""), nil},
	{"ws: half a CONNECT packet", through("ws", "\x10\x64\x00\x04MQ"), nil},
	{"ws: half a frame", halfFrame("ws"), nil},
	{"ws: pings of the WebSocket", through("ws", ""), func(c *client) {
		_ = c.Conn.(*octets).WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
	}},
	{"ws: frames with nothing in them", through("ws", ""), drip("")},
	{"wss: says nothing", raw("wss", ""), nil},
	{"wss: shaken hands", func(t testing.TB, b *box) *client {
		c := raw("wss", "")(t, b)
		c.Conn = tls.Client(c.Conn, clientTLS())
		if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
		c.in.Reset(c.Conn)
		return c
	}, nil},
	{"wss: upgraded", through("wss", ""), nil},
	{"wss: half a CONNECT packet", through("wss", "\x10\x64\x00\x04MQ"), nil},
}

func raw(door, first string) func(testing.TB, *box) *client {
	return func(t testing.TB, b *box) *client {
		c := b.raw(t, door)
		c.send([]byte(first))
		return c
	}
}

func through(door, first string) func(testing.TB, *box) *client {
	return func(t testing.TB, b *box) *client {
		c := b.through(t, door)
		if first != "" {
			c.send([]byte(first))
		}
		return c
	}
}

func halfFrame(door string) func(testing.TB, *box) *client {
	return func(t testing.TB, b *box) *client {
		c := b.through(t, door)
		_, _ = c.Conn.(*octets).NetConn().Write([]byte("\x82\xffabc"))
		return c
	}
}

func drip(octets string) func(*client) {
	return func(c *client) { _, _ = c.Write([]byte(octets)) }
}

// come brings a socket into every state, and lets those talk that do.
func come(t testing.TB, b *box) (all []*client) {
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	for _, s := range stuck {
		c := s.come(t, b)
		all = append(all, c)
		if s.talk == nil {
			continue
		}
		go func() {
			for range 2000 { // longer than any test
				select {
				case <-ended:
					return
				case <-time.After(5 * time.Millisecond):
					s.talk(c)
				}
			}
		}()
	}
	return all
}

func TestStuckSocketsAreCutAtTheLimit(t *testing.T) {
	b := start(t, func(b *Broker) { b.Limits = Limits{Connect: 400 * time.Millisecond, PerAddress: 90} })
	began := time.Now()
	all := come(t, b)
	if n := b.Stats().Sockets; n != len(stuck) {
		t.Errorf("%d sockets are counted, want %d: all from accept on", n, len(stuck))
	}
	if took := time.Since(began); took > 300*time.Millisecond {
		t.Logf("it took %v to come: the first may be gone", took)
	}
	for i, c := range all {
		if err := c.closed(patience); err != nil {
			t.Errorf("%s: %v", stuck[i].name, err)
		}
	}
	eventually(t, "no socket is left", func() bool { return b.Stats().Sockets == 0 })
}

// start sees that the stop takes less than a second and leaves no goroutine.
func TestStopWithStuckSockets(t *testing.T) {
	b := start(t, func(b *Broker) { b.Limits = Limits{Pending: 1 << 30, PerAddress: 90} })
	all := come(t, b)
	var deaf []*client
	for _, d := range ways {
		c := b.through(t, d.Name).let(login{user: "mqtt", password: pwReader})
		c.subscribe(base+"/filler", 0)
		deaf = append(deaf, c)
	}
	filler := make([]byte, 32<<10)
	eventually(t, "all that do not read are stuck", func() bool {
		_ = b.server().Publish(base+"/filler", filler, false, 0)
		return full(b) == len(ways)
	})
	b.stop()
	for i, c := range append(all, deaf...) {
		if err := c.closed(patience); err != nil {
			t.Errorf("socket %d: %v", i+1, err)
		}
	}
}

// full is how many clients more than 64 KiB wait for.
func full(b *box) (n int) {
	s := b.present.get().sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.open {
		if v.conn != nil {
			v.conn.mu.Lock()
			if len(v.conn.pending) > 64<<10 {
				n++
			}
			v.conn.mu.Unlock()
		}
	}
	return n
}

// Whoever was in hears that the box goes, through every door.
func TestLastWords(t *testing.T) {
	b := start(t, nil)
	b.says(house(100))
	var in []*client
	for _, d := range ways {
		c := b.through(t, d.Name).let(login{user: "mqtt", password: pwReader})
		c.subscribe(base+"/status", 1)
		for c.until(base + "/status")[0].payload != "online" {
		}
		in = append(in, c)
	}
	b.stop()
	for i, c := range in {
		if m := c.until(base + "/status"); m[0].payload != "offline" {
			t.Errorf("%s: last words %q, want offline", ways[i].Name, m[0].payload)
		}
		_, _, err := c.next(patience)
		if _, ok := c.Conn.(*octets); ok && !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("%s: ended with %v, want the goodbye of a WebSocket", ways[i].Name, err)
		}
	}
}

// The limit on what a slow client may leave waiting holds through every door, and
// nobody else waits for it.
func TestSlowSubscriberThroughEveryDoor(t *testing.T) {
	everyDoor(t, nil, func(t *testing.T, b *box, door string) {
		slow := b.through(t, door).let(login{id: "slow", user: "mqtt", password: pwReader})
		slow.subscribe(base+"/filler", 0)
		fast := enter(t, b.addr, login{id: "fast", user: "mqtt", password: pwReader})
		fast.subscribe(base+"/value/active_power", 0)
		filler := bytes.Repeat([]byte("x"), 16<<10)
		for n := 0; b.Stats().Cut == 0; n++ {
			if n == 100 {
				t.Fatalf("not cut after %d messages of 16 KiB for each of 100 telegrams", 100)
			}
			for range 100 {
				_ = b.server().Publish(base+"/filler", filler, false, 0)
			}
			b.says(house(float64(n)))
			fast.until(base + "/value/active_power")
		}
		eventually(t, "it is gone", func() bool { return b.Stats().Sockets == 1 })
	})
}
