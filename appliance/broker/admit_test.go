package broker

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// admitting opens a door until shut is called, or it fails; ended says how.
func admitting(b *Broker, ln net.Listener) (shut func(), ended chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- b.Admit(ctx, ln, Door{Name: "late"}) }()
	return cancel, ended
}

// A restart of the box is a stop and a start with the same settings.
func TestRunAgain(t *testing.T) {
	b := &Broker{Device: device, Store: newStore(), Users: people(), Log: slog.New(slog.DiscardHandler)}
	ln := listening(t)
	shut, ended := admitting(b, ln)
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan error, 1)
		go func() { over <- b.Run(ctx) }()
		c := enter(t, ln.Addr(), reader) // who comes between two runs waits
		c.subscribe(base+"/status", 0)
		c.until(base + "/status")
		cancel()
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if err := c.closed(patience); err != nil {
			t.Error(err)
		}
	}
	shut()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	b := &Broker{Device: device, Store: newStore(), Log: slog.New(slog.DiscardHandler)}
	b.Device.Serial = "a/b"
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serial number") {
		t.Errorf("bad serial number: %v", err)
	}
}

// A door that fails, closes or comes late costs those of the other doors nothing,
// nor those who came through it.
func TestDoorsComeAndGo(t *testing.T) {
	b := start(t, nil)
	stays := enter(t, b.addr, reader)
	stays.subscribe(base+"/electricity", 0)

	ln := listening(t)
	shut, ended := admitting(b.Broker, ln)
	defer shut()
	late := enter(t, ln.Addr(), login{id: "late", user: "mqtt", password: pwReader})
	late.subscribe(base+"/electricity", 0)
	ln.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "accept") {
		t.Errorf("the listener is gone: %v", err)
	}

	again, err := net.Listen("tcp", ln.Addr().String()) // the address is free at once
	if err != nil {
		t.Fatal(err)
	}
	shut, ended = admitting(b.Broker, again)
	other := enter(t, again.Addr(), login{id: "other", user: "mqtt", password: pwReader})
	other.subscribe(base+"/electricity", 0)
	shut()
	if err := <-ended; err != nil {
		t.Errorf("closed by its context: %v", err)
	}
	if c, err := net.DialTimeout("tcp", again.Addr().String(), time.Second); err == nil {
		c.Close()
		t.Error("a closed door still listens")
	}

	b.says(house(100))
	for _, c := range []*client{stays, late, other} {
		c.until(base + "/electricity")
	}
}

// The limits are of the house, not of a door.
func TestLimitsAreOfAllDoors(t *testing.T) {
	b := start(t, func(b *Broker) { b.Limits.PerAddress = len(ways) })
	for _, d := range ways {
		b.through(t, d.Name).let(login{user: "mqtt", password: pwReader})
	}
	for _, d := range ways {
		if err := b.raw(t, d.Name).closed(patience); err != nil {
			t.Errorf("one more through %s: %v", d.Name, err)
		}
	}
	if s := b.Stats(); s.Sockets != len(ways) || s.Clients != len(ways) || s.TurnedAway != int64(len(ways)) {
		t.Errorf("stats %+v, want %d sockets and clients, and as many turned away", s, len(ways))
	}
}
