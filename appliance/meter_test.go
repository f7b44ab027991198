package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	format "smartconnect/telegram/p1"
)

// line is a meter task on a line whose words and pauses the test chooses.
type line struct {
	*meter
	say func(text string)
	log *lines
}

// onLine runs test with a line in fake time.
func onLine(t *testing.T, test func(t *testing.T, l line)) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		n := uint64(0)
		log := &lines{}
		m := &meter{
			source: "the line", receiver: telegram.Receiver{Formats: []telegram.Format{format.Format}, Objects: true}, line: format.Format.Line,
			store:  snapshot.NewStore(func() uint64 { n++; return n }),
			events: &events{log: slog.New(slog.DiscardHandler)},
			log:    slog.New(slog.NewTextHandler(log, nil)),
			open:   func(context.Context, telegram.Line) (io.ReadCloser, error) { return r, nil },
		}
		done := make(chan error)
		go func() { done <- m.run(t.Context()) }()
		defer func() { w.Close(); <-done }()
		test(t, line{m, func(text string) { _, _ = w.Write([]byte(text)); synctest.Wait() }, log})
	})
}

// energies is a telegram of the meter of house without power.
var energies = telegramOf("TST5box", "0-0:1.0.0(261121120000W)", "1-0:1.8.0(000001.000*kWh)")

// A status that names the wrong fault sends somebody to the wrong cable: what
// counts is what has come since the last telegram that was wanted.
func TestDiagnosis(t *testing.T) {
	const garbage = "\x00\x7f\xfe garbage "
	broken := strings.Replace(house(9999), "09.999", "09.998", 1)
	other := func(watts int) string { return telegramOf("OTH5er", fmt.Sprintf("1-0:1.7.0(00.%03d*kW)", watts)) }
	every := func(l line, n int, texts ...string) {
		for i := range n {
			time.Sleep(time.Second)
			l.say(texts[i%len(texts)])
		}
	}
	for _, c := range []struct {
		name  string
		do    func(l line)
		state api.MeterState
		level api.State
		says  string
	}{
		{"nothing yet", func(l line) { time.Sleep(5 * time.Second) }, api.NoSignal, api.Waiting, "waiting for the first telegram"},
		{"nothing", func(l line) { time.Sleep(13 * time.Second) }, api.NoSignal, api.Fault, "is the cable in"},
		{"the middle of a telegram", func(l line) { l.say(house(1)[40:]) }, api.Receiving, api.Waiting, "no whole telegram yet"},
		{"garbage alone", func(l line) { every(l, 30, strings.Repeat(garbage, 20)) }, api.Garbage, api.Fault, "octets came and no telegram"},
		{"a little garbage, for a while", func(l line) { every(l, 17, garbage) }, api.Garbage, api.Fault, "octets came and no telegram"},
		{"garbage, then silence", func(l line) { every(l, 3, garbage); time.Sleep(13 * time.Second) }, api.NoSignal, api.Fault, "no telegram before that"},
		{"octets without stop bits", func(l line) { every(l, 17, "\x00a\x00\x00/b\x00%") }, api.WrongLine, api.Fault, "Meter.Line"},
		{"damaged ones alone", func(l line) { every(l, 13, broken) }, api.ChecksumError, api.Fault, "13 telegrams came and none could be used: they come damaged: look at the cable, its length and its plugs (the last one: p1: checksum"},
		{"parts alone", func(l line) { every(l, 13, house(1)[:200]) }, api.ChecksumError, api.Fault, "parts missing"},
		{"good", func(l line) { every(l, 13, house(1)) }, api.MeterOK, api.OK, ""},
		{"good, with a damaged one now and then", func(l line) { every(l, 13, broken, house(1)) }, api.MeterOK, api.OK, ""},
		{"good, then silence for a moment", func(l line) { every(l, 13, broken, house(1)); time.Sleep(6 * time.Second) }, api.MeterStale, api.Stale, "nothing has been received for 6s"},
		{"good, then silence", func(l line) { every(l, 13, house(1)); time.Sleep(20 * time.Second) }, api.MeterStale, api.Stale, "has gone"},
		{"good, then garbage", func(l line) { every(l, 13, house(1), broken); every(l, 17, garbage) }, api.Garbage, api.Stale, "octets came and no telegram"},
		{"good, then damaged ones", func(l line) { every(l, 13, house(1)); every(l, 7, broken) }, api.ChecksumError, api.Stale, "7 telegrams came and none could be used"},
		{"good after one damaged, then energies", func(l line) { every(l, 13, broken, house(1)); every(l, 7, energies) }, api.MeterStale, api.Stale, "none with electrical power or currents any more"},
		{"good, then energies and damaged ones", func(l line) { every(l, 13, house(1)); every(l, 8, broken, energies) }, api.MeterStale, api.Stale, "any more; 4 were lost"},
		{"energies alone", func(l line) { every(l, 13, energies) }, api.MeterOK, api.OK, "none with electrical power or currents"},
		{"energies, then garbage", func(l line) { every(l, 13, energies); every(l, 40, garbage) }, api.Garbage, api.Stale, "octets came and no telegram"},
		{"another meter", func(l line) { every(l, 9, house(1)); every(l, 9, other(2)) }, api.MeterOK, api.OK, ""},
		{"two meters on one line", func(l line) { every(l, 9, house(1), other(2)) }, api.SeveralMeters, api.Fault, "(OTH5er, TST5box)"},
		{"two meters, then one", func(l line) { every(l, 9, house(1), other(2)); every(l, 61, house(1)) }, api.MeterOK, api.OK, ""},
		{"the source fails", func(l line) { every(l, 9, house(1)); l.failed(errors.New("unplugged")) }, api.NoSignal, api.Fault, "unplugged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onLine(t, func(t *testing.T, l line) {
				c.do(l)
				s := l.status(l.store.Latest(), time.Now())
				if s.State != c.state || s.Level != c.level || !strings.Contains(s.Detail, c.says) || (c.says == "") != (s.Detail == "") {
					t.Errorf("%s (%s): %q, want %s (%s): %q", s.State, s.Level, s.Detail, c.state, c.level, c.says)
				}
			})
		})
	}
}

// The period of a meter that sends every second would make one that sends every
// ten late for ten minutes.
func TestExchangedMeterHasItsOwnRhythm(t *testing.T) {
	onLine(t, func(t *testing.T, l line) {
		for range 70 {
			l.say(house(1))
			time.Sleep(time.Second)
		}
		for range 5 {
			l.say(telegramOf("OLD4box", "1-3:0.2.8(42)", "0-0:1.0.0(261121120000W)", "1-0:1.7.0(00.500*kW)"))
			time.Sleep(9900 * time.Millisecond)
			if snap := l.store.Latest(); !snap.Fresh(time.Now(), 0) {
				t.Fatalf("stale while it sends as it should: period %v", snap.Period)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestLostTelegramsDoNotFillTheLog(t *testing.T) {
	onLine(t, func(t *testing.T, l line) {
		broken := strings.Replace(house(9999), "09.999", "09.998", 1)
		for range 3600 {
			l.say(broken)
			time.Sleep(time.Second)
		}
		if n := strings.Count(l.log.String(), "telegram lost"); n < 3 || n > 6 {
			t.Errorf("an hour of damaged telegrams made %d log lines", n)
		}
	})
}

// A gateway that hangs up on everybody is opened again every few seconds.
func TestFlappingSourceDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		m := &meter{
			source: "tcp://meter:2000", receiver: telegram.Receiver{Formats: []telegram.Format{format.Format}}, line: format.Format.Line, log: slog.New(slog.NewTextHandler(log, nil)),
			open: func(context.Context, telegram.Line) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("")), nil
			},
		}
		for range 700 {
			if err := m.run(t.Context()); err == nil {
				t.Fatal("a source that ended is no error")
			}
			time.Sleep(5 * time.Second)
		}
		if n := strings.Count(log.String(), "meter source open"); n != 1 {
			t.Errorf("an hour of hanging up made %d log lines", n)
		}
		time.Sleep(time.Hour)
		_ = m.run(t.Context())
		if n := strings.Count(log.String(), "meter source open"); n != 2 {
			t.Errorf("after an hour of rest there are %d log lines", n)
		}
	})
}
