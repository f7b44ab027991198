package appliance

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
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

// positional is a push of five values without names from no known meter.
func positional() []byte {
	info := []byte{0xE6, 0xE7, 0x00, 0x0F, 0, 0, 0, 1, 0, 0x02, 5, 0x11, 1, 0x11, 2, 0x11, 3, 0x11, 4, 0x11, 5}
	x25 := func(b []byte) []byte {
		sum := uint16(0xFFFF)
		for _, c := range b {
			sum ^= uint16(c)
			for range 8 {
				sum = sum>>1 ^ 0x8408*(sum&1)
			}
		}
		return []byte{byte(^sum), byte(^sum >> 8)}
	}
	head := []byte{0xA0, byte(2 + 2 + 1 + 2 + len(info) + 2), 0x03, 0x05, 0x13}
	body := slices.Concat(head, x25(head), info)
	return slices.Concat([]byte{0x7E}, body, x25(body), []byte{0x7E})
}

// The owner's words for the values of a list that nobody knows.
func TestListByHand(t *testing.T) {
	settings := config.Default().Meter
	for _, text := range []string{"", "1-0:1.7.0", "1-0:2.7.0", "1-0:31.7.0", ""} {
		var code config.Code
		if err := code.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		settings.List = append(settings.List, code)
	}
	onBinaryLine(t, "e450", settings, func(t *testing.T, l binaryLine) {
		l.every(2, func(int, []byte) []byte { return positional() })
		snap := l.store.Latest()
		if snap == nil {
			t.Fatalf("%+v", l.state())
		}
		if p, _ := snap.Get(telegram.ActivePower).Get(); p != 2-3 {
			t.Errorf("power %v", p)
		}
	})
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

// One meter sends its moment every 5 s, its tariffs every minute and the meters
// behind it every quarter of an hour: all of them stand together, each with its
// age, and only the moment counts as fresh.
func TestListsOfOneMeter(t *testing.T) {
	for _, c := range []struct {
		meter  string
		period time.Duration
		has    []telegram.Quantity
	}{
		{"smart-me", 5 * time.Second, []telegram.Quantity{telegram.ActivePower, telegram.CurrentL3, telegram.ActiveEnergyImport, telegram.ActiveEnergyImportT2, telegram.ReactiveEnergyImport}},
		{"smart-me-encrypted", 5 * time.Second, []telegram.Quantity{telegram.ActivePower, telegram.ActiveEnergyImportT2}},
		{"lausanne", 5 * time.Second, []telegram.Quantity{telegram.ActivePowerL2, telegram.VoltageL1, telegram.ActiveEnergyImport, telegram.ReactiveEnergyExportT1}},
		{"lausanne-encrypted", 5 * time.Second, []telegram.Quantity{telegram.ActivePowerL2, telegram.ActiveEnergyImport}},
		{"kaifa-no", 10 * time.Second, []telegram.Quantity{telegram.ActivePower, telegram.CurrentL1}},
	} {
		t.Run(c.meter, func(t *testing.T) {
			settings := config.Default().Meter
			if strings.HasSuffix(c.meter, "-encrypted") {
				settings = withKeys(sim.Key, sim.AuthKey)
			}
			onBinaryLine(t, c.meter, settings, func(t *testing.T, l binaryLine) {
				began := time.Now()
				pushes := int(20 * time.Minute / l.sim.Interval)
				l.every(pushes, func(i int, push []byte) []byte {
					if snap := l.store.Latest(); i > 20 && (!snap.Fresh(time.Now(), 0) || !snap.HasCurrent()) {
						t.Fatalf("%v after the start: not fresh, period %v", time.Since(began), snap.Period)
					}
					return push
				})
				snap := l.store.Latest()
				for _, q := range c.has {
					if !snap.Get(q).OK() {
						t.Errorf("%s is missing", q)
					}
				}
				if snap.Period != c.period {
					t.Errorf("the period is %v, want %v", snap.Period, c.period)
				}
				if strings.HasPrefix(c.meter, "smart-me") && (!snap.Channels[0].Live() || !snap.Channels[1].Live()) {
					t.Errorf("channels %+v", snap.Channels)
				}
				if s := l.state(); s.State != api.MeterOK || len(s.Errors) != 0 {
					t.Errorf("%s: %s, errors %v", s.State, s.Detail, s.Errors)
				}

				// The list with the moment stops; all others go on.
				last := snap.At[telegram.Instantaneous]
				for time.Since(last) < 10*time.Minute {
					now := time.Now()
					push := l.push()
					if n := l.sim.Telegrams(now); n > 1 && strings.HasPrefix(c.meter, "smart-me") {
						push = push[bytesOfFirst(push):]
					} else if n > 1 && strings.HasPrefix(c.meter, "lausanne") {
						push = push[:len(push)-bytesOfLast(push)]
					} else {
						push = nil
					}
					l.say(push)
					time.Sleep(l.sim.Interval)
					if snap := l.store.Latest(); time.Since(last) > telegram.Limit(c.period) && snap.Fresh(time.Now(), 0) {
						t.Fatalf("fresh %v after the last moment", time.Since(last))
					}
				}
				if s := l.state(); s.State != api.MeterStale {
					t.Errorf("%s: %s", s.State, s.Detail)
				}
			})
		})
	}
}

// bytesOfFirst is the length of the first push of several in blocks: up to the
// frame with the last block.
func bytesOfFirst(b []byte) int {
	n := 0
	for {
		size := int(b[n+1]&7)<<8 + int(b[n+2]) + 2
		control := b[n+9:]
		n += size
		for i := range 4 { // the LLC stands before the first block
			if control[i] == 0xE0 && control[i+1]&0x80 != 0 && control[i+1]&0x3F == 0 {
				return n
			}
			if control[i] == 0xE0 {
				break
			}
		}
	}
}

// bytesOfLast is the length of the last push of several in segments.
func bytesOfLast(b []byte) int {
	var starts []int
	first := true
	for n := 0; n < len(b); {
		if first {
			starts = append(starts, n)
		}
		first = b[n+1]&8 == 0
		n += int(b[n+1]&7)<<8 + int(b[n+2]) + 2
	}
	return len(b) - starts[len(starts)-1]
}

// A scaler or ratio that cannot be right is an event and a warning, until it is
// put right; a meter that sends no tags, or is exchanged, is an event once.
func TestEvents(t *testing.T) {
	kinds := func(l binaryLine) string {
		var list []string
		for _, e := range l.events.latest() {
			list = append(list, e.Kind)
		}
		return strings.Join(list, " ")
	}
	power := config.Default().Meter
	var code config.Code
	if err := code.UnmarshalText([]byte("1-0:1.7.0")); err != nil {
		t.Fatal(err)
	}
	power.Scalers = []config.Scaler{{OBIS: code, Exponent: 1}}
	t.Run("a wrong scaler", func(t *testing.T) {
		onBinaryLine(t, "e450", power, func(t *testing.T, l binaryLine) {
			busy := sim.State{Power: [3]float64{2300, 2300, 2300}, Voltage: [3]float64{230, 230, 230}, Current: [3]float64{10, 10, 10}}
			l.every(8, func(int, []byte) []byte { return l.sim.Encode(nil, busy, time.Now()) })
			if got := kinds(l); got != eventImplausible || !strings.Contains(l.doubtful(), "is 10 times") {
				t.Errorf("events %q, doubt %q", got, l.doubtful())
			}
			if s := l.state(); s.State != api.MeterOK {
				t.Errorf("%+v", s)
			}
			l.receiver.Options.Scalers = nil
			l.every(8, func(int, []byte) []byte { return l.sim.Encode(nil, busy, time.Now()) })
			if got := kinds(l); got != eventPlausible+" "+eventImplausible || l.doubtful() != "" {
				t.Errorf("events %q, doubt %q", got, l.doubtful())
			}
		})
	})
	t.Run("no tags", func(t *testing.T) {
		onBinaryLine(t, "at-mbus", withKeys(sim.Key, sim.AuthKey), func(t *testing.T, l binaryLine) {
			l.every(8, nil)
			if got := kinds(l); got != eventNoTag {
				t.Errorf("events %q", got)
			}
			if s := l.state(); !s.Encrypted || s.Authenticated {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("a counter that starts anew", func(t *testing.T) {
		onBinaryLine(t, "e450-encrypted", withKeys(sim.Key, sim.AuthKey), func(t *testing.T, l binaryLine) {
			l.every(3, nil)
			old := time.Now().Add(-24 * time.Hour)
			l.every(25, func(i int, _ []byte) []byte {
				at := old.Add(time.Duration(i) * l.sim.Interval)
				return l.sim.Encode(nil, l.house.Look(time.Now()), at)
			})
			if got := kinds(l); got != eventCounter {
				t.Errorf("events %q", got)
			}
			if s := l.state(); s.State != api.MeterOK || s.Errors["replay"] != 19 {
				t.Errorf("%s, errors %v", s.State, s.Errors)
			}
		})
	})
	t.Run("another meter", func(t *testing.T) {
		onBinaryLine(t, "e450", config.Default().Meter, func(t *testing.T, l binaryLine) {
			l.every(3, nil)
			l.sim, _ = sim.ByName("e360")
			l.every(3, nil)
			if got := kinds(l); got != eventMeter || !strings.Contains(l.events.latest()[0].Text, "Landis+Gyr E450 5004501 before") {
				t.Errorf("events %q %+v", got, l.events.latest())
			}
		})
	})
	t.Run("meters that take turns", func(t *testing.T) {
		onBinaryLine(t, "e450", config.Default().Meter, func(t *testing.T, l binaryLine) {
			other, _ := sim.ByName("e360")
			l.every(40, func(i int, push []byte) []byte {
				if i%2 == 0 {
					return other.Encode(nil, l.house.Look(time.Now()), time.Now())
				}
				return push
			})
			if n := len(l.events.latest()); n < 1 || n > 3 {
				t.Errorf("%d events: %q", n, kinds(l))
			}
		})
	})
	t.Run("only the latest are kept", func(t *testing.T) {
		e := events{log: slog.New(slog.DiscardHandler)}
		for i := range 100 {
			e.add(fmt.Sprint("kind ", i), fmt.Sprint(i))
		}
		for i := range 5 {
			e.add("kind 99", fmt.Sprint("again ", i))
		}
		if l := e.latest(); len(l) != maxEvents || l[0].Text != "again 4" || l[0].Count != 6 || l[1].Text != "98" {
			t.Errorf("%d events, the latest %+v", len(l), l[0])
		}
	})
}
