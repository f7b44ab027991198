package formats

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// Every simulated meter, which shares no code with the decoders, is read back
// to exactly what it meant, over the hour that comes twice in October. What a
// meter says in several telegrams at once counts together.
func TestSimulatedMetersAreReadBack(t *testing.T) {
	start := time.Date(2026, 10, 24, 23, 50, 0, 0, time.UTC)
	for _, meter := range slices.Concat(sim.All, sim.Binary, sim.French) {
		t.Run(meter.Name, func(t *testing.T) {
			house := meter.House(42, start)
			for i := range 400 {
				now := start.Add(time.Duration(i) * 15 * time.Second)
				state := house.Look(now)
				checkReadBack(t, meter, state, now)
				if t.Failed() {
					t.Fatalf("at %v: %q", now, meter.Encode(nil, state, now))
				}
			}
		})
	}
}

// twice is the second of the hours that a clock without zone cannot tell apart;
// the meters that do not say which it is are read as if it were the first.
var (
	twice  = time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)
	unsaid = []string{"e450-extended", "smart-me", "kaifa-no"}
)

func checkReadBack(t *testing.T, meter sim.Meter, state sim.State, now time.Time) {
	t.Helper()
	var merge telegram.Merge
	var all telegram.Reading
	got := 0
	options := telegram.Options{UTCOffset: time.Hour}
	if meter.Encrypts() {
		options.Key, _ = telegram.ParseKey(sim.Key)
		options.AuthKey, _ = telegram.ParseKey(sim.AuthKey)
	}
	rc := telegram.Receiver{Formats: All(), Options: options}
	_ = rc.Run(bytes.NewReader(meter.Encode(nil, state, now)), 0, func(r telegram.Received) {
		switch {
		case r.Err != nil:
			t.Errorf("%v", r.Err)
		case r.Noise == 0:
			got++
			all = merge.Add(r.Measurement, now)
		}
	})
	if want := meter.Telegrams(now); got != want {
		t.Errorf("%d telegrams, want %d", got, want)
		return
	}
	m := &all
	truth := meter.Truth(state, now)
	for q := range telegram.NumQuantities {
		want, sent := truth[q]
		v, ok := m.Get(q).Get()
		switch {
		case sent && (!ok || math.Abs(v-want) > 1e-9*math.Abs(want)):
			t.Errorf("%s is %v (%v), meant %v", q, v, ok, want)
		case !sent && ok && !m.Derived(q) && !net(q):
			t.Errorf("%s is %v, and was not sent", q, v)
		}
	}
	clock := meter.Clock(now)
	if now.Truncate(time.Hour).Equal(twice) && m.Time.Before(now) && slices.Contains(unsaid, strings.TrimSuffix(meter.Name, "-encrypted")) {
		clock = clock.Add(-time.Hour)
	}
	if !m.Time.Equal(clock) {
		t.Errorf("time is %v, meant %v", m.Time, clock)
	}
	// A binary meter sends no header: the decoder names its model there.
	if (meter.Header != "" && m.Meter.Header.String() != meter.Header) || !m.Meter.ID.Empty() && m.Meter.ID.String() != meter.ID {
		t.Errorf("meter %q %q, meant %q %q", m.Meter.Header, m.Meter.ID, meter.Header, meter.ID)
	}
	want := meter.Channels(state, now)
	if meter.Name == "dsmr22" && want[0].Time.Equal(twice) {
		// Its gas time has no letter for the hour that comes twice: the first.
		want[0].Time = want[0].Time.Add(-time.Hour)
	}
	for i := range want {
		if meter.Name != "dsmr22" && want[i].Time.Equal(meter.Clock(now)) {
			want[i].Time = clock
		}
	}
	if m.Channels != want {
		t.Errorf("channels %+v, meant %+v", m.Channels, want)
	}
	if m.Peaks != meter.Peaks(state) {
		t.Errorf("peaks %+v, meant %+v", m.Peaks, meter.Peaks(state))
	}
}

// net reports whether q is import - export by definition.
func net(q telegram.Quantity) bool {
	return q <= telegram.ActivePowerL3 || (telegram.ReactivePower <= q && q <= telegram.ReactivePowerL3)
}
