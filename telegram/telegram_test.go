package telegram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuantityTable(t *testing.T) {
	seen := map[string]bool{}
	for q := range NumQuantities {
		name := q.String()
		if name == "" || seen[name] || strings.ToLower(name) != name {
			t.Errorf("quantity %d: name %q is empty, repeated or not lower case", q, name)
		}
		seen[name] = true
	}
	for _, family := range []Quantity{ActivePower, ActivePowerImport, ActivePowerExport, ReactivePower, ReactivePowerImport, ReactivePowerExport, PowerFactor} {
		for i := Quantity(1); i <= 3; i++ {
			if want := fmt.Sprintf("%s_l%d", family, i); (family + i).String() != want {
				t.Errorf("%s follows %s, want %s", family+i, family, want)
			}
		}
	}
	for _, family := range []Quantity{ActiveEnergyImport, ActiveEnergyExport, ReactiveEnergyImport, ReactiveEnergyExport} {
		for i := Quantity(1); i <= 4; i++ {
			if want := fmt.Sprintf("%s_t%d", family, i); (family + i).String() != want {
				t.Errorf("%s follows %s, want %s", family+i, family, want)
			}
		}
	}
}

func TestParseOBIS(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"(1)", ""}, {"1-0:", ""}, {"1-0:1.8", ""}, {"256-0:1.8.0", ""}, {"1-0:1.8.0x", ""}, {"1-0:1.8.0.1.2.3", ""}, {"a-0:1.8.0", ""}, {"1-0:1.8.*255(", ""},
		{"1-0:1.8.0(000)", "1-0:1.8.0"}, {"1-0:1.8.0*255(0)", "1-0:1.8.0"}, {"1-0:1.8.0*1", "1-0:1.8.0*1"},
		{"1-0:99:97.0(0)", "1-0:99.97.0"}, {"0.0.96.7.19", "0-0:96.7.19"}, {"1.8.0(", "0-0:1.8.0"}, {"0-4:24.2.1", "0-4:24.2.1"},
	} {
		got, _, err := ParseOBIS([]byte(c.in))
		if (err == nil) != (c.want != "") || (err == nil && got.String() != c.want) {
			t.Errorf("ParseOBIS(%q) = %v, %v; want %q", c.in, got, err, c.want)
		}
	}
	for in, want := range map[string]Quantity{"1-0:21.7.0": ActivePowerImportL1, "1-1:1.8.0": ActiveEnergyImport, "0-0:96.14.0": Tariff} {
		o, _, _ := ParseOBIS([]byte(in))
		if q, ok := o.Quantity(); !ok || q != want {
			t.Errorf("%s is %v (%v), want %v", in, q, ok, want)
		}
	}
	stored, _, _ := ParseOBIS([]byte("1-0:1.8.0*01"))
	if q, ok := stored.Quantity(); ok {
		t.Errorf("what was stored a month ago is %v", q)
	}
}

func TestParseLine(t *testing.T) {
	for _, in := range []string{"", "9600", "9600 7E", "9600 7E1 x", "9600 9N1", "9600 8X1", "9600 8N3", "12 8N1", "fast 8N1", "-9600 8N1"} {
		if l, err := ParseLine(in); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", in)) {
			t.Errorf("ParseLine(%q) = %v, %v; want an error that shows it", in, l, err)
		}
	}
	for _, in := range []string{"115200 8N1", "9600 7E1", "2400 8E1", "1200 7O2"} {
		if l, err := ParseLine(in); err != nil || l.String() != in {
			t.Errorf("ParseLine(%q) = %v, %v", in, l, err)
		}
	}
	if got := (Line{}).String(); got != "" {
		t.Errorf("no line is %q", got)
	}
	if got := (Line{9600, 7, EvenParity, 1}).OctetTime(); got != 10*time.Second/9600 {
		t.Errorf("an octet at 9600 7E1 takes %v", got)
	}
}

func TestParseKey(t *testing.T) {
	for in, want := range map[string]string{
		"": "0 hex digits", "0011": "4 hex digits", "zz112233445566778899AABBCCDDEEFF": "character 1", "00-11-22-33-44-55-66-77-88-99-AA-BB-CC-DD-EE-FF": "character 3", "0011\t": "character 5",
		"00112233445566778899AABBCCDDEEFF00": "34 hex digits", "001122334455667788 99AABBCCDDEEF!": "character 32",
	} {
		if s, err := ParseKey(in); err == nil || !strings.Contains(err.Error(), want) || s.IsSet() {
			t.Errorf("ParseKey(%q): %v, want an error that says %q", in, err, want)
		}
	}
	for _, in := range []string{"00112233445566778899AABBCCDDEEFF", " 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff ", "0011 2233 4455 6677 8899 AABB CCDD EEFF"} {
		s, err := ParseKey(in)
		key, ok := KeyOctets(s)
		if err != nil || !ok || key[15] != 0xff || key[1] != 0x11 {
			t.Errorf("ParseKey(%q): %v %v %v", in, s, err, ok)
		}
	}
	if _, ok := KeyOctets(NewSecret("short")); ok {
		t.Error("a text that is no key has octets")
	}
}

func TestSecretNeverShows(t *testing.T) {
	s := NewSecret("hunter2hunter2")
	j, err := json.Marshal(struct{ S Secret }{s})
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprint(&s, []Secret{s}), string(j), log.String(), fmt.Sprint(err)} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e") {
			t.Errorf("the secret shows in %q", shown)
		}
	}
	if s.Reveal() != "hunter2hunter2" || !s.IsSet() || s != NewSecret("hunter2hunter2") {
		t.Error("the secret is lost")
	}
}

func TestTextOfHex(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "123": "123", "xyz1": "xyz1", "00112233": "00112233", "4530303434": "E0044", "7e7E": "~~",
	} {
		if got := TextOfHex([]byte(in)).String(); got != want {
			t.Errorf("TextOfHex(%q) = %q, want %q", in, got, want)
		}
	}
	long := strings.Repeat("x", 200)
	if got := TextOf(long).String(); got != long[:63] {
		t.Errorf("a long text became %d octets", len(got))
	}
}

func TestChannelLive(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		c    Channel
		want bool
	}{
		{"nothing announced", Channel{}, false},
		{"dead slot: no id, 1970 as 2070, no unit", Channel{Device: 3, Time: time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC), Value: Of(0)}, false},
		{"never read: no time", Channel{Device: 3, ID: TextOf("x"), Value: Of(0)}, false},
		{"no id", Channel{Device: 3, Time: now, Value: Of(5), Unit: CubicMetre}, false},
		{"bare zero", Channel{Device: 3, ID: TextOf("x"), Time: now, Value: Of(0)}, false},
		{"new meter at zero", Channel{Device: 3, ID: TextOf("x"), Time: now, Value: Of(0), Unit: CubicMetre}, true},
		{"gas", Channel{Device: 3, ID: TextOf("x"), Time: now, Value: Of(246.138), Unit: CubicMetre}, true},
	} {
		if got := c.c.Live(); got != c.want {
			t.Errorf("%s: live is %v", c.name, got)
		}
	}
}

func measured(header string, values map[Quantity]float64) Measurement {
	m := Measurement{Meter: Meter{Header: TextOf(header)}, Period: time.Second}
	for q, v := range values {
		m.Set(q, Of(v))
	}
	m.Complete(&Options{})
	return m
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		name string
		sent map[Quantity]float64
		want map[Quantity]float64
		not  []Quantity
	}{
		{"nothing", nil, nil, []Quantity{ActivePower, ActiveEnergyImport}},
		{"both of a pair at once (Austria)", map[Quantity]float64{ActivePowerImport: 544, ActivePowerExport: 1803}, map[Quantity]float64{ActivePower: -1259}, nil},
		{"import only", map[Quantity]float64{ActivePowerImport: 2124.86}, map[Quantity]float64{ActivePower: 2124.86}, nil},
		{"export only", map[Quantity]float64{ActivePowerExport: 5}, map[Quantity]float64{ActivePower: -5}, nil},
		{"total sent: the phases do not replace it", map[Quantity]float64{ActivePowerImport: 100, ActivePowerExport: 0, ActivePowerImportL1: 90, ActivePowerImportL2: 0, ActivePowerImportL3: 0}, map[Quantity]float64{ActivePower: 100}, nil},
		{"no total: sum of three phases", map[Quantity]float64{ActivePowerImportL1: 0.1, ActivePowerImportL2: 0.2, ActivePowerExportL3: 5}, map[Quantity]float64{ActivePower: -4.7}, nil},
		{"no total, one phase of three missing", map[Quantity]float64{ActivePowerImportL1: 1, ActivePowerImportL2: 2, VoltageL3: 230}, nil, []Quantity{ActivePower}},
		{"no total, single phase", map[Quantity]float64{ActivePowerImportL1: 7, VoltageL1: 230}, map[Quantity]float64{ActivePower: 7}, nil},
		{"tariffs", map[Quantity]float64{ActiveEnergyImportT1: 1, ActiveEnergyImportT2: 2}, map[Quantity]float64{ActiveEnergyImport: 3}, []Quantity{ActiveEnergyExport}},
		{"quadrants", map[Quantity]float64{ReactiveEnergyQ1: 1, ReactiveEnergyQ2: 2, ReactiveEnergyQ3: 4, ReactiveEnergyQ4: 8}, map[Quantity]float64{ReactiveEnergyImport: 3, ReactiveEnergyExport: 12}, nil},
		{"not one quadrant alone", map[Quantity]float64{ReactiveEnergyQ1: 1}, nil, []Quantity{ReactiveEnergyImport}},
		{"tariffs before quadrants", map[Quantity]float64{ReactiveEnergyQ1: 1, ReactiveEnergyQ2: 2, ReactiveEnergyImportT1: 5}, map[Quantity]float64{ReactiveEnergyImport: 5}, nil},
		{"total and tariffs", map[Quantity]float64{ActiveEnergyImport: 10, ActiveEnergyImportT1: 1}, map[Quantity]float64{ActiveEnergyImport: 10}, nil},
	} {
		m := measured("x", c.sent)
		for q, want := range c.want {
			if v, ok := m.Get(q).Get(); !ok || v != want {
				t.Errorf("%s: %s is %v (%v), want %v", c.name, q, v, ok, want)
			}
			_, sent := c.sent[q]
			_, ofPhases := c.sent[ActivePowerImportL1]
			if net := q == ActivePower && !ofPhases; m.Derived(q) == (sent || net) && !ofPhases {
				t.Errorf("%s: %s derived is %t", c.name, q, m.Derived(q))
			}
		}
		for _, q := range c.not {
			if m.Get(q).OK() {
				t.Errorf("%s: %s is present", c.name, q)
			}
		}
	}
}

func TestDelta(t *testing.T) {
	wye := map[Quantity]float64{VoltageL1: 230, VoltageL2: 231, VoltageL3: 229, CurrentL1: 1, CurrentL2: 1, CurrentL3: 1}
	if m := measured("x", wye); m.Delta() {
		t.Error("a meter with neutral passes for delta")
	}
	wye[VoltageL2] = 0
	if m := measured("x", wye); !m.Delta() {
		t.Error("U2 = 0 beside 230 V and three currents is delta")
	}
}
func TestRhythm(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	beat := func(gaps ...time.Duration) *Rhythm {
		var r Rhythm
		now := start
		r.Beat(now)
		for _, g := range gaps {
			now = now.Add(g)
			r.Beat(now)
		}
		return &r
	}
	every := func(n int, gap time.Duration) []time.Duration {
		gaps := make([]time.Duration, n)
		for i := range gaps {
			gaps[i] = gap
		}
		return gaps
	}
	for _, c := range []struct {
		name    string
		r       *Rhythm
		nominal time.Duration
		want    time.Duration
	}{
		{"nothing yet", &Rhythm{}, time.Second, time.Second},
		{"nothing yet, no nominal period", &Rhythm{}, 0, 10 * time.Second},
		{"nine telegrams: still nominal", beat(every(8, 5*time.Second)...), time.Second, time.Second},
		{"ten telegrams: learned", beat(every(9, 5*time.Second)...), time.Second, 5 * time.Second},
		{"every third lost", beat(append(every(40, time.Second), every(20, 2*time.Second)...)...), time.Second, time.Second},
		{"an outage of an hour", beat(append(every(20, 10*time.Second), time.Hour)...), 10 * time.Second, 10 * time.Second},
		{"outages never take over", beat(append(every(5, 10*time.Second), every(60, time.Hour)...)...), 10 * time.Second, time.Minute},
		{"a quarter-hour list", beat(every(12, 15*time.Minute)...), 15 * time.Minute, time.Minute},
		{"an adapter that hands over three telegrams at a time", beat(slices.Repeat([]time.Duration{12 * time.Second, time.Millisecond, 0}, 20)...), time.Second, 12 * time.Second},
		{"bursts alone teach nothing", beat(every(30, 10*time.Millisecond)...), time.Second, time.Second},
		{"only the last 64 gaps count", beat(append(every(100, 10*time.Second), every(64, time.Second)...)...), 10 * time.Second, time.Second},
	} {
		if got := c.r.Period(c.nominal); got != c.want {
			t.Errorf("%s: period %v, want %v", c.name, got, c.want)
		}
	}
}

// lines is a format for Scan: a telegram is a line, "?" on its own is lost.
var lines = Format{Name: "lines", Cut: func(buf []byte, quiet bool) (raw, rest []byte, lost Loss) {
	i := strings.IndexByte(string(buf), '\n')
	switch {
	case i < 0 && quiet:
		return buf, nil, Loss{}
	case i < 0:
		return nil, buf, Loss{}
	case string(buf[:i]) == "?":
		return nil, buf[i+1:], Loss{Err: ErrMalformed}
	}
	return buf[:i], buf[i+1:], Loss{}
}}

func TestScan(t *testing.T) {
	t.Run("a pause ends a telegram that has no end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			var got []string
			done := make(chan error)
			go func() { done <- Scan(r, lines, 2*time.Second, func(e Event) { got = append(got, string(e.Raw)) }) }()
			_, _ = w.Write([]byte("one\ntw"))
			time.Sleep(time.Second)
			_, _ = w.Write([]byte("o"))
			time.Sleep(3 * time.Second)
			_, _ = w.Write([]byte("three\n"))
			broken := errors.New("unplugged")
			w.CloseWithError(broken)
			if err := <-done; !errors.Is(err, broken) {
				t.Errorf("Scan ended with %v", err)
			}
			if fmt.Sprint(got) != "[one two three]" {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("losses are told in order", func(t *testing.T) {
		var got []string
		err := Scan(strings.NewReader("a\n?\nb"), lines, 0, func(e Event) { got = append(got, fmt.Sprint(string(e.Raw), e.Lost.Err)) })
		if !IsEnd(err) || fmt.Sprintf("%q", got) != `["a<nil>" "malformed telegram" "b<nil>"]` {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("a telegram that trickles in for minutes is none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			var took []int
			done := make(chan error)
			go func() { done <- Scan(r, lines, 2*time.Second, func(e Event) { took = append(took, len(e.Raw)) }) }()
			for range 100 {
				_, _ = w.Write([]byte("x"))
				time.Sleep(time.Second)
			}
			w.Close()
			<-done
			if len(took) < 6 || slices.Max(took) > 17 {
				t.Errorf("one octet a second makes telegrams of %v octets", took)
			}
		})
	})
	t.Run("a pause before it costs a telegram nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			var got []string
			done := make(chan error)
			go func() { done <- Scan(r, lines, 2*time.Second, func(e Event) { got = append(got, string(e.Raw)) }) }()
			_, _ = w.Write([]byte("one"))
			time.Sleep(time.Minute)
			for _, part := range []string{"t", "wo\nthr", "ee\n"} {
				_, _ = w.Write([]byte(part))
				time.Sleep(time.Second)
			}
			w.Close()
			<-done
			if fmt.Sprint(got) != "[one two three]" {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("a panic of who is told leaves no goroutine behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // which fails on a goroutine that never ends
			r, w := io.Pipe()
			go func() { _, _ = w.Write([]byte("one\n")) }()
			func() {
				defer r.Close()
				defer func() { _ = recover() }()
				_ = Scan(r, lines, 0, func(Event) { panic("boom") })
			}()
		})
	})
	t.Run("a reader that panics is an error", func(t *testing.T) {
		err := Scan(panicking{}, lines, 0, func(Event) {})
		if err == nil || !strings.Contains(err.Error(), "index out of range") {
			t.Errorf("error %v", err)
		}
	})
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("index out of range [18]") }

func TestGuard(t *testing.T) {
	from := func(title string, counter uint32) *Measurement {
		return &Measurement{Seal: Seal{Encrypted: true, Title: TextOf(title), Counter: counter}}
	}
	t.Run("a plain telegram where encryption is required", func(t *testing.T) {
		g := Guard{RequireEncryption: true}
		if err := g.Check(&Measurement{}); !errors.Is(err, ErrUnencrypted) || Class(err) != "decrypt" {
			t.Errorf("%v", err)
		}
		if err := g.Check(from("LGZ", 5)); err != nil {
			t.Error(err)
		}
		if err := new(Guard).Check(&Measurement{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("equal and smaller counters", func(t *testing.T) {
		var g Guard
		for _, c := range []struct {
			title   string
			counter uint32
			ok      bool
		}{
			{"LGZ", 100, true}, {"LGZ", 100, false}, {"LGZ", 99, false}, {"LGZ", 101, true}, {"LGZ", 0, false},
			{"KFM", 1, true}, {"KFM", 1, false}, {"LGZ", 101, false}, {"LGZ", 4294967295, true}, {"LGZ", 1, false},
		} {
			err := g.Check(from(c.title, c.counter))
			if (err == nil) != c.ok || (err != nil && (!errors.Is(err, ErrReplay) || !strings.Contains(err.Error(), c.title))) {
				t.Errorf("%s %d: %v, want accepted %v", c.title, c.counter, err, c.ok)
			}
		}
	})
	t.Run("a counter that started anew is believed after a while", func(t *testing.T) {
		var g Guard
		_ = g.Check(from("LGZ", 1000))
		for n := uint32(1); n < rebase; n++ {
			if g.Check(from("LGZ", n)) == nil {
				t.Fatalf("counter %d accepted", n)
			}
		}
		if err := g.Check(from("LGZ", rebase)); err != nil {
			t.Error(err)
		}
		if g.Check(from("LGZ", rebase)) == nil {
			t.Error("the new base is not kept")
		}
	})
	t.Run("a meter whose tags were verified must go on sending them", func(t *testing.T) {
		var g Guard
		tagged := from("LGZ", 100)
		tagged.Seal.Authenticated = true
		for _, c := range []struct {
			m  *Measurement
			ok bool
		}{{from("LGZ", 98), true}, {from("LGZ", 99), true}, {tagged, true}, {from("LGZ", 101), false}, {from("KFM", 1), true}} {
			err := g.Check(c.m)
			if (err == nil) != c.ok || err != nil && (!errors.Is(err, ErrUntagged) || Class(err) != "decrypt") {
				t.Errorf("counter %d: %v", c.m.Seal.Counter, err)
			}
		}
	})
	t.Run("an old APDU in front of a new one", func(t *testing.T) {
		var g Guard
		push := from("LGZ", 78)
		push.Seal.Spread = 73
		_ = g.Check(from("LGZ", 70))
		if err := g.Check(push); !errors.Is(err, ErrReplay) || !strings.Contains(err.Error(), "counter 5,") {
			t.Errorf("%v", err)
		}
		if push.Seal.Spread = 7; g.Check(push) != nil {
			t.Error("a push of eight new ones is refused")
		}
	})
	t.Run("tagged and not encrypted", func(t *testing.T) {
		var g Guard
		tagged, forged := from("LGZ", 100), from("LGZ", 4294967295)
		tagged.Seal.Encrypted, tagged.Seal.Authenticated = false, true
		forged.Seal.Encrypted = false
		if err := g.Check(forged); err != nil {
			t.Error(err)
		}
		if err := g.Check(tagged); err != nil {
			t.Errorf("behind a counter that anybody can write: %v", err)
		}
		if err := g.Check(tagged); !errors.Is(err, ErrReplay) {
			t.Errorf("again: %v", err)
		}
		if err := g.Check(forged); !errors.Is(err, ErrUntagged) {
			t.Errorf("without a verified tag: %v", err)
		}
	})
	t.Run("titles that anybody can write do not push others out", func(t *testing.T) {
		var g Guard
		_ = g.Check(from("LGZ", 100))
		for i := range 20 {
			plain := from(fmt.Sprint("X", i), 1)
			plain.Seal.Encrypted = false
			if err := g.Check(plain); err != nil {
				t.Error(err)
			}
		}
		if err := g.Check(from("LGZ", 50)); !errors.Is(err, ErrReplay) {
			t.Errorf("%v", err)
		}
	})
	t.Run("one telegram again and again is never believed", func(t *testing.T) {
		var g Guard
		_ = g.Check(from("LGZ", 1000))
		for range 5 * rebase {
			if g.Check(from("LGZ", 7)) == nil {
				t.Fatal("accepted")
			}
		}
	})
	t.Run("titles without end do not grow it", func(t *testing.T) {
		var g Guard
		for i := range 100 {
			if err := g.Check(from(fmt.Sprint("T", i), 1)); err != nil {
				t.Fatal(err)
			}
		}
		if g.Check(from("T99", 1)) == nil || g.Check(from("T95", 1)) == nil {
			t.Error("the last ones are forgotten")
		}
	})
}
