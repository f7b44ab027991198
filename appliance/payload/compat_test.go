package payload

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

func TestFormsThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, id, want string }{
		{"shelly", "1", `unknown form "shelly": want one of victron-grid, openwb`},
		{"victron-grid", "", `"" is not one level`},
		{"victron-grid", "a/b", `"a/b" is not one level`},
		{"openwb", "grid", `counter "grid": want its number`},
		{"openwb", "-1", `counter "-1": want its number`},
		{"openwb", "+8", `counter "+8": want its number`}, // a wildcard
	} {
		if f, err := NewCompat(c.name, c.id); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %q: %v, %v; want %s", c.name, c.id, f, err, c.want)
		}
	}
}

func compat(t *testing.T, name, id string) *Compat {
	t.Helper()
	c, err := NewCompat(name, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// three is a house that exports on its first phase.
func three() telegram.Measurement {
	m := house()
	for q, v := range map[telegram.Quantity]float64{
		telegram.ActivePowerL1: -1500.5, telegram.ActivePowerL2: 266.5, telegram.ActivePowerL3: 0,
		telegram.VoltageL2: 231, telegram.VoltageL3: 229.2,
		telegram.CurrentL1: 6.5, telegram.CurrentL2: 1.16, telegram.CurrentL3: 0,
		telegram.Frequency: 50.01, telegram.ActiveEnergyExport: 1500,
	} {
		m.Set(q, telegram.Of(v))
	}
	return m
}

func TestOldNumbersAreTakenBack(t *testing.T) {
	powerless := house()
	powerless.Set(telegram.ActivePower, telegram.Value{})
	for _, c := range []struct {
		name    string
		s       *snapshot.Snapshot
		quality snapshot.Quality
	}{
		{"old values", take(house()), snapshot.Stale},
		{"no power", &snapshot.Snapshot{}, snapshot.OK},
	} {
		victron := compat(t, "victron-grid", serial)
		for _, when := range []string{"at the start", "after a number"} {
			got := victron.Telegram(c.s, c.quality)
			if len(got) != 1 || got[0].Topic != "compat/victron-grid/"+serial || len(got[0].Payload) != 0 || !got[0].Retain {
				t.Errorf("%s %s: %+v, want one empty retained message", c.name, when, got)
			}
			if again := victron.Telegram(c.s, c.quality); len(again) != 0 {
				t.Errorf("%s %s: taken back a second time: %+v", c.name, when, again)
			}
			victron.Telegram(take(house()), snapshot.OK)
		}
		if got := victron.Silence(); len(got) != 1 || len(got[0].Payload) != 0 {
			t.Errorf("at a planned stop: %+v", got)
		}
		wb := compat(t, "openwb", "8")
		wb.Telegram(take(house()), snapshot.OK)
		if got := wb.Telegram(c.s, c.quality); len(got) != 0 {
			t.Errorf("openwb, %s: %+v, want nothing", c.name, got)
		}
	}
}

func TestVictron(t *testing.T) {
	delta := three()
	delta.Set(telegram.VoltageL2, telegram.Of(0))
	unread := three()
	unread.SetUnreadable(telegram.CurrentL2)
	for _, c := range []struct {
		name string
		m    telegram.Measurement
		want string
	}{
		{"no neutral", delta, `{"grid":{"power":-1234,"voltage":229.65,"energy_forward":1234.567,"energy_reverse":1.5}}`},
		{"an unreadable current", unread, `{"grid":{"power":-1234,"voltage":230.1,"energy_forward":1234.567,"energy_reverse":1.5,` +
			`"L1":{"power":-1500.5,"voltage":230.1,"frequency":50.01},"L2":{"power":266.5,"voltage":231,"frequency":50.01},"L3":{"power":0,"voltage":229.2,"frequency":50.01}}}`},
		{"a total alone", house(), `{"grid":{"power":-1234,"voltage":230.1,"energy_forward":1234.567}}`},
		{"three phases", three(), `{"grid":{"power":-1234,"voltage":230.1,"current":-5.34,"energy_forward":1234.567,"energy_reverse":1.5,` +
			`"L1":{"power":-1500.5,"voltage":230.1,"current":-6.5,"frequency":50.01},"L2":{"power":266.5,"voltage":231,"current":1.16,"frequency":50.01},"L3":{"power":0,"voltage":229.2,"current":0,"frequency":50.01}}}`},
	} {
		got := compat(t, "victron-grid", serial).Telegram(take(c.m), snapshot.OK)
		if len(got) != 1 || string(got[0].Payload) != c.want || !got[0].Retain {
			t.Errorf("%s\ngot  %s\nwant %s, retained", c.name, got[0].Payload, c.want)
		}
	}
}

func TestOpenWB(t *testing.T) {
	const base = "openWB/set/mqtt/counter/8/get/"
	unread := three()
	unread.SetUnreadable(telegram.CurrentL2)
	for _, c := range []struct {
		name string
		m    telegram.Measurement
		want map[string]string
	}{
		{"an unreadable current", unread, map[string]string{"power": "-1234", "imported": "1234567", "exported": "1500", "frequency": "50.01",
			"voltages": "[230.1,231,229.2]", "powers": "[-1500.5,266.5,0]"}},
		{"one phase", house(), map[string]string{"power": "-1234", "imported": "1234567", "voltages": "[230.1,0,0]"}},
		{"three phases", three(), map[string]string{"power": "-1234", "imported": "1234567", "exported": "1500", "frequency": "50.01",
			"currents": "[-6.5,1.16,0]", "voltages": "[230.1,231,229.2]", "powers": "[-1500.5,266.5,0]"}},
	} {
		got := map[string]string{}
		for _, m := range compat(t, "openwb", "8").Telegram(take(c.m), snapshot.OK) {
			if m.Retain {
				t.Errorf("%s is retained", m.Topic)
			}
			got[strings.TrimPrefix(m.Topic, base)] = string(m.Payload)
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s\ngot  %v\nwant %v", c.name, got, c.want)
		}
	}
}

// Every simulated meter with a power can be told of, in JSON.
func TestFormsOfSimulatedMeters(t *testing.T) {
	for _, name := range []string{"dsmr50", "dsmr50-1ph", "emucs-delta", "e450", "linky-historique", "linky-standard-tri"} {
		for _, form := range CompatForms() {
			got := slices.Clone(compat(t, form, "8").Telegram(heard(t, name), snapshot.OK))
			if len(got) == 0 {
				t.Errorf("%s, %s: nothing told", name, form)
			}
			for _, m := range got {
				if !json.Valid(m.Payload) {
					t.Errorf("%s: %s is not JSON: %s", name, m.Topic, m.Payload)
				}
			}
		}
	}
}
