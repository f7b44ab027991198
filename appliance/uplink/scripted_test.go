package uplink

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// scripted is a broker that answers each packet as the test wants; nil is no
// answer, and an error ends the connection.
func scripted(t *testing.T, reply func(packets.ControlPacket) ([]byte, error)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				for {
					p, err := packets.ReadPacket(c)
					if err != nil {
						return
					}
					b, err := reply(p)
					if err != nil {
						return
					}
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			})
		}
	})
	return ln.Addr().String()
}

// obliging answers as a broker does that has nothing against anybody.
func obliging(p packets.ControlPacket) []byte {
	id := func(first byte, n uint16, rest ...byte) []byte {
		return append([]byte{first, byte(2 + len(rest)), byte(n >> 8), byte(n)}, rest...)
	}
	switch p := p.(type) {
	case *packets.ConnectPacket:
		return []byte{0x20, 2, 0, 0}
	case *packets.SubscribePacket:
		return id(0x90, p.MessageID, 1)
	case *packets.PublishPacket:
		return id(0x40, p.MessageID)
	case *packets.PingreqPacket:
		return []byte{0xd0, 0}
	}
	return nil
}

// commanded gives an uplink commands to obey.
func commanded(u *Uplink) {
	u.Command = func(context.Context, string, []byte, func([]byte) error) {}
}

// A broker that refuses the subscription to commands gets the telegrams all the
// same; one that answers nonsense does not end the process.
func TestOddBrokers(t *testing.T) {
	gone := errors.New("gone")
	for _, c := range []struct {
		name   string
		reply  func(packets.ControlPacket) ([]byte, error)
		up     bool
		reason Reason // while it is not up
	}{
		{"commands are refused", func(p packets.ControlPacket) ([]byte, error) {
			if p, ok := p.(*packets.SubscribePacket); ok {
				return []byte{0x90, 3, byte(p.MessageID >> 8), byte(p.MessageID), 0x80}, nil
			}
			return obliging(p), nil
		}, true, ""},
		{"acknowledgements twice, and of what was never sent", func(p packets.ControlPacket) ([]byte, error) {
			b := obliging(p)
			if _, ok := p.(*packets.PublishPacket); ok {
				b = append(append(b, b...), 0x40, 2, 0xff, 0xff, 0x50, 2, 0xff, 0xfe)
			}
			return b, nil
		}, true, ""},
		{"more answers than questions", func(p packets.ControlPacket) ([]byte, error) {
			if p, ok := p.(*packets.SubscribePacket); ok {
				return []byte{0x90, 5, byte(p.MessageID >> 8), byte(p.MessageID), 1, 1, 1}, nil
			}
			return obliging(p), nil
		}, false, ReasonClosed},
		{"a code that no standard has", func(packets.ControlPacket) ([]byte, error) { return []byte{0x20, 2, 0, 99}, nil }, false, ReasonClosed},
		{"another packet than CONNACK", func(packets.ControlPacket) ([]byte, error) { return []byte{0xd0, 0}, nil }, false, ReasonClosed},
		{"the end at the first telegram", func(p packets.ControlPacket) ([]byte, error) {
			if p, ok := p.(*packets.PublishPacket); ok && !p.Retain {
				return nil, gone
			}
			return obliging(p), nil
		}, false, ReasonClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := up(t, "mqtt://", scripted(t, c.reply), commanded)
			u.say(3)
			if c.up {
				u.arrived(t, 5*time.Second)
				return
			}
			eventually(t, 5*time.Second, "a reason", func() bool { s := u.Stats(); return s.Reason == c.reason })
			time.Sleep(200 * time.Millisecond)
			if s := u.Stats(); s.Sent != 0 || s.Waiting != 3 {
				t.Errorf("%d sent, %d waiting, want 0 and 3: %s", s.Sent, s.Waiting, s.Detail)
			}
		})
	}
}

// A thousand connections leave nothing behind.
func TestManyConnections(t *testing.T) {
	n := 0
	var mu sync.Mutex
	addr := scripted(t, func(p packets.ControlPacket) ([]byte, error) {
		if _, ok := p.(*packets.ConnectPacket); ok {
			mu.Lock()
			n++
			mu.Unlock()
		}
		if p, ok := p.(*packets.PublishPacket); ok && !p.Retain {
			return nil, errors.New("gone")
		}
		return obliging(p), nil
	})
	before := runtime.NumGoroutine()
	u := up(t, "mqtt://", addr, func(u *Uplink) {
		commanded(u)
		u.Limits.First, u.Limits.Longest = time.Microsecond, time.Microsecond
	})
	u.say(1)
	eventually(t, 60*time.Second, "a thousand connections", func() bool { mu.Lock(); defer mu.Unlock(); return n >= 1000 })
	u.stop()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
