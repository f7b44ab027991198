package appliance

import (
	"bytes"
	"context"
	"log/slog"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/share"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// readMeter is a meter task that somebody reads along.
func readMeter(t *testing.T, settings config.Meter) (m *meter, passed func() []share.Telegram) {
	options, err := meterOptions(&settings)
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	m = &meter{
		receiver: telegram.Receiver{Formats: formats.All(), Options: options, Objects: true},
		guard:    telegram.Guard{RequireEncryption: settings.RequireEncryption && settings.Key.IsSet()},
		asP1:     settings.ShareAs == "p1",
		store:    snapshot.NewStore(func() uint64 { n++; return n }),
		events:   &events{log: slog.New(slog.DiscardHandler)},
		log:      slog.New(slog.DiscardHandler),
	}
	m.receiver.Raws = m.feed.Wanted
	r, err := m.feed.Join()
	if err != nil {
		t.Fatal(err)
	}
	return m, func() (all []share.Telegram) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for {
			one, err := r.Next(ended)
			if err != nil {
				return all
			}
			all = append(all, one)
		}
	}
}

// said is one telegram of a simulated meter, the same each time: the octets of an
// encrypted one can happen to look like a telegram of another format, and while none
// can be read those are told that are lost most often.
func said(t *testing.T, name string) []byte {
	meter, err := sim.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	return meter.Encode(nil, meter.House(1, now).Look(now), now)
}

// A reader of plain P1 cannot see that a telegram was played again or forged: he gets
// those that the box itself believes. As they come he gets all that are whole.
func TestRefusedTelegramsAreNotPassedAsP1(t *testing.T) {
	keyed := withKeys(sim.Key, sim.AuthKey)
	encrypted, plain := said(t, "smarty"), said(t, "dsmr50")
	damaged := bytes.Replace(plain, []byte("1-0:1.8.1("), []byte("1-0:1.8.1(9"), 1)
	for _, c := range []struct {
		name        string
		settings    config.Meter
		line        [][]byte
		asP1, asRaw int
	}{
		{"played again", keyed, [][]byte{encrypted, encrypted, encrypted}, 1, 3},
		{"plain, where encrypted ones are due", keyed, [][]byte{encrypted, plain}, 1, 2},
		{"damaged", config.Default().Meter, [][]byte{plain, damaged, plain}, 2, 2},
		{"encrypted, without a key", config.Default().Meter, [][]byte{encrypted, encrypted}, 0, 2},
		{"good", config.Default().Meter, [][]byte{plain, plain}, 2, 2},
	} {
		for as, want := range map[string]int{"p1": c.asP1, "raw": c.asRaw} {
			c.settings.ShareAs = as
			m, passed := readMeter(t, c.settings)
			_ = m.receiver.Run(bytes.NewReader(bytes.Join(c.line, nil)), time.Second, m.received)
			if got := passed(); len(got) != want {
				t.Errorf("%s, as %s: %d passed on, want %d", c.name, as, len(got), want)
			}
		}
	}
}

// evenParity is what a line of eight data bits makes of text that is sent on 7E1.
func evenParity(text []byte) []byte {
	sent := bytes.Clone(text)
	for i, c := range sent {
		sent[i] |= byte(bits.OnesCount8(c)%2) << 7
	}
	return sent
}

// Old Dutch meters and those of France send on 7E1, and are found on 8N1, where every
// third octet has its parity in bit 7: no reader takes that for text.
func TestParityIsNotPassedOn(t *testing.T) {
	for _, c := range []struct {
		name, meter string
		line        func([]byte) []byte
		want        func([]byte) []byte
	}{
		{"one bit wrong: not parity", "linky-standard", func(b []byte) []byte { b = evenParity(b); b[100] ^= 0x80; return b },
			func(b []byte) []byte { b = evenParity(b); b[100] ^= 0x80; return b }},
		{"DSMR 2.2 on 8N1", "dsmr22", evenParity, bytes.Clone},
		{"TIC standard on 8N1", "linky-standard", evenParity, bytes.Clone},
		{"DSMR 2.2 on 7E1", "dsmr22", bytes.Clone, bytes.Clone},
		{"DLMS, which has all eight bits", "e450", bytes.Clone, bytes.Clone},
	} {
		text := said(t, c.meter)
		for _, as := range []string{"raw", "p1"} {
			settings := config.Default().Meter
			settings.ShareAs = as
			m, passed := readMeter(t, settings)
			_ = m.receiver.Run(bytes.NewReader(c.line(text)), time.Second, m.received)
			got := passed()
			if len(got) != 1 {
				t.Fatalf("%s, as %s: %d passed on", c.name, as, len(got))
			}
			if as == "raw" && !bytes.Equal(got[0].Octets, c.want(text)) {
				t.Errorf("%s: %.60q, want %.60q", c.name, got[0].Octets, c.want(text))
			}
			if as == "p1" && slices.ContainsFunc(got[0].Octets, func(o byte) bool { return o > 0x7f }) {
				t.Errorf("%s, as p1: %.60q", c.name, got[0].Octets)
			}
		}
	}
}

// One text of P1 has one time: what the meter said an hour ago must not stand beside
// the energy of now.
func TestOldPowerIsNotPassedAsP1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := config.Default().Meter
		settings.ShareAs = "p1"
		m, passed := readMeter(t, settings)
		full, energies := telegram.Measurement{Format: "dlms", Period: 5 * time.Second}, telegram.Measurement{Format: "dlms"}
		full.Set(telegram.ActivePower, telegram.Of(7360))
		full.Set(telegram.CurrentL1, telegram.Of(32))
		energies.Set(telegram.ActiveEnergyImport, telegram.Of(1234567))
		m.publish(full)
		for _, c := range []struct {
			after time.Duration
			power bool
		}{{0, true}, {14 * time.Second, true}, {2 * time.Second, false}, {time.Hour, false}} {
			time.Sleep(c.after)
			m.publish(energies)
			texts := passed()
			last := string(texts[len(texts)-1].Octets)
			if !strings.Contains(last, "1-0:1.8.0(001234.567*kWh)") || strings.Contains(last, "1-0:1.7.0(07.360*kW)") != c.power || strings.Contains(last, ":31.7.0") != c.power {
				t.Errorf("%v later, with power %v: %s", c.after, c.power, last)
			}
		}
	})
}
