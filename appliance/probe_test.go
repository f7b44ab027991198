package appliance

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// cableTo is a serial line to a simulated meter: whoever opens it with the meter's
// own settings reads its telegrams, anybody else what a UART makes of them.
type cableTo struct {
	mu      sync.Mutex
	meter   sim.Meter
	house   *sim.House
	silent  bool
	reader  *io.PipeWriter
	line    telegram.Line
	readers int
}

func (c *cableTo) open(_ context.Context, line telegram.Line) (io.ReadCloser, error) {
	r, w := io.Pipe()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reader, c.line, c.readers = w, line, c.readers+1
	return r, nil
}

// speak says telegrams in the meter's rhythm and at its speed until ctx is done.
func (c *cableTo) speak(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		meter := c.meter
		now := time.Now()
		telegram := meter.Encode(nil, c.house.Look(now), now)
		c.mu.Unlock()
		const piece = 50 * time.Millisecond
		n := max(int(piece/meter.Line.OctetTime()), 1)
		for len(telegram) > 0 && ctx.Err() == nil {
			part := telegram[:min(n, len(telegram))]
			telegram = telegram[len(part):]
			c.mu.Lock()
			w, line, silent := c.reader, c.line, c.silent
			c.mu.Unlock()
			if w != nil && !silent {
				if line != meter.Line {
					part = uart(part, meter.Line, line)
				}
				_, _ = w.Write(part)
			}
			time.Sleep(piece)
		}
		time.Sleep(time.Until(now.Add(meter.Interval)))
	}
}

// change puts another meter on the cable.
func (c *cableTo) change(t *testing.T, name string) {
	meter, err := sim.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meter, c.house = meter, meter.House(3, time.Now().Add(-time.Hour))
}

// onCable runs test with a meter task that looks for the line of a simulated
// meter, in fake time.
func onCable(t *testing.T, name string, last telegram.Line, settings config.Meter, test func(t *testing.T, m *meter, c *cableTo, kept func() string)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)))
		c := &cableTo{}
		c.change(t, name)
		var kept atomic.Value
		kept.Store("")
		options, _ := meterOptions(&settings)
		list, err := formats.Select(settings.Format)
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(0)
		m := &meter{
			source: "/dev/ttyUSB0", open: c.open,
			probe:    newProbe(linesFor(list), last, func(l telegram.Line) { kept.Store(l.String()) }),
			receiver: telegram.Receiver{Formats: list, Options: options},
			store:    snapshot.NewStore(func() uint64 { n++; return n }),
			events:   &events{log: slog.New(slog.DiscardHandler)},
			log:      slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = m.run(ctx) })
		synctest.Wait() // it listens
		all.Go(func() { c.speak(ctx) })
		defer func() {
			cancel()
			c.mu.Lock()
			w := c.reader
			c.mu.Unlock()
			if w != nil {
				w.CloseWithError(context.Canceled)
			}
			all.Wait()
		}()
		test(t, m, c, func() string { return kept.Load().(string) })
	})
}

// until waits for ok and says how long it took.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < limit {
		if ok() {
			return time.Since(began)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("not within %v: %s", limit, what)
	return 0
}

// The installer chooses no protocol and no baud rate. The limits are what the
// README says of the time to the first value.
func TestFindsTheLine(t *testing.T) {
	keys := withKeys(sim.Key, sim.AuthKey)
	keys.RequireEncryption = false
	for _, c := range []struct {
		meter  string
		format string
		line   string
		limit  time.Duration
	}{
		{"dsmr50", "auto", "115200 8N1", time.Second},
		{"dsmr42", "auto", "115200 8N1", time.Second},
		{"dsmr22", "auto", "9600 8N1", 11 * time.Second},
		{"smarty", "auto", "115200 8N1", time.Second},
		{"e360-encrypted", "auto", "115200 8N1", time.Second},
		{"am550", "auto", "115200 8N1", time.Second},
		{"e450", "auto", "2400 8E1", 38 * time.Second},
		{"e450-encrypted", "auto", "2400 8E1", 38 * time.Second},
		{"at-mbus", "auto", "2400 8E1", 47 * time.Second},
		{"linky-standard-tri", "auto", "9600 8N1", 5 * time.Second},
		{"linky-historique", "auto", "1200 7E1", 38 * time.Second},
		{"linky-standard", "tic", "9600 8N1", 3 * time.Second},
		{"linky-historique", "tic", "1200 7E1", 20 * time.Second},
		{"e450", "dlms", "2400 8E1", 23 * time.Second},
		{"dsmr22", "p1", "9600 8N1", 11 * time.Second},
	} {
		t.Run(c.meter+" as "+c.format, func(t *testing.T) {
			keys.Format = c.format
			onCable(t, c.meter, telegram.Line{}, keys, func(t *testing.T, m *meter, _ *cableTo, kept func() string) {
				took := until(t, 10*time.Minute, "a value", func() bool { return m.store.Latest() != nil })
				t.Logf("%s: %v", c.meter, took)
				s := m.status(m.store.Latest(), time.Now())
				if took > c.limit || kept() != c.line || s.Line != c.line || s.Searching {
					t.Errorf("found %q after %v, want %q within %v; %+v", kept(), took, c.line, c.limit, s.Tried)
				}
			})
		})
	}
}

// What was found is tried first in the next life; an encrypted meter is found
// without its key; a meter that changes its mode, or is exchanged, is followed; and
// a cable that is out changes nothing.
func TestKeepsTheLine(t *testing.T) {
	line := func(s string) telegram.Line {
		l, err := telegram.ParseLine(s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	plain := config.Default().Meter
	t.Run("of an earlier life", func(t *testing.T) {
		onCable(t, "linky-historique", line("1200 7E1"), plain, func(t *testing.T, m *meter, c *cableTo, _ func() string) {
			if took := until(t, time.Minute, "a value", func() bool { return m.store.Latest() != nil }); took > 5*time.Second || c.readers != 1 {
				t.Errorf("it took %v and %d tries", took, c.readers)
			}
		})
	})
	t.Run("of an earlier life, and wrong", func(t *testing.T) {
		onCable(t, "dsmr50", line("1200 7E1"), plain, func(t *testing.T, m *meter, _ *cableTo, kept func() string) {
			if took := until(t, time.Minute, "a value", func() bool { return m.store.Latest() != nil }); took > 20*time.Second || kept() != "115200 8N1" {
				t.Errorf("it took %v, kept %q", took, kept())
			}
		})
	})
	t.Run("encrypted, without a key", func(t *testing.T) {
		onCable(t, "e450-encrypted", telegram.Line{}, plain, func(t *testing.T, m *meter, c *cableTo, kept func() string) {
			until(t, time.Minute, "the line", func() bool { return kept() == "2400 8E1" })
			until(t, 15*time.Second, "the state", func() bool { return m.status(nil, time.Now()).State == api.KeyRequired })
			tries := c.readers
			time.Sleep(10 * time.Minute)
			if s := m.status(nil, time.Now()); c.readers != tries || s.State != api.KeyRequired || s.Searching {
				t.Errorf("it went on looking: %d tries, %+v", c.readers-tries, s)
			}
		})
	})
	t.Run("the supplier switches a Linky to standard, and back", func(t *testing.T) {
		onCable(t, "linky-historique", line("1200 7E1"), plain, func(t *testing.T, m *meter, c *cableTo, kept func() string) {
			until(t, time.Minute, "a value", func() bool { return m.store.Latest() != nil })
			for _, to := range []struct{ meter, line, version string }{
				{"linky-standard", "9600 8N1", "02"}, {"linky-historique", "1200 7E1", "historique"},
			} {
				time.Sleep(time.Minute)
				c.change(t, to.meter)
				took := until(t, 72*time.Second, to.meter, func() bool { return m.store.Latest().Meter.Version.String() == to.version })
				t.Logf("%s after %v", to.meter, took)
				if kept() != to.line {
					t.Errorf("kept %q, want %q", kept(), to.line)
				}
			}
		})
	})
	t.Run("P1 that is encrypted from one day to the next, and DSMR for DLMS", func(t *testing.T) {
		keys := withKeys(sim.Key, sim.AuthKey)
		keys.RequireEncryption = false
		onCable(t, "smarty-plain", telegram.Line{}, keys, func(t *testing.T, m *meter, c *cableTo, _ func() string) {
			for _, to := range []struct{ meter, format string }{{"smarty-plain", "p1"}, {"smarty", "p1-encrypted"}, {"e360", "dlms"}, {"dsmr50", "p1"}, {"e360-encrypted", "dlms"}} {
				c.change(t, to.meter)
				took := until(t, time.Minute, to.meter, func() bool { s := m.store.Latest(); return s != nil && s.Format == to.format })
				t.Logf("%s after %v", to.meter, took.Round(time.Second))
			}
			if c.readers != 1 {
				t.Errorf("the line was opened %d times: it was the same all along", c.readers)
			}
		})
	})
	t.Run("the cable is out for a night", func(t *testing.T) {
		onCable(t, "e450", line("2400 8E1"), plain, func(t *testing.T, m *meter, c *cableTo, _ func() string) {
			until(t, time.Minute, "a value", func() bool { return m.store.Latest() != nil })
			c.mu.Lock()
			c.silent = true
			c.mu.Unlock()
			time.Sleep(8 * time.Hour)
			c.mu.Lock()
			c.silent = false
			c.mu.Unlock()
			before := m.store.Latest().Seq
			if took := until(t, time.Minute, "a value", func() bool { return m.store.Latest().Seq > before }); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("nothing at all", func(t *testing.T) {
		onCable(t, "e450", telegram.Line{}, plain, func(t *testing.T, m *meter, c *cableTo, kept func() string) {
			c.mu.Lock()
			c.silent = true
			c.mu.Unlock()
			time.Sleep(2 * time.Minute)
			s := m.status(nil, time.Now())
			if s.State != api.NoSignal || s.Level != api.Fault || !s.Searching || len(s.Tried) != len(probeLines) || s.Tried[0].Seen != "nothing" || kept() != "" {
				t.Errorf("%+v", s)
			}
		})
	})
	tic := plain
	tic.Format = "tic"
	for name, settings := range map[string]config.Meter{"something that is no meter": plain, "and only lines of TIC to try": tic} {
		t.Run(name, func(t *testing.T) {
			onCable(t, "e450", telegram.Line{}, settings, func(t *testing.T, m *meter, c *cableTo, _ func() string) {
				c.mu.Lock()
				c.silent = true
				c.mu.Unlock()
				end := time.Now().Add(3 * time.Minute)
				for i := 0; time.Now().Before(end); i++ {
					c.mu.Lock()
					w := c.reader
					c.mu.Unlock()
					time.Sleep(200 * time.Millisecond)
					if w != nil {
						_, _ = w.Write(fmt.Appendf(nil, "\xa5\x17%d\xe1\x93\x4c", i))
					}
				}
				s := m.status(nil, time.Now())
				if s.State != api.WrongLine || !strings.Contains(s.Detail, "any of the line settings") {
					t.Errorf("%s: %q, %+v", s.State, s.Detail, s.Tried)
				}
			})
		})
	}
}
