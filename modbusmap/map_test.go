package modbusmap

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func (t Type) name() string {
	return [...]string{Float32: "float32", Uint16: "uint16", Int16: "int16", Uint32: "uint32", Text: "text"}[t]
}

// The table in the source against the register table of the maker, kept as a
// file of its own: a typing error would have to be made twice.
func TestMapsAreTheMakersTables(t *testing.T) {
	files := map[string]string{"PhoenixContact-EMPro": "../testdata/modbus/empro.csv"}
	for _, m := range known {
		t.Run(m.Name, func(t *testing.T) {
			if err := m.check(); err != nil {
				t.Error(err)
			}
			f, err := os.Open(files[m.Name])
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			rows, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, row := range rows[1:] {
				want[strings.Join(row, ",")] = true
			}
			for i := range m.Entries {
				e := &m.Entries[i]
				typ := e.Type.name()
				if e.Type == Text {
					typ += fmt.Sprint(e.Words)
				}
				row := fmt.Sprintf("0x%04X,%s,%s", e.Addr, typ, e.Name)
				if !want[row] {
					t.Errorf("%s is not in the maker's table", row)
				}
				delete(want, row)
			}
			for row := range want {
				t.Errorf("%s is missing", row)
			}
		})
	}
}

// The measured blocks of an EMPro have no register without an entry, so the
// policy for a silent meter covers them all.
func TestEMProBlocksAreWhole(t *testing.T) {
	covered := map[int]bool{}
	for i := range empro.Entries {
		e := &empro.Entries[i]
		for a := int(e.Addr); a < int(e.Addr)+e.words(); a++ {
			covered[a] = true
		}
	}
	for _, b := range []Block{{0x8000, 0x8057}, {0x8100, 0x8117}} {
		for a := int(b.First); a <= int(b.Last); a++ {
			if !covered[a] {
				t.Errorf("register %#04x has no entry", a)
			}
		}
	}
}

func TestWrongMapsAreNotServed(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"outside the blocks", []Entry{{Addr: 20, Name: "X"}}, "X at 0x0014, 2 registers: in no block"},
		{"over the end of a block", []Entry{{Addr: 9, Name: "X"}}, "X at 0x0009, 2 registers: in no block"},
		{"on another", []Entry{{Addr: 4, Name: "X"}, {Addr: 5, Name: "Y"}}, "Y at 0x0005 overlaps X"},
		{"a text of no length", []Entry{{Addr: 4, Name: "X", Type: Text}}, "X at 0x0004, 0 registers: in no block"},
	} {
		m := &Map{Name: "M", Blocks: []Block{{0, 9}, {10, 19}}, Entries: c.entries}
		if _, err := New(m, Settings{}, newHouse().Latest); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestUnknownMeterType(t *testing.T) {
	_, err := ByName("SDM630")
	if want := `modbusmap: MeterType "SDM630": want PhoenixContact-EMPro`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestOptionWords(t *testing.T) {
	stale := func(s string) (any, error) { return ParseWhenStale(s) }
	missing := func(s string) (any, error) { return ParseWhenMissing(s) }
	currents := func(s string) (any, error) { return ParseCurrents(s) }
	phases := func(s string) (any, error) { return ParsePhases(s) }
	after := func(s string) (any, error) { return ParseStaleAfter(s) }
	for _, c := range []struct {
		parse func(string) (any, error)
		in    string
		want  any // a string is an error
	}{
		{stale, "freeze", `modbusmap: WhenStale "freeze": want exception, hold, zero, nan`},
		{stale, "Hold", `modbusmap: WhenStale "Hold": want exception, hold, zero, nan`},
		{stale, "nan", StaleNaN},
		{stale, "", StaleException},
		{missing, "nan", `modbusmap: WhenMissing "nan": want exception, zero`},
		{missing, "zero", MissingZero},
		{missing, "", MissingException},
		{currents, "unsigned", `modbusmap: Currents "unsigned": want magnitude, signed`},
		{currents, "signed", Signed},
		{currents, "", Magnitude},
		{phases, "112", `modbusmap: Phases "112": want 123, 132, 213, 231, 312, 321`},
		{phases, "231", Phases("231")},
		{phases, "", Phases("123")},
		{after, "10", `modbusmap: StaleAfter "10": want auto or a time from 1s to 1h`},
		{after, "-5s", `modbusmap: StaleAfter "-5s": want auto or a time from 1s to 1h`},
		{after, "999ms", `modbusmap: StaleAfter "999ms": want auto or a time from 1s to 1h`},
		{after, "61m", `modbusmap: StaleAfter "61m": want auto or a time from 1s to 1h`},
		{after, "10s", 10 * time.Second},
		{after, "auto", time.Duration(0)},
		{after, "", time.Duration(0)},
	} {
		got, err := c.parse(c.in)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %v, want %v", c.in, got, c.want)
		}
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	_, err := New(&empro, Settings{WhenStale: "a", WhenMissing: "b", Currents: "c", Phases: "d", StaleAfter: -1}, newHouse().Latest)
	for _, name := range []string{"WhenStale", "WhenMissing", "Currents", "Phases", "StaleAfter"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
