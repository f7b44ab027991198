package uplink

import (
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// rogue is a broker that does as a test says: each packet it gets is handed to
// answer, and what that returns is sent.
type rogue struct {
	addr   string
	answer func(packets.ControlPacket) []byte

	mu    sync.Mutex
	conns int
	got   []*packets.PublishPacket
}

func rogues(t *testing.T, answer func(packets.ControlPacket) []byte) *rogue {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rogue{addr: ln.Addr().String(), answer: answer}
	var all sync.WaitGroup
	t.Cleanup(func() { ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.talk(c) })
		}
	})
	return r
}

func (r *rogue) talk(c net.Conn) {
	defer c.Close()
	r.mu.Lock()
	r.conns++
	r.mu.Unlock()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		if m, ok := p.(*packets.PublishPacket); ok {
			r.mu.Lock()
			r.got = append(r.got, m)
			r.mu.Unlock()
		}
		b := r.answer(p)
		if b == nil {
			return
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func (r *rogue) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// proper answers as a broker should.
func proper(p packets.ControlPacket) []byte {
	id := func(n uint16) []byte { return []byte{byte(n >> 8), byte(n)} }
	switch p := p.(type) {
	case *packets.ConnectPacket:
		return []byte{0x20, 2, 0, 0}
	case *packets.SubscribePacket:
		return append(append([]byte{0x90, 3}, id(p.MessageID)...), 1)
	case *packets.PublishPacket:
		return append([]byte{0x40, 2}, id(p.MessageID)...)
	case *packets.PingreqPacket:
		return []byte{0xd0, 0}
	}
	return nil
}

// Acknowledgements that come twice, in any order or for nothing lose nothing.
func TestStrangeAcknowledgements(t *testing.T) {
	var held []byte
	n := 0
	r := rogues(t, func(p packets.ControlPacket) []byte {
		ack := proper(p)
		if _, ok := p.(*packets.ConnectPacket); ok {
			held = nil
		}
		if m, ok := p.(*packets.PublishPacket); ok && strings.HasSuffix(m.TopicName, "electricity") {
			n++
			held = append(append(append([]byte{}, ack...), ack...), held...) // the latest first, and twice
			held = append(held, 0x40, 2, 0xff, byte(n))                      // and one that was never asked for
			if n%10 != 0 {
				return []byte{}
			}
			ack, held = held, nil
		}
		return ack
	})
	u := up(t, "mqtt://", r.addr, nil)
	u.say(1000)
	u.arrived(t, 10*time.Second)
	if s := u.Stats(); s.Sent != 1000 {
		t.Errorf("%+v", s)
	}
}

// Nothing of a connection stays when it is gone.
func TestReconnectsLeaveNothing(t *testing.T) {
	n := 50
	if os.Getenv("SMARTCONNECT_LONG") != "" {
		n = 1000
	}
	r := rogues(t, func(p packets.ControlPacket) []byte {
		if m, ok := p.(*packets.PublishPacket); ok && strings.HasSuffix(m.TopicName, "electricity") {
			return nil
		}
		return proper(p)
	})
	files := func() int {
		names, _ := os.ReadDir("/proc/self/fd")
		return len(names)
	}
	u := up(t, "mqtt://", r.addr, func(u *Uplink) { u.Command = ignores; u.Limits.Longest = 10 * time.Millisecond })
	u.say(60)
	eventually(t, 5*time.Second, "it has connected", func() bool { return r.connections() > 5 })
	before, open := runtime.NumGoroutine(), files()
	eventually(t, time.Minute, "it connects again and again", func() bool { return r.connections() > n })
	eventually(t, 3*time.Second, "they are gone", func() bool {
		return runtime.NumGoroutine() < before+15 && files() < open+6
	})
	t.Logf("%d connections: %d goroutines before, %d after; %d descriptors, %d after", r.connections(), before, runtime.NumGoroutine(), open, files())
}
