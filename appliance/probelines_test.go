package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
)

// The rounds: 12 s each, 65 s every third one, and wherever octets come as a meter
// would send them.
func TestHowLongALineIsTried(t *testing.T) {
	p := newProbe(probeLines, telegram.Line{}, func(telegram.Line) {})
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	stay := func() time.Duration {
		began := now
		p.line(now)
		for !p.leave(now) {
			now = now.Add(time.Second)
		}
		p.next(now)
		return now.Sub(began)
	}
	for round, want := range []time.Duration{13 * time.Second, 13 * time.Second, 66 * time.Second, 13 * time.Second} {
		for i := range probeLines {
			if got := stay(); got != want {
				t.Fatalf("round %d, line %d: %v, want %v", round+1, i+1, got, want)
			}
		}
	}
	for _, c := range []struct {
		name string
		say  func()
		want time.Duration
	}{
		{"frames", func() { p.frames(1) }, 66 * time.Second},
		{"text", func() { p.octets([]byte(strings.Repeat("1-0:1.8.0(1*kWh)\r\n", 9)), now) }, 66 * time.Second},
		{"octets of a slow meter", func() { p.octets([]byte(strings.Repeat("\x00\xf0\xff", 90)), now) }, 4 * time.Second},
		{"noise", func() { p.octets([]byte(strings.Repeat("\xa5\x17\x4a", 90)), now) }, 13 * time.Second},
	} {
		began := now
		p.line(now)
		c.say()
		for !p.leave(now) {
			now = now.Add(time.Second)
		}
		p.next(now)
		if got := now.Sub(began); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// The line that was the meter's comes up between any two others once each has been
// tried: who pulls a plug with the box looking on waits for one line, not for all.
func TestKnownLineComesOften(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	p := newProbe(probeLines[:4], probeLines[2], func(telegram.Line) {})
	var tried []string
	for range 15 {
		began := now
		line := p.line(now)
		for !p.leave(now) {
			now = now.Add(time.Second)
		}
		p.next(now)
		tried = append(tried, fmt.Sprint(line, " ", now.Sub(began)))
	}
	want := []string{
		"9600 7E1 13s", "115200 8N1 13s", "9600 8N1 13s", "2400 8N1 13s",
		"9600 7E1 13s", "115200 8N1 13s", "9600 7E1 13s", "9600 8N1 13s", "9600 7E1 13s", "2400 8N1 13s",
		"9600 7E1 1m6s", "115200 8N1 1m6s", "9600 7E1 13s", "9600 8N1 1m6s", "9600 7E1 13s",
	}
	if !slices.Equal(tried, want) {
		t.Errorf("tried\n%q, want\n%q", tried, want)
	}
}

// A telegram that comes while its line is being closed is what was waited for.
func TestTelegramAtTheLastMoment(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		found bool // before
	}{{"while searching", false}, {"after garbage", true}} {
		p := newProbe(probeLines, telegram.Line{}, func(telegram.Line) {})
		p.line(now)
		if c.found {
			p.telegram(now)
		}
		p.octets(make([]byte, 2*click), now)
		late := now.Add(66 * time.Second)
		if !p.leave(late) {
			t.Fatalf("%s: not to be left", c.name)
		}
		p.telegram(late)
		p.next(late)
		if line, tried, searching := p.state(); line != probeLines[0] || searching || len(tried) != 0 {
			t.Errorf("%s: now %s, searching %v, tried %v", c.name, line, searching, tried)
		}
	}
}

// A device that refuses a line is opened with the next one, at the pace of a task that
// fails; one that is not there is waited for where it was.
func TestLinesThatTheDeviceRefuses(t *testing.T) {
	sevenBits := func(l telegram.Line) error {
		if l.DataBits == 7 {
			return errors.New("invalid argument")
		}
		return nil
	}
	for _, c := range []struct {
		name  string
		open  func(telegram.Line) error
		tried int // different lines in five minutes
		most  int // openings
	}{
		{"it is unplugged", func(telegram.Line) error { return fmt.Errorf("no such device: %w", fs.ErrNotExist) }, 1, 61},
		{"it is not ours", func(telegram.Line) error { return fmt.Errorf("dialout: %w", fs.ErrPermission) }, 1, 61},
		{"every line", func(telegram.Line) error { return errors.New("busy") }, len(probeLines), 61},
		{"seven data bits", sevenBits, len(probeLines), 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := readMeter(t, config.Default().Meter)
				m.probe = newProbe(probeLines, telegram.Line{}, func(telegram.Line) {})
				opened := map[telegram.Line]int{}
				all := 0
				m.open = func(ctx context.Context, l telegram.Line) (io.ReadCloser, error) {
					opened[l]++
					all++
					if err := c.open(l); err != nil {
						return nil, err
					}
					r, _ := io.Pipe()
					context.AfterFunc(ctx, func() { r.Close() })
					return r, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				for ; ctx.Err() == nil; time.Sleep(5 * time.Second) {
					_ = m.run(ctx)
				}
				if len(opened) != c.tried || all > c.most {
					t.Errorf("%d openings with %d lines, want at most %d with %d: %v", all, len(opened), c.most, c.tried, opened)
				}
			})
		})
	}
}

// What looks like a telegram by accident does not make a line the meter's: the search
// would end there, and begin there in the next life.
func TestRandomOctetsAreNoMeter(t *testing.T) {
	for _, c := range []struct {
		name   string
		octets []byte
		found  bool
	}{
		{"a header and an end", []byte("/x1yz\x41\r\n\x99\xe3\n!\x07\x13\xff\r\n/x1yz\x41\r\n\x99\xe3\n!\x07\x13\xff\r\n"), false},
		{"encrypted frames without a key", slices.Concat(said(t, "e450-encrypted"), said(t, "e450-encrypted")), true},
		{"an encrypted text without a key", slices.Concat(said(t, "smarty"), said(t, "smarty")), true},
		{"a telegram", said(t, "dsmr22"), true},
	} {
		m, _ := readMeter(t, config.Default().Meter)
		found := false
		m.probe = newProbe(probeLines, telegram.Line{}, func(telegram.Line) { found = true })
		_ = m.receiver.Run(strings.NewReader(string(c.octets)), time.Second, m.received)
		if found != c.found {
			t.Errorf("%s: found %v, want %v", c.name, found, c.found)
		}
	}
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		octets := make([]byte, 700_000)
		for i := range octets {
			octets[i] = byte(random.Uint32())
		}
		m, _ := readMeter(t, config.Default().Meter)
		m.probe = newProbe(probeLines, telegram.Line{}, func(l telegram.Line) { t.Errorf("random octets of seed %d: %s is found", seed, l) })
		_ = m.receiver.Run(strings.NewReader(string(octets)), time.Second, m.received)
	}
}

// A format that is chosen leaves the lines to be found that its meters are met on.
func TestLinesOfAFormat(t *testing.T) {
	for _, c := range []struct{ format, lines string }{
		{"auto", "115200 8N1, 9600 8N1, 9600 7E1, 2400 8N1, 2400 8E1, 1200 7E1, 38400 8N1"},
		{"p1", "115200 8N1, 9600 8N1, 9600 7E1, 38400 8N1"},
		{"p1-encrypted", "115200 8N1"},
		{"dlms", "115200 8N1, 9600 8N1, 2400 8N1, 2400 8E1, 38400 8N1"},
		{"tic", "9600 8N1, 9600 7E1, 1200 7E1"},
	} {
		list, err := formats.Select(c.format)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range linesFor(list) {
			got = append(got, l.String())
		}
		if s := strings.Join(got, ", "); s != c.lines {
			t.Errorf("%s: %s, want %s", c.format, s, c.lines)
		}
	}
	for _, c := range []struct {
		format, line string
		searching    bool
	}{{"tic", "9600 8N1", true}, {"dlms", "115200 8N1", true}, {"p1-encrypted", "115200 8N1", false}} {
		master, device, err := serialport.OpenPTY()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		b := start(t, device, fmt.Sprintf(`{"Meter":{"Format":%q}}`, c.format))
		if s, err := b.status(); err != nil || s.Meter.Line != c.line || s.Meter.Searching != c.searching {
			t.Errorf("%s: %s, searching %v (%v), want %s, %v", c.format, s.Meter.Line, s.Meter.Searching, err, c.line, c.searching)
		}
	}
}

// Meters that speak on another line than theirs usually do: Kamstrup's without
// parity, Slovenian AM550 at 38400.
func TestFindsAnUnusualLine(t *testing.T) {
	for name, on := range map[string]telegram.Line{
		"e450":  {Baud: 2400, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
		"am550": {Baud: 38400, DataBits: 8, Parity: telegram.NoParity, StopBits: 1},
		"q3d":   {Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}, // read on 8N1 as well
	} {
		onCable(t, name, telegram.Line{}, config.Default().Meter, func(t *testing.T, m *meter, c *cableTo, kept func() string) {
			c.mu.Lock()
			c.meter.Line = on
			c.mu.Unlock()
			took := until(t, 10*time.Minute, name+" on "+on.String(), func() bool { return m.store.Latest() != nil })
			t.Logf("%s on %s: %v", name, on, took)
			if want := on.String(); kept() != want && !(on.DataBits == 7 && kept() == "9600 8N1") {
				t.Errorf("%s is found on %q, want %q", name, kept(), want)
			}
		})
	}
}
