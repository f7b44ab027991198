package uplink

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// The library indexes its topics by the codes that come: one too many and it
// panics, in a goroutine of its own, and with it the box.
func TestSubackTooLong(t *testing.T) {
	if os.Getenv("UPLINK_SUBACK") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=TestSubackTooLong$")
		cmd.Env = append(os.Environ(), "UPLINK_SUBACK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("the process ends with %v: %.400s", err, out)
		}
		return
	}
	r := rogues(t, func(p packets.ControlPacket) []byte {
		if p, ok := p.(*packets.SubscribePacket); ok {
			return []byte{0x90, 4, byte(p.MessageID >> 8), byte(p.MessageID), 1, 1}
		}
		return proper(p)
	})
	u := up(t, "mqtt://", r.addr, func(u *Uplink) { u.Command = ignores })
	eventually(t, 5*time.Second, "it connects again", func() bool { return r.connections() > 2 })
	if s := u.Stats(); s.Up || !strings.Contains(s.Detail, "SUBACK") {
		t.Errorf("%+v", s.State)
	}
}

// A code that MQTT 3.1.1 does not have is a refusal, too.
func TestUnknownRefusal(t *testing.T) {
	for _, code := range []byte{6, 0x80, 0x87, 0xfe, 0xff} {
		r := rogues(t, func(packets.ControlPacket) []byte { return []byte{0x20, 2, 0, code} })
		var log record
		u := up(t, "mqtt://", r.addr, func(u *Uplink) { u.Log = log.logger() })
		eventually(t, 5*time.Second, "it connects again", func() bool { return r.connections() > 2 })
		s := u.Stats()
		if s.Up || s.Reason != ReasonProtocol && code < 0xfe || strings.Contains(log.text(), "uplink is up") {
			t.Errorf("code %#x: %+v\n%s", code, s.State, log.text())
		}
		u.stop()
	}
}

// A broker that does not want to be asked for commands has the telegrams all the
// same, and the log says why there are no commands.
func TestSubscriptionRefused(t *testing.T) {
	r := rogues(t, func(p packets.ControlPacket) []byte {
		b := proper(p)
		if _, ok := p.(*packets.SubscribePacket); ok {
			b[4] = 0x80
		}
		return b
	})
	var log record
	u := up(t, "mqtt://", r.addr, func(u *Uplink) { u.Command, u.Log = ignores, log.logger() })
	u.say(3)
	u.arrived(t, 5*time.Second)
	if !strings.Contains(log.text(), "does not let this box have commands") {
		t.Errorf("the log says %s", log.text())
	}
}
