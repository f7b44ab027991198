package payload

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	decoders "smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// schema compiles one of the schemas of the tree outside.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	b, err := fs.ReadFile(Schemas(), name+".json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, document); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func valid(s *jsonschema.Schema, payload []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	return s.Validate(document)
}

// heard is what a simulated meter has said after a minute.
func heard(t *testing.T, name string) *snapshot.Snapshot {
	t.Helper()
	meter, err := sim.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	house, now := meter.House(42, noon), noon
	var merge telegram.Merge
	s := &snapshot.Snapshot{Period: meter.Interval}
	rc := telegram.Receiver{Formats: decoders.All(), Options: telegram.Options{UTCOffset: time.Hour}}
	for ; now.Sub(noon) < time.Minute; now = now.Add(meter.Interval) {
		err := rc.Run(bytes.NewReader(meter.Encode(nil, house.Look(now), now)), 0, func(r telegram.Received) {
			if r.Err != nil {
				t.Fatalf("%s: %v", name, r.Err)
			}
			s.Seq++
			s.Received, s.Reading = now, merge.Add(r.Measurement, now)
		})
		if !telegram.IsEnd(err) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if !s.Get(telegram.ActivePower).OK() {
		t.Fatalf("%s: no power after a minute", name)
	}
	return s
}

// kind returns the name of the schema a topic outside is of.
func kind(o *Outside, topic string) string {
	rest, _ := strings.CutPrefix(topic, o.base+"/")
	switch {
	case rest == "data/electricity":
		return "xemex"
	case strings.HasPrefix(topic, "dt/"):
		return "rl-dsp"
	case strings.HasPrefix(rest, "data/value/"):
		return "values"
	case strings.Count(rest, "/") == 2:
		return "channel"
	}
	return strings.TrimPrefix(rest, "data/")
}

func outside(t *testing.T, format string, o OutsideOptions) *Outside {
	t.Helper()
	tree, err := NewOutside(device, "chalet", format, o)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestPayloadsFollowTheirSchemas(t *testing.T) {
	tic := heard(t, "linky-standard-tri")
	for name, c := range map[string]struct {
		s       *snapshot.Snapshot
		quality snapshot.Quality
		at      time.Time
	}{
		"an empty telegram":       {&snapshot.Snapshot{}, snapshot.Stale, time.Time{}},
		"a stale one":             {heard(t, "dsmr50"), snapshot.Stale, noon},
		"a stale one of TIC":      {tic, snapshot.Stale, noon},
		"a clock that is not set": {heard(t, "e450"), snapshot.OK, time.Time{}},
		"P1":                      {heard(t, "dsmr50"), snapshot.OK, noon},
		"P1 of Belgium":           {heard(t, "emucs"), snapshot.OK, noon},
		"DLMS":                    {heard(t, "e450"), snapshot.OK, noon},
		"TIC historique":          {heard(t, "linky-historique"), snapshot.OK, noon},
		"TIC standard":            {tic, snapshot.OK, noon},
	} {
		for _, format := range Formats() {
			t.Run(name+" as "+format, func(t *testing.T) {
				o := outside(t, format, OutsideOptions{Energy: true, Capabilities: []string{"ping"}})
				messages := slices.Clone(o.Telegram(c.s, c.quality, c.at))
				messages = append(messages, o.Status(true, c.at), o.Status(false, c.at), o.Will(),
					o.Info(c.s), o.Info(nil), o.Event(1, c.at, "meter-lost", "no telegram for 5 s"))
				for _, m := range messages {
					if err := valid(schema(t, kind(o, m.Topic)), m.Payload); err != nil {
						t.Errorf("%s: %v\n%s", m.Topic, err, m.Payload)
					}
				}
			})
		}
	}
}

func TestSchemasRefuse(t *testing.T) {
	good := map[string]string{
		"command-request":  `{"id":"7","ts":1768478400,"args":{}}`,
		"command-response": `{"id":"7","state":"running","progress":40,"error":null,"ts":1768478400,"result":null}`,
	}
	s := take(house())
	for _, format := range Formats() {
		o := outside(t, format, OutsideOptions{Energy: true})
		for _, m := range append(slices.Clone(o.Telegram(s, snapshot.OK, noon)), o.Status(true, noon), o.Info(s), o.Event(1, noon, "a", "b")) {
			good[kind(o, m.Topic)] = string(m.Payload)
		}
	}
	files, err := fs.Glob(Schemas(), "*.json")
	if err != nil || len(files) != len(good) {
		t.Fatalf("%d schemas, %d kinds of payload (%v)", len(files), len(good), err)
	}
	for name, payload := range good {
		s := schema(t, name)
		if err := valid(s, []byte(payload)); err != nil {
			t.Errorf("%s: the right one: %v", name, err)
		}
		refused := func(what string, change func(map[string]any)) {
			o := object(t, payload)
			change(o)
			if valid(s, encoded(o)) == nil {
				t.Errorf("%s: accepted with %s", name, what)
			}
		}
		refused("an extra key", func(o map[string]any) { o["extra"] = nil })
		for key, v := range object(t, payload) {
			if name != "command-request" || key != "args" { // which a command may do without
				refused("no "+key, func(o map[string]any) { delete(o, key) })
			}
			refused("an array as "+key+" of objects", func(o map[string]any) { o[key] = []any{map[string]any{}} })
			if _, ok := v.(float64); ok {
				refused("a text as "+key, func(o map[string]any) { o[key] = "12" })
			}
		}
	}
}

func TestSchemasRefuseOldNumbers(t *testing.T) {
	s := take(house())
	fresh := outside(t, "xemex", OutsideOptions{}).Telegram(s, snapshot.OK, noon)[0].Payload
	old := bytes.Replace(fresh, []byte(`"quality":"ok"`), []byte(`"quality":"stale"`), 1)
	if valid(schema(t, "xemex"), old) == nil {
		t.Errorf("accepted: %s", old)
	}
	dsp := outside(t, "rl-dsp", OutsideOptions{}).Telegram(s, snapshot.OK, noon)[0].Payload
	for _, change := range [][2]string{{`"1-0:2.7.0"`, `"1-0:2.7.9"`}, {`"unit":"V"`, `"unit":"W"`}, {`"value":1234,`, ``}} {
		wrong := bytes.Replace(dsp, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(wrong, dsp) || valid(schema(t, "rl-dsp"), wrong) == nil {
			t.Errorf("accepted with %s for %s: %s", change[1], change[0], wrong)
		}
	}
}

// The schemas are written by hand: this is what keeps them with the table.
func TestSchemasNameEveryQuantity(t *testing.T) {
	keys := func(name string, path ...string) []string {
		b, err := fs.ReadFile(Schemas(), name+".json")
		if err != nil {
			t.Fatal(err)
		}
		o := object(t, string(b))
		for _, key := range path {
			o = o[key].(map[string]any)
		}
		return slices.Sorted(maps.Keys(o))
	}
	of := func(name func(telegram.Quantity) string, kinds ...telegram.Kind) (all []string) {
		for q := range telegram.NumQuantities {
			if n := name(q); n != "" && slices.Contains(kinds, q.Kind()) {
				all = append(all, n)
			}
		}
		return all
	}
	head := []string{"schema", "seq", "timestamp", "instantaneous_timestamp", "meter_timestamp", "meter", "quality", "power_unit", "derived"}
	instantaneous := of(telegram.Quantity.String, telegram.Instantaneous)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"xemex", keys("xemex", "properties"), append(head, instantaneous...)},
		{"xemex, stale", keys("xemex", "then", "properties"), append([]string{"derived"}, instantaneous...)},
		{"energy", keys("energy", "properties"), append([]string{"seq", "timestamp", "meter"}, of(telegram.Quantity.String, telegram.Cumulative)...)},
		{"rl-dsp", keys("rl-dsp", "properties", "values", "properties"), of(telegram.Quantity.Code, telegram.Instantaneous, telegram.Cumulative)},
	} {
		slices.Sort(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s\ngot  %v\nwant %v", c.what, c.got, c.want)
		}
	}
	var derived struct {
		Properties struct {
			Derived struct{ Items struct{ Enum []string } }
		}
	}
	b, _ := fs.ReadFile(Schemas(), "xemex.json")
	if err := json.Unmarshal(b, &derived); err != nil || !slices.Equal(derived.Properties.Derived.Items.Enum, instantaneous) {
		t.Errorf("derived may be %v (%v), want %v", derived.Properties.Derived.Items.Enum, err, instantaneous)
	}
}
