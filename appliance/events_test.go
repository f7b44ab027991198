package appliance

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/telegram/sim"
)

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
