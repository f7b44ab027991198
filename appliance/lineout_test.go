package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
)

// A second serial device gets every octet, noise included.
func TestOutIsExact(t *testing.T) {
	master, device, err := serialport.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	f := newFeeder(t)
	b := start(t, f.source(), fmt.Sprintf(`{"Meter":{"Out":%q,"Line":"9600 7E1"}}`, device))
	if s, err := b.status(); err != nil || s.Meter.Out == nil || s.Meter.Out.Device != device || s.Meter.Out.State != api.Waiting {
		t.Errorf("%+v (%v)", s.Meter.Out, err)
	}
	var want bytes.Buffer
	var texts []string
	for i := range 20 {
		texts = append(texts, house(i), "\x00noise\xff", house(i + 1)[:100])
	}
	for _, text := range texts {
		want.WriteString(text)
	}
	heard := make(chan []byte)
	go func() {
		got := make([]byte, 0, want.Len())
		_ = master.SetReadDeadline(time.Now().Add(20 * time.Second))
		for len(got) < cap(got) {
			n, err := master.Read(got[len(got):cap(got)])
			if got = got[:len(got)+n]; errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		heard <- got
	}()
	for i, text := range texts {
		f.say(text)
		if i%3 == 2 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if got := <-heard; !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%d octets, want %d", len(got), want.Len())
	}
	s, _ := b.status()
	if s.Meter.Out.State != api.OK || s.Meter.Out.Octets != uint64(want.Len()) || s.Meter.Out.Lost != 0 {
		t.Errorf("%+v", s.Meter.Out)
	}
}

// stuckOut is a device that takes a while for everything.
type stuckOut struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lost  uint64
	delay time.Duration
	fail  error
}

func (s *stuckOut) Write(p []byte) (int, error) {
	time.Sleep(s.delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	return s.b.Write(p)
}
func (s *stuckOut) Close() error { return nil }
func (s *stuckOut) Lost() uint64 { return s.lost }

// A device that is stuck, or gone, costs its own octets and nothing else: they are
// counted, the meter is read on, and the device is opened again.
func TestOutThatIsSlowOrGone(t *testing.T) {
	t.Parallel()
	stuck := &stuckOut{delay: time.Hour}
	gone := errors.New("unplugged")
	opened := 0
	o := newLineOut("/dev/x", func(context.Context, telegram.Line) (lossy, error) {
		if opened++; opened == 1 {
			return nil, gone
		}
		return stuck, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	for range 200 { // nobody takes them yet
		o.write([]byte("0123456789"), telegram.Line{})
	}
	if s := o.status(); s.Lost != 10*(200-outChunks) {
		t.Errorf("lost %d of 2000 octets with room for %d", s.Lost, outChunks)
	}
	o.write([]byte("x"), telegram.Line{})
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	eventually(t, time.Second, "old ones are thrown away", func() bool { return len(o.chunks) == 0 })
	o.write([]byte("now"), telegram.Line{})
	if err := <-done; !errors.Is(err, gone) {
		t.Fatalf("%v", err)
	}
	o.failed(gone)
	if s := o.status(); s.State != api.Fault || s.Detail != "unplugged" || s.Lost != 2004 || s.Octets != 0 {
		t.Errorf("%+v", s)
	}
	stuck.delay = 20 * time.Millisecond
	go func() { done <- o.run(ctx) }()
	time.Sleep(10 * time.Millisecond)
	for range 200 {
		o.write([]byte("0123456789"), telegram.Line{})
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the meter was held up for %v", took)
	}
	eventually(t, 5*time.Second, "all are written or counted", func() bool { s := o.status(); return s.Lost+s.Octets == 2004+2000 })
	if s := o.status(); s.State != api.OK || s.Octets < 10*outChunks {
		t.Errorf("%+v", s)
	}
	cancel()
	<-done
}

// An adapter that is pulled out and put in again, under a name that stays as those of
// /dev/serial/by-id do: what is said meanwhile is lost and counted, the meter is read
// on, and the copy is exact from then on.
func TestOutComesBack(t *testing.T) {
	device := filepath.Join(t.TempDir(), "by-id")
	plugIn := func() *os.File {
		master, slave, err := serialport.OpenPTY()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { master.Close() })
		if err := os.Symlink(slave, device); err != nil {
			t.Fatal(err)
		}
		return master
	}
	first := plugIn()
	f := newFeeder(t)
	b := start(t, f.source(), fmt.Sprintf(`{"Meter":{"Out":%q}}`, device))
	state := func() api.Out {
		s, err := b.status()
		if err != nil || s.Meter.Out == nil {
			return api.Out{}
		}
		return *s.Meter.Out
	}
	f.say(house(1))
	eventually(t, 5*time.Second, "it is open", func() bool { return state().State == api.OK })
	got := make([]byte, len(house(1)))
	_ = first.SetReadDeadline(time.Now().Add(3 * time.Second))
	if n, err := io.ReadFull(first, got); err != nil || string(got) != house(1) {
		t.Fatalf("heard %q (%v)", got[:n], err)
	}

	first.Close()
	if err := os.Remove(device); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "it is gone", func() bool { f.say(house(2)); return state().State == api.Fault })
	if lost := state().Lost; lost == 0 {
		t.Error("what was said to nobody is not counted")
	}
	b.eventuallyPower(2) // the meter is read on

	second := plugIn()
	eventually(t, 5*time.Second, "it is back", func() bool { f.say(house(3)); return state().State == api.OK })
	f.say("the last one")
	got = got[:0]
	for b := make([]byte, 4096); !bytes.HasSuffix(got, []byte("the last one")); {
		_ = second.SetReadDeadline(time.Now().Add(3 * time.Second))
		n, err := second.Read(b)
		if got = append(got, b[:n]...); err != nil {
			t.Fatalf("%v after %q", err, got)
		}
	}
	said := strings.TrimSuffix(string(got), "the last one")
	if want := strings.Repeat(house(3), strings.Count(said, "/")); said == "" || said != want {
		t.Errorf("heard %q", got)
	}
}

// The copy has the line settings of the meter, also while those are looked for.
func TestOutFollowsTheLine(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	o := newLineOut("/dev/x", func(_ context.Context, l telegram.Line) (lossy, error) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, l.String())
		return &stuckOut{}, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	time.Sleep(10 * time.Millisecond)
	for _, l := range []telegram.Line{probeLines[0], probeLines[0], probeLines[4], probeLines[4]} {
		o.write([]byte("x"), l)
	}
	eventually(t, time.Second, "all are written", func() bool { return o.status().Octets == 4 })
	cancel()
	<-done
	if want := []string{"115200 8N1", "2400 8E1"}; !slices.Equal(lines, want) {
		t.Errorf("opened with %q, want %q", lines, want)
	}
}
