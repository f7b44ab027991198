package uplink

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"smartconnect/appliance/payload"
)

// tell publishes with mosquitto_pub.
func tell(t *testing.T, addr, topic, body string, flags ...string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	args := append([]string{"-h", host, "-p", port, "-q", "1", "-t", topic, "-m", body}, flags...)
	if out, err := exec.Command(program(t, "mosquitto_pub"), args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

const base = "devices/chalet/smart-connect/" + serial

func TestCommands(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	tell(t, b.addr, base+"/cmd/reset", "of last year", "-r")
	var mu sync.Mutex
	var asked []string
	answered := make(chan error, 10)
	u := up(t, "mqtt://", b.addr, func(u *Uplink) {
		u.Command = func(_ context.Context, name string, body []byte, answer func([]byte) error) {
			mu.Lock()
			asked = append(asked, name+" "+string(body))
			mu.Unlock()
			answered <- answer([]byte("accepted " + name))
			answered <- answer([]byte("done " + name))
		}
		u.Late = func() []payload.Message { return []payload.Message{u.Tree.Response("reset", []byte("done late"))} }
	})
	eventually(t, 5*time.Second, "it is up and has ignored what was retained", func() bool { s := u.Stats(); return s.Up && s.Refused == 1 })
	eventually(t, 2*time.Second, "what an earlier life owes", func() bool { return slices.Equal(l.on("cmd/reset/response"), []string{"done late"}) })
	tell(t, b.addr, base+"/cmd/ping", "1")
	tell(t, b.addr, base+"/cmd/ping/response", "forged")
	tell(t, b.addr, base+"/cmd/config-get", "2")
	for range 4 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	eventually(t, 2*time.Second, "the answers", func() bool {
		return len(l.on("cmd/ping/response")) == 3 && slices.Equal(l.on("cmd/config-get/response"), []string{"accepted config-get", "done config-get"})
	})
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(asked, ", "); got != "ping 1, config-get 2" {
		t.Errorf("carried out %q", got)
	}
	if s := u.Stats(); s.Commands != 2 {
		t.Errorf("%d commands are counted", s.Commands)
	}
}

// Sixteen wait; what comes faster than it can be carried out is refused.
func TestManyCommands(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	release := make(chan struct{})
	u := up(t, "mqtt://", b.addr, func(u *Uplink) {
		u.Command = func(context.Context, string, []byte, func([]byte) error) { <-release }
	})
	defer close(release)
	eventually(t, 5*time.Second, "it is up", func() bool { return u.Stats().Up })
	l := listen(t, b.addr)
	for i := range 20 {
		l.client.Publish(base+"/cmd/ping", 1, false, fmt.Sprint(i)).Wait()
	}
	eventually(t, 2*time.Second, "three of twenty are refused", func() bool { return u.Stats().Refused == 3 })
	u.say(1)
	u.arrived(t, 2*time.Second)
}

// An answer is out when the broker has it. A box that restarts then has told.
func TestAnswerBeforeTheEnd(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	var u *link
	ready := make(chan struct{})
	u = up(t, "mqtt://", b.addr, func(x *Uplink) {
		x.Command = func(_ context.Context, _ string, _ []byte, answer func([]byte) error) {
			<-ready
			if err := answer([]byte("accepted")); err != nil {
				t.Error(err)
			}
			go u.stop()
		}
	})
	close(ready)
	eventually(t, 5*time.Second, "it is up", func() bool { return u.Stats().Up })
	tell(t, b.addr, base+"/cmd/reset", "now")
	eventually(t, 5*time.Second, "accepted, and then gone", func() bool {
		s := l.on("status")
		return len(l.on("cmd/reset/response")) == 1 && len(s) > 0 && strings.Contains(s[len(s)-1], "false")
	})
}

// A command that the broker makes longer than any is cuts the connection, and not
// the memory of the box.
func TestGiantCommand(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	u := up(t, "mqtt://", b.addr, func(u *Uplink) {
		u.Command = func(context.Context, string, []byte, func([]byte) error) { t.Error("carried out") }
	})
	eventually(t, 5*time.Second, "it is up", func() bool { return u.Stats().Up })
	since := u.Stats().Since
	l := listen(t, b.addr)
	l.client.Publish(base+"/cmd/ping", 0, false, strings.Repeat("x", 300<<10)).Wait()
	eventually(t, 5*time.Second, "another connection", func() bool { s := u.Stats(); return s.Up && s.Since != since })
}

// A command that comes while the box still says what an earlier life owes waits
// for that: its answer needs the connection, and what is owed needs the desk.
func TestCommandAtOnce(t *testing.T) {
	var desk sync.Mutex
	asked := make(chan bool, 1)
	r := rogues(t, func(p packets.ControlPacket) []byte {
		b := proper(p)
		if _, ok := p.(*packets.SubscribePacket); ok {
			m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
			m.TopicName, m.Payload = base+"/cmd/ping", []byte("1")
			var w bytes.Buffer
			_ = m.Write(&w)
			b = append(b, w.Bytes()...)
		}
		return b
	})
	answered := make(chan error, 1)
	u := up(t, "mqtt://", r.addr, func(u *Uplink) {
		u.Command = func(_ context.Context, _ string, _ []byte, answer func([]byte) error) {
			desk.Lock()
			defer desk.Unlock()
			asked <- true
			answered <- answer([]byte("done"))
		}
		u.Late = func() []payload.Message {
			select { // gives a command the time to be first
			case <-asked:
			case <-time.After(100 * time.Millisecond):
			}
			desk.Lock()
			defer desk.Unlock()
			return nil
		}
	})
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the command and what is owed wait for each other")
	}
	u.stop()
}
