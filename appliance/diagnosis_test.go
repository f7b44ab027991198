package appliance

import (
	"context"
	"io"
	"log/slog"
	"strings"
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

// binaryLine is a meter task on a line that any format may speak, in fake time.
type binaryLine struct {
	*meter
	say   func(b []byte)
	house *sim.House
	sim   sim.Meter
}

// onBinaryLine runs test with a line and the simulated meter name on it.
// settings are those of the meter in the configuration.
func onBinaryLine(t *testing.T, name string, settings config.Meter, test func(t *testing.T, l binaryLine)) {
	synctest.Test(t, func(t *testing.T) {
		simulated, err := sim.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		// Fake time begins in 2000, when there were no such meters.
		time.Sleep(time.Until(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)))
		options, fault := meterOptions(&settings)
		r, w := io.Pipe()
		n := uint64(0)
		m := &meter{
			source: "the line", line: simulated.Line,
			receiver: telegram.Receiver{Formats: formats.All(), Options: options},
			guard:    telegram.Guard{RequireEncryption: settings.RequireEncryption && settings.Key.IsSet()},
			store:    snapshot.NewStore(func() uint64 { n++; return n }),
			events:   &events{log: slog.New(slog.DiscardHandler)},
			log:      slog.New(slog.DiscardHandler),
			keyFault: fault,
			open:     func(context.Context, telegram.Line) (io.ReadCloser, error) { return r, nil },
		}
		done := make(chan error)
		go func() { done <- m.run(t.Context()) }()
		defer func() { w.Close(); <-done }()
		house := simulated.House(7, time.Now().Add(-time.Hour))
		house.Lively = true
		test(t, binaryLine{m, func(b []byte) { _, _ = w.Write(b); synctest.Wait() }, house, simulated})
	})
}

// push is what the meter sends now.
func (l binaryLine) push() []byte {
	now := time.Now()
	return l.sim.Encode(nil, l.house.Look(now), now)
}

// every says n pushes in the meter's rhythm, each as change makes it.
func (l binaryLine) every(n int, change func(i int, push []byte) []byte) {
	for i := range n {
		push := l.push()
		if change != nil {
			push = change(i, push)
		}
		l.say(push)
		time.Sleep(l.sim.Interval)
	}
}

func (l binaryLine) state() api.Meter { return l.status(l.store.Latest(), time.Now()) }

func withKeys(key, auth string) config.Meter {
	m := config.Default().Meter
	m.Key, m.AuthKey = telegram.NewSecret(key), telegram.NewSecret(auth)
	return m
}

// Every fault of an encrypted or binary meter has its word, within two telegrams
// where the meter was never read, and within its limit where it was.
func TestDiagnosisOfBinaryMeters(t *testing.T) {
	right, plain := withKeys(sim.Key, sim.AuthKey), config.Default().Meter
	wrong := "00112233445566778899AABBCCDDEEFF"
	mixed := right
	mixed.RequireEncryption = false
	spoil := func(_ int, push []byte) []byte { push[len(push)/2] ^= 0x40; return push }
	unknown := func(int, []byte) []byte { return positional() }
	for _, c := range []struct {
		name, meter string
		settings    config.Meter
		do          func(l binaryLine)
		state       api.MeterState
		level       api.State
		says        string
		stage       func(s api.Stages) uint64 // the counter that must have moved
	}{
		{"the right keys", "e450-encrypted", right, func(l binaryLine) { l.every(2, nil) }, api.MeterOK, api.OK, "", func(s api.Stages) uint64 { return s.Telegrams }},
		{"no key", "e450-encrypted", plain, func(l binaryLine) { l.every(2, nil) }, api.KeyRequired, api.Fault, "enter it as Meter.Key", func(s api.Stages) uint64 { return s.Decrypt }},
		{"no key, and a telegram a minute", "e450-encrypted", plain, func(l binaryLine) { l.every(2, nil); time.Sleep(50 * time.Second) }, api.KeyRequired, api.Fault, "Meter.Key", nil},
		{"a wrong key", "e450-encrypted", withKeys(wrong, ""), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.Key does not decrypt", func(s api.Stages) uint64 { return s.Decrypt }},
		{"a wrong key, with an authentication key", "e450-encrypted", withKeys(wrong, sim.AuthKey), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.Key does not decrypt", nil},
		{"a wrong authentication key", "e450-encrypted", withKeys(sim.Key, wrong), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.AuthKey is not", nil},
		{"a wrong key over M-Bus", "at-mbus", withKeys(wrong, ""), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.Key", nil},
		{"a wrong key on P1", "smarty", withKeys(wrong, ""), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.Key", nil},
		{"a wrong authentication key on P1", "smarty", withKeys(sim.Key, wrong), func(l binaryLine) { l.every(2, nil) }, api.KeyWrong, api.Fault, "Meter.AuthKey is not", nil},
		{"a key that is none", "e450-encrypted", withKeys("0011", ""), func(l binaryLine) { l.every(2, nil) }, api.KeyInvalid, api.Fault, "Meter.Key is no key", nil},
		{"an authentication key that is none", "e450-encrypted", withKeys(sim.Key, "x"), func(l binaryLine) { l.every(2, nil) }, api.KeyInvalid, api.Fault, "Meter.AuthKey is no key", nil},
		{"a plain meter, and a key", "e450", right, func(l binaryLine) { l.every(2, nil) }, api.Unencrypted, api.Fault, "clear Meter.Key", func(s api.Stages) uint64 { return s.Decrypt }},
		{"a list that nobody knows", "e450", plain, func(l binaryLine) { l.every(2, unknown) }, api.ListUnknown, api.Fault, "Meter.List", func(s api.Stages) uint64 { return s.Parse }},
		{"a wrong check sequence", "e360", plain, func(l binaryLine) { l.every(2, spoil) }, api.ChecksumError, api.Fault, "look at the cable", func(s api.Stages) uint64 { return s.Checksum }},
		{"a frame lost", "e450", plain, func(l binaryLine) { l.every(3, func(_ int, push []byte) []byte { return push[140:] }) }, api.ChecksumError, api.Fault, "parts missing", func(s api.Stages) uint64 { return s.Segments }},
		{"a segment lost, M-Bus", "at-mbus", right, func(l binaryLine) { l.every(3, func(_ int, push []byte) []byte { return push[:256] }) }, api.ChecksumError, api.Fault, "parts missing", func(s api.Stages) uint64 { return s.Segments }},
		{"read, then played again", "e450-encrypted", right, func(l binaryLine) {
			old := l.push()
			l.every(4, nil)
			l.every(5, func(int, []byte) []byte { return old })
		}, api.Replay, api.Stale, "heard before", func(s api.Stages) uint64 { return s.Replay }},
		{"read, then damaged", "e450-encrypted", right, func(l binaryLine) { l.every(15, nil); l.every(8, spoil) }, api.ChecksumError, api.Stale, "look at the cable", func(s api.Stages) uint64 { return s.Checksum - 7 }},
		{"read, then damaged, segments", "am550-encrypted", right, func(l binaryLine) { l.every(15, nil); l.every(8, spoil) }, api.ChecksumError, api.Stale, "look at the cable", func(s api.Stages) uint64 { return s.Checksum - 7 }},
		{"read, then damaged, P1", "smarty", right, func(l binaryLine) { l.every(15, nil); l.every(8, spoil) }, api.ChecksumError, api.Stale, "look at the cable", nil},
		{"a list a minute: a wrong key", "e450-encrypted", withKeys(wrong, ""), func(l binaryLine) { l.sim.Interval = time.Minute; l.every(3, nil) }, api.KeyWrong, api.Fault, "Meter.Key does not decrypt", nil},
		{"a list every quarter of an hour: no key", "e450-encrypted", plain, func(l binaryLine) { l.sim.Interval = 15 * time.Minute; l.every(3, nil) }, api.KeyRequired, api.Fault, "enter it as Meter.Key", nil},
		{"a list a minute: read, then a wrong key", "e450-encrypted", right, func(l binaryLine) {
			l.sim.Interval = time.Minute
			l.every(12, nil)
			l.sim, _ = l.sim.WithKeys(wrong, "")
			l.every(5, nil)
		}, api.KeyWrong, api.Stale, "Meter.Key does not decrypt", nil},
		{"a list a minute, sound", "e450", plain, func(l binaryLine) { l.sim.Interval = time.Minute; l.every(12, nil) }, api.MeterOK, api.OK, "", nil},
		{"a list a minute, at first: late by what its format says, and not gone", "e450", plain, func(l binaryLine) { l.sim.Interval = time.Minute; l.every(3, nil) }, api.MeterStale, api.Stale, "no telegram has come for 1m0s", nil},
		{"a plain meter, a key, and plain telegrams allowed", "e450", mixed, func(l binaryLine) { l.every(2, nil) }, api.MeterOK, api.OK, "", nil},
		{"read, then with another key", "e450-encrypted", right, func(l binaryLine) {
			l.every(4, nil)
			l.sim, _ = l.sim.WithKeys(wrong, "")
			l.every(5, nil)
		}, api.KeyWrong, api.Stale, "Meter.Key does not decrypt", nil},
		{"read, then silence", "e450-encrypted", right, func(l binaryLine) { l.every(4, nil); time.Sleep(time.Minute) }, api.MeterStale, api.Stale, "nothing has been received for 1m5s", nil},
		{"read, silence, and half a push", "e450", plain, func(l binaryLine) {
			l.every(20, nil)
			time.Sleep(time.Minute)
			push := l.push()
			l.say(push[:len(push)/2])
		}, api.MeterStale, api.Stale, "no telegram has come for 1m5s, and octets come now", nil},
		{"a list a minute, and half of the next one", "e450", plain, func(l binaryLine) {
			l.sim.Interval = time.Minute
			l.every(3, nil)
			push := l.push()
			l.say(push[:len(push)/2])
		}, api.MeterStale, api.Stale, "octets come now", nil},
		{"half a push of a list a minute, and the next one from its middle", "e450", plain, func(l binaryLine) {
			push := l.push()
			l.say(push[len(push)/2:])
			time.Sleep(57 * time.Second)
			l.say(push[:len(push)/2])
		}, api.Receiving, api.Waiting, "octets come", nil},
		{"two lists every quarter of an hour, no key", "e450-encrypted", plain, func(l binaryLine) {
			for range 4 {
				l.say(l.push())
				time.Sleep(3 * time.Second)
				l.say(l.push())
				time.Sleep(14 * time.Minute)
			}
		}, api.KeyRequired, api.Fault, "enter it as Meter.Key", nil},
		{"a list every quarter of an hour, no key, and a bit of noise behind each", "e450-encrypted", plain, func(l binaryLine) {
			for range 4 {
				l.say(l.push())
				time.Sleep(5 * time.Second)
				l.say([]byte{0})
				time.Sleep(14 * time.Minute)
			}
		}, api.KeyRequired, api.Fault, "enter it as Meter.Key", nil},
		{"an hour of silence does not make a minute usual", "e450", plain, func(l binaryLine) {
			l.every(20, nil)
			time.Sleep(time.Hour)
			l.every(2, nil)
			time.Sleep(time.Minute)
		}, api.MeterStale, api.Stale, "nothing has been received for 1m5s", nil},
		{"read, and one in three damaged", "e450-encrypted", right, func(l binaryLine) {
			l.every(30, func(i int, push []byte) []byte {
				if i%3 == 0 {
					return spoil(i, push)
				}
				return push
			})
		}, api.MeterOK, api.OK, "", func(s api.Stages) uint64 { return s.Checksum }},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBinaryLine(t, c.meter, c.settings, func(t *testing.T, l binaryLine) {
				c.do(l)
				s := l.state()
				if s.State != c.state || s.Level != c.level || !strings.Contains(s.Detail, c.says) || (c.says == "") != (s.Detail == "") {
					t.Errorf("%s (%s): %q, want %s (%s): %q", s.State, s.Level, s.Detail, c.state, c.level, c.says)
				}
				if c.stage != nil && c.stage(s.Stages) == 0 {
					t.Errorf("stages %+v", s.Stages)
				}
				if st := s.Stages; st.Octets == 0 || st.Telegrams > st.Frames {
					t.Errorf("stages %+v", st)
				}
				if strings.Contains(s.Detail+s.LastError, wrong) || strings.Contains(strings.ToUpper(s.Detail), sim.Key) {
					t.Errorf("a key shows: %q, %q", s.Detail, s.LastError)
				}
			})
		})
	}
}

// What an installer sets for the meter reaches the values.
func TestMeterSettings(t *testing.T) {
	state := sim.State{Power: [3]float64{2300, 1150, 0}, Voltage: [3]float64{230, 230, 230}, Current: [3]float64{10, 5, 0}}
	for _, c := range []struct {
		name  string
		meter string
		set   func(*config.Meter)
		want  map[telegram.Quantity]float64
	}{
		{"as delivered", "e450", func(*config.Meter) {}, map[telegram.Quantity]float64{telegram.ActivePower: 3450, telegram.CurrentL1: 10, telegram.VoltageL1: 230}},
		{"a profile", "e450", func(m *config.Meter) { m.Profile = "lg-e570-tenths" }, map[telegram.Quantity]float64{telegram.ActivePower: 345, telegram.CurrentL1: 100}},
		{"current transformers", "e450", func(m *config.Meter) { m.CurrentRatio = 40 }, map[telegram.Quantity]float64{telegram.ActivePower: 138000, telegram.CurrentL1: 400, telegram.VoltageL1: 230}},
		{"voltage transformers", "e450", func(m *config.Meter) { m.VoltageRatio = 100 }, map[telegram.Quantity]float64{telegram.ActivePower: 345000, telegram.VoltageL1: 23000}},
		{"estimates", "e450", func(m *config.Meter) { m.EstimatePhases = true }, map[telegram.Quantity]float64{telegram.ActivePowerL1: 2300, telegram.ActivePowerL2: 1150, telegram.ActivePowerL3: 0}},
		{"estimates of a French meter", "linky-historique-tri", func(m *config.Meter) { m.EstimatePhases = true }, map[telegram.Quantity]float64{telegram.ActivePowerL1: 2300, telegram.ActivePowerL2: 1150}},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := config.Default().Meter
			c.set(&settings)
			onBinaryLine(t, c.meter, settings, func(t *testing.T, l binaryLine) {
				l.every(2, func(int, []byte) []byte { return l.sim.Encode(nil, state, time.Now()) })
				snap := l.store.Latest()
				for q, want := range c.want {
					if v, ok := snap.Get(q).Get(); !ok || v != want {
						t.Errorf("%s is %v (%v), want %v", q, v, ok, want)
					}
				}
			})
		})
	}
}
