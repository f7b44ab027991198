package appliance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

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

// Two lists of energies within three seconds, every minute: what does not come
// meanwhile is not missed.
func TestPairOfLists(t *testing.T) {
	onBinaryLine(t, "lausanne", config.Default().Meter, func(t *testing.T, l binaryLine) {
		for l.sim.Telegrams(time.Now()) < 2 {
			time.Sleep(time.Second)
		}
		push := l.push()
		energies := push[:len(push)-bytesOfLast(push)]
		for minute := range 6 {
			for s := range 60 {
				if s == 0 || s == 3 {
					l.say(energies)
				}
				if got := l.state(); minute >= 3 && got.State != api.MeterOK {
					t.Fatalf("minute %d, second %d: %s: %s", minute, s, got.State, got.Detail)
				}
				time.Sleep(time.Second)
			}
		}
	})
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
