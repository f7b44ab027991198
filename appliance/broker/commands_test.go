package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// appliance writes down the commands it is given and answers as it is told.
type appliance struct {
	mu  sync.Mutex
	got []string
	do  func(ctx context.Context, name string, answer func([]byte))
}

func (a *appliance) carryOut(ctx context.Context, name string, body []byte, answer func([]byte)) {
	a.mu.Lock()
	a.got = append(a.got, name+" "+string(body))
	a.mu.Unlock()
	if a.do != nil {
		a.do(ctx, name, answer)
	}
}

func (a *appliance) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

func TestCommandsThatAreNone(t *testing.T) {
	a := &appliance{}
	b := start(t, func(b *Broker) {
		b.Commands = a.carryOut
		b.Users = append(b.Users, User{Name: "resetter", Verify: people()[0].Verify, Rules: []Rule{{Access: Write, Filter: base + "/cmd/reset"}}})
	})
	for _, c := range []struct {
		who login
		message
	}{
		{reader, message{topic: base + "/cmd/reset", payload: "no right"}},
		{login{id: "r", user: "resetter", password: pwReader}, message{topic: base + "/cmd/firmware", payload: "no right to this one"}},
		{master, message{topic: base + "/cmd/reset", payload: "retained", retain: true}},
		{master, message{topic: base + "/cmd/reset", payload: "retained", retain: true, qos: 1}},
		{master, message{topic: base + "/cmd/reset/response", payload: "an answer"}},
		{master, message{topic: base + "/cmd", payload: "no name"}},
		{master, message{topic: "smart-connect/OTHERSERIAL0/cmd/reset", payload: "another box"}},
		{master, message{topic: birthTopic, payload: birthWord}},
	} {
		client := enter(t, b.addr, c.who)
		client.publish(c.message)
		if err := client.alive(); err != nil {
			t.Errorf("%s: %v", c.payload, err)
		}
		client.Close()
	}
	dying := enter(t, b.addr, login{id: "w", user: "master", password: pwMaster, willTopic: base + "/cmd/reset", willWords: "a will"})
	dying.Close()
	eventually(t, "the client is gone", func() bool { return b.Stats().Clients == 0 })

	enter(t, b.addr, master).publish(message{topic: base + "/cmd/reset", payload: "now"})
	eventually(t, "the command has come", func() bool { return len(a.list()) > 0 })
	if got := a.list(); !slices.Equal(got, []string{"reset now"}) {
		t.Errorf("carried out %q, want only the last", got)
	}
	if s := b.Stats(); s.Commands != 1 || s.CommandsDropped != 2 {
		t.Errorf("stats %+v, want 1 command, and the 2 retained ones dropped", s)
	}
}

func TestCommandIsAnswered(t *testing.T) {
	for _, qos := range []byte{0, 1} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			var later sync.WaitGroup
			a := &appliance{do: func(_ context.Context, name string, answer func([]byte)) {
				answer([]byte(name + " accepted"))
				later.Go(func() { answer([]byte(name + " done")) })
			}}
			b := start(t, func(b *Broker) { b.Commands = a.carryOut })
			c := enter(t, b.addr, master)
			c.subscribe(base+"/cmd/+/response", 1)
			watcher := enter(t, b.addr, reader)
			watcher.subscribe("#", 0)
			c.publish(message{topic: base + "/cmd/ping", payload: "{}", qos: qos})
			for _, want := range []string{"ping accepted", "ping done"} {
				if m, err := c.receive(patience); err != nil || m != (message{base + "/cmd/ping/response", want, 1, false}) {
					t.Errorf("received %+v, %v; want %q, QoS 1, not retained", m, err, want)
				}
			}
			later.Wait()
			b.says(house(100))
			for _, m := range watcher.until(base + "/electricity") {
				if strings.HasPrefix(m.topic, base+"/cmd/") {
					t.Errorf("somebody without the right received %+v", m)
				}
			}
			late := enter(t, b.addr, login{id: "late", user: "master", password: pwMaster})
			late.subscribe(base+"/cmd/#", 0)
			if m, err := late.receive(50 * time.Millisecond); err == nil {
				t.Errorf("retained %+v", m)
			}
		})
	}
}

// While a command takes its time, the sender, the readings and the stop do not.
func TestCommandThatTakesLong(t *testing.T) {
	a := &appliance{do: func(ctx context.Context, _ string, answer func([]byte)) {
		<-ctx.Done()
		answer([]byte("too late"))
	}}
	b := start(t, func(b *Broker) { b.Commands = a.carryOut })
	c := enter(t, b.addr, master)
	const more = 5
	c.publish(message{topic: base + "/cmd/wait", payload: "0"})
	eventually(t, "the first is under way", func() bool { return len(a.list()) == 1 })
	for i := range pendingCommands + more {
		c.publish(message{topic: base + "/cmd/wait", payload: fmt.Sprint(i + 1)})
	}
	if err := c.alive(); err != nil {
		t.Fatal(err)
	}
	if s := b.Stats(); s.CommandsDropped != more || s.Commands != 1+pendingCommands {
		t.Errorf("stats %+v, want %d commands taken and %d dropped", s, 1+pendingCommands, more)
	}
	c.subscribe(base+"/electricity", 0)
	b.says(house(100))
	c.until(base + "/electricity")
	b.stop() // within a second
	if got := a.list(); len(got) != 1 {
		t.Errorf("carried out %q: what waits at the stop is lost", got)
	}
}

func TestCommandThatPanics(t *testing.T) {
	var log strings.Builder
	a := &appliance{do: func(_ context.Context, name string, answer func([]byte)) {
		if name == "bad" {
			panic("nobody thought of this")
		}
		answer(nil)
	}}
	b := start(t, func(b *Broker) {
		b.Commands = a.carryOut
		b.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	})
	c := enter(t, b.addr, master)
	c.subscribe(base+"/cmd/+/response", 0)
	c.publish(message{topic: base + "/cmd/bad"})
	c.publish(message{topic: base + "/cmd/good"})
	c.until(base + "/cmd/good/response")
	b.stop()
	if !strings.Contains(log.String(), "nobody thought of this") {
		t.Errorf("the log does not tell of it: %s", log.String())
	}
}
