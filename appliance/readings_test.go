package appliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// part returns one member of a reading as it was written.
func part(t *testing.T, reading []byte, member string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(reading, &all); err != nil {
		t.Fatalf("%v: %s", err, reading)
	}
	if _, ok := all[member]; !ok {
		t.Errorf("there is no %s", member)
	}
	return string(all[member])
}

func TestReading(t *testing.T) {
	gas := telegramP1("1-3:0.2.8(50)", "0-0:1.0.0(261121120000W)", "0-0:96.1.1(4530303031)", "1-0:1.7.0(00.345*kW)", "1-0:31.7.0(xxx*A)",
		"0-0:96.13.0()", "0-1:24.1.0(003)", "0-1:96.1.0(4730303031)", "0-1:24.2.1(261121115500W)(01042.195*m3)")
	for _, c := range []struct {
		name string
		do   func(l line)
		want map[string]string
	}{
		{"before the first telegram", func(line) {}, map[string]string{
			"seq": `0`, "quality": `"stale"`, "timestamp": `null`, "active_power": `null`, "active_energy_import": `null`,
			"age_seconds": `null`, "limit_seconds": `null`, "channels": `[]`, "obis": `{}`, "labels": `{}`,
		}},
		{"a damaged telegram", func(l line) { l.say(strings.Replace(gas, "345", "346", 1)) }, map[string]string{
			"seq": `0`, "quality": `"stale"`, "obis": `{}`,
		}},
		{"a telegram", func(l line) { l.say(gas); time.Sleep(1500 * time.Millisecond) }, map[string]string{
			"seq": `1`, "quality": `"ok"`, "timestamp": `1795258800`, "active_power": `345`, "voltage_l1": `null`, "current_l1": `null`,
			"age_seconds": `1.5`, "limit_seconds": `5`, "labels": `{}`,
			"channels": `[{"channel":1,"type":"gas","id":"G0001","timestamp":1795262100,"value":1042.195,"unit":"m3"}]`,
			"obis": `{"1-3:0.2.8":{"value":"50","unit":"","timestamp":1795258800},` +
				`"0-0:1.0.0":{"value":"261121120000W","unit":"","timestamp":1795258800},` +
				`"0-0:96.1.1":{"value":"E0001","unit":"","timestamp":1795258800},` +
				`"1-0:1.7.0":{"value":345,"unit":"W","timestamp":1795258800},` +
				`"1-0:31.7.0":{"value":null,"unit":"","timestamp":1795258800},` +
				`"0-0:96.13.0":{"value":"","unit":"","timestamp":1795258800},` +
				`"0-1:24.1.0":{"value":3,"unit":"","timestamp":1795258800},` +
				`"0-1:96.1.0":{"value":"G0001","unit":"","timestamp":1795258800},` +
				`"0-1:24.2.1":{"value":1042.195,"unit":"m3","timestamp":1795258800}}`,
		}},
		// The values of the moment stay and are called stale, as on MQTT.
		{"silence behind it", func(l line) { l.say(house(345)); time.Sleep(time.Minute) }, map[string]string{
			"seq": `1`, "quality": `"stale"`, "timestamp": `1795258800`, "active_power": `345`, "active_energy_import": `300000`,
			"age_seconds": `60`, "limit_seconds": `5`,
		}},
		// What an object said a minute ago is not taken for new.
		{"a list of counters behind it", func(l line) {
			l.say(gas)
			time.Sleep(time.Minute)
			l.say(telegramP1("0-0:96.1.1(4530303031)", "1-0:1.8.0(000001.000*kWh)"))
		}, map[string]string{
			"seq": `2`, "quality": `"stale"`, "timestamp": `1795258860`, "instantaneous_timestamp": `1795258800`, "age_seconds": `60`,
			"obis": `{"1-3:0.2.8":{"value":"50","unit":"","timestamp":1795258800},` +
				`"0-0:1.0.0":{"value":"261121120000W","unit":"","timestamp":1795258800},` +
				`"0-0:96.1.1":{"value":"E0001","unit":"","timestamp":1795258860},` +
				`"1-0:1.7.0":{"value":345,"unit":"W","timestamp":1795258800},` +
				`"1-0:31.7.0":{"value":null,"unit":"","timestamp":1795258800},` +
				`"0-0:96.13.0":{"value":"","unit":"","timestamp":1795258800},` +
				`"0-1:24.1.0":{"value":3,"unit":"","timestamp":1795258800},` +
				`"0-1:96.1.0":{"value":"G0001","unit":"","timestamp":1795258800},` +
				`"0-1:24.2.1":{"value":1042.195,"unit":"m3","timestamp":1795258800},` +
				`"1-0:1.8.0":{"value":1000,"unit":"Wh","timestamp":1795258860}}`,
		}},
		{"another meter", func(l line) { l.say(gas); l.say(telegramOf("OTH5er", "1-0:1.7.0(00.500*kW)")) }, map[string]string{
			"seq": `2`, "quality": `"ok"`, "active_power": `500`, "channels": `[]`,
			"obis": `{"1-0:1.7.0":{"value":500,"unit":"W","timestamp":1795258800}}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onLine(t, func(t *testing.T, l line) {
				time.Sleep(time.Until(time.Unix(1795258800, 0))) // the clock of the test is that of 2000, which no box believes
				c.do(l)
				got := l.reading(true)
				for member, want := range c.want {
					if text := part(t, got.JSON, member); text != want {
						t.Errorf("%s is\n%s, want\n%s", member, text, want)
					}
				}
				if seq := fmt.Sprint(got.Seq); seq != part(t, got.JSON, "seq") {
					t.Errorf("numbered %s", seq)
				}
				onMQTT := []byte(`{}`)
				if snap := l.store.Latest(); snap != nil {
					onMQTT = snap.AppendJSON(nil, snap.Quality(time.Now(), 0))
				}
				if !bytes.HasPrefix(got.JSON, bytes.TrimSuffix(onMQTT, []byte("}"))) {
					t.Errorf("%s\nis not as on MQTT:\n%s", got.JSON, onMQTT)
				}
			})
		})
	}
}

// The key set never changes, and a reading without objects is the same without them.
func TestReadingKeys(t *testing.T) {
	onLine(t, func(t *testing.T, l line) {
		keys := func(reading []byte) []string {
			var all map[string]any
			if err := json.Unmarshal(reading, &all); err != nil {
				t.Fatal(err)
			}
			return slices.Sorted(maps.Keys(all))
		}
		before := keys(l.reading(true).JSON)
		l.say(house(345))
		full, short := l.reading(true).JSON, l.reading(false).JSON
		if after := keys(full); !slices.Equal(before, after) {
			t.Errorf("before the first telegram %v, after it %v", before, after)
		}
		if start := bytes.TrimSuffix(short, []byte("}")); !bytes.HasPrefix(full, append(start, `,"obis":{`...)) {
			t.Errorf("without objects\n%s, with them\n%s", short, full)
		}
	})
}

// The labels of TIC are told as they were sent, with their stamps.
func TestReadingOfLabels(t *testing.T) {
	m, _ := readMeter(t, config.Default().Meter)
	_ = m.receiver.Run(bytes.NewReader(said(t, "linky-standard")), time.Second, m.received)
	var got struct {
		OBIS   map[string]any
		Labels map[string]struct {
			Value any
			Unit  string
			Stamp *string
		}
	}
	if err := json.Unmarshal(m.reading(true).JSON, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.OBIS) != 0 || len(got.Labels) < 20 {
		t.Errorf("%d codes, %d labels", len(got.OBIS), len(got.Labels))
	}
	for label, want := range map[string]string{
		"ADSC": `string "", no stamp`, "SINSTS": `float64 "VA", no stamp`, "EAST": `float64 "Wh", no stamp`, "IRMS1": `float64 "A", no stamp`,
		"NTARF": `float64 "", no stamp`, "STGE": `string "", no stamp`, "DATE": `string "", H260115130000`, "SMAXSN": `string "", H260115`,
	} {
		l, ok := got.Labels[label]
		stamp := "no stamp"
		if l.Stamp != nil {
			stamp = *l.Stamp
		}
		if text := fmt.Sprintf("%T %q, %s", l.Value, l.Unit, stamp); !ok || !strings.HasPrefix(text, want) {
			t.Errorf("%s: %s, want %s", label, text, want)
		}
	}
}

// Who listens is told of each telegram, once of the silence behind the last one, and
// now and then that the stream lives.
func TestReadings(t *testing.T) {
	counters := telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.8.0(000001.000*kWh)")
	type step struct {
		after time.Duration
		say   string
	}
	second := func(n int, text string) (all []step) {
		for range n {
			all = append(all, step{time.Second, text})
		}
		return all
	}
	for _, c := range []struct {
		name  string
		steps []step
		pause time.Duration // of the reader after each
		want  string
	}{
		{"nothing", []step{{40 * time.Second, ""}}, 0, "15s: - 30s: -"},
		{"telegrams", second(3, house(1)), 0, "1s: 1 ok 2s: 2 ok 3s: 3 ok"},
		{"one, then nothing", []step{{time.Second, house(1)}, {51 * time.Second, ""}}, 0,
			"1s: 1 ok 6.001s: 1 stale 21.001s: - 36.001s: - 51.001s: -"},
		{"and one again", []step{{time.Second, house(1)}, {9 * time.Second, house(2)}, {6 * time.Second, ""}}, 0,
			"1s: 1 ok 6.001s: 1 stale 10s: 2 ok 15.001s: 2 stale"},
		{"one in time", []step{{time.Second, house(1)}, {4999 * time.Millisecond, house(2)}, {4 * time.Second, ""}}, 0,
			"1s: 1 ok 5.999s: 2 ok"},
		{"counters alone make nothing fresh", []step{{time.Second, house(1)}, {3 * time.Second, counters}, {4 * time.Second, counters}}, 0,
			"1s: 1 ok 4s: 2 ok 6.001s: 2 stale 8s: 3 stale"},
		{"a slow reader", second(8, house(1)), 2300 * time.Millisecond, "1s: 1 ok 3.3s: 3 ok 5.6s: 5 ok 7.9s: 7 ok"},
		{"one that sleeps past the limit", []step{{time.Second, house(1)}, {20 * time.Second, ""}}, 8 * time.Second, "1s: 1 ok 9s: 1 stale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onLine(t, func(t *testing.T, l line) {
				began := time.Now()
				ctx := t.Context()
				var got []string
				done := make(chan bool)
				stop := make(chan bool)
				go func() {
					defer close(done)
					for r := range l.readings(ctx, false) {
						select {
						case <-stop:
							return
						default:
						}
						text := "-"
						if r.JSON != nil {
							var o struct{ Quality snapshot.Quality }
							if err := json.Unmarshal(r.JSON, &o); err != nil {
								t.Error(err)
							}
							text = fmt.Sprintf("%d %s", r.Seq, o.Quality)
						}
						got = append(got, fmt.Sprintf("%v: %s", time.Since(began), text))
						time.Sleep(c.pause)
					}
				}()
				for _, s := range c.steps {
					time.Sleep(s.after)
					if s.say != "" {
						l.say(s.say)
					}
				}
				synctest.Wait()
				seen := strings.Join(got, " ")
				close(stop)
				<-done
				if seen != c.want {
					t.Errorf("%s, want %s", seen, c.want)
				}
			})
		})
	}
}

// Of every simulated meter the objects are told as the house has them.
func TestReadingOfEveryMeter(t *testing.T) {
	settings := withKeys(sim.Key, sim.AuthKey)
	settings.RequireEncryption = false
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for _, name := range sim.Names() {
		t.Run(name, func(t *testing.T) {
			meter, err := sim.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			state := meter.House(1, now).Look(now)
			m, _ := readMeter(t, settings)
			_ = m.receiver.Run(bytes.NewReader(meter.Encode(nil, state, now)), time.Second, m.received)
			var got struct{ OBIS, Labels map[string]told }
			if err := json.Unmarshal(m.reading(true).JSON, &got); err != nil {
				t.Fatal(err)
			}
			truth, compared := meter.Truth(state, now), 0
			for text, o := range got.OBIS {
				code, _, err := telegram.ParseOBIS([]byte(text))
				if err != nil || code.String() != text {
					t.Errorf("%q is no code: %v", text, err)
				}
				q, known := code.Quantity()
				want, said := truth[q]
				if !known || !said {
					continue
				}
				compared++
				if v, ok := o.Value.(float64); !ok || math.Abs(v-want) > 1e-6 || o.Unit != q.Unit().String() {
					t.Errorf("%s is %v, want %v %s", text, o, want, q.Unit())
				}
			}
			if heatAlone := name == "warmtelink"; len(got.OBIS)+len(got.Labels) < 3 || compared < 3 && len(got.Labels) == 0 && !heatAlone {
				t.Errorf("%d objects and %d labels, %d of them known to the house", len(got.OBIS), len(got.Labels), compared)
			}
		})
	}
}
