package modbusmap

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simonvetter/modbus"

	"smartconnect/telegram"
)

// threePhase is a meter that sends the ten values of the Smart Connect manual.
var threePhase = says{
	telegram.VoltageL1: 230, telegram.VoltageL2: 231, telegram.VoltageL3: 232,
	telegram.CurrentL1: 1, telegram.CurrentL2: 2, telegram.CurrentL3: 3,
	telegram.ActivePowerImport:   0,
	telegram.ActivePowerExport:   1234,
	telegram.ActivePowerImportL1: 200, telegram.ActivePowerExportL2: 400, telegram.ActivePowerImportL3: 0,
}

// delta is the 3 x 230 V meter of section 5 of the P1 reference.
var delta = says{
	telegram.VoltageL1: 231, telegram.VoltageL2: 0, telegram.VoltageL3: 229,
	telegram.CurrentL1: 1.6, telegram.CurrentL2: 1.66, telegram.CurrentL3: 1.41,
	telegram.ActivePowerImport:   182,
	telegram.ActivePowerImportL1: 230, telegram.ActivePowerImportL2: 0, telegram.ActivePowerExportL3: 48,
}

// dsmr42 is a single-phase meter of 2013: no voltages, one phase.
var dsmr42 = says{telegram.ActivePowerImport: 193, telegram.CurrentL1: 0, telegram.ActivePowerImportL1: 193}

func TestRegistersShowWhatTheMeterSays(t *testing.T) {
	everything := says{
		telegram.Frequency: 49.98, telegram.CurrentNeutral: 0.5, telegram.PowerFactor: 0.98, telegram.PowerFactorL2: -0.5,
		telegram.ReactivePowerImport: 300, telegram.ReactivePowerExportL3: 20,
		telegram.ActiveEnergyImportT1: 1000, telegram.ActiveEnergyImportT2: 234, telegram.ActiveEnergyExport: 77,
		telegram.ReactiveEnergyImport: 5, telegram.ReactiveEnergyExport: 6,
	}
	for _, c := range []struct {
		name     string
		telegram says
		settings Settings
		want     map[uint16]string
	}{
		{"import is positive, export negative", threePhase, Settings{},
			map[uint16]string{0x8016: "-1234", 0x801E: "200", 0x8020: "-400", 0x8022: "0"}},
		{"voltages and currents", threePhase, Settings{},
			map[uint16]string{0x8006: "230", 0x8008: "231", 0x800A: "232", 0x800E: "1", 0x8010: "2", 0x8012: "3"}},
		{"what else an EMPro has", threePhase.and(everything), Settings{},
			map[uint16]string{0x800C: "49.98", 0x8014: "0.5", 0x8018: "300", 0x801C: "0.98", 0x8028: "-20", 0x8032: "-0.5"}},
		{"energies in Wh, and their resettable copies", threePhase.and(everything), Settings{},
			map[uint16]string{0x8100: "1234", 0x8102: "5", 0x8106: "77", 0x8108: "6", 0x810C: "1234", 0x810E: "5", 0x8112: "77", 0x8114: "6", 0x8104: "0", 0x810A: "0"}},
		{"nothing is invented from what is there", threePhase, Settings{},
			map[uint16]string{0x8000: "0", 0x800C: "0", 0x8014: "0", 0x801A: "0", 0x8039: "0", 0x803B: "0", 0x803D: "0", 0x8100: "0"}},
		{"DSMR 4.2: no voltages, one phase", dsmr42, Settings{},
			map[uint16]string{0x8006: "0", 0x8008: "0", 0x800E: "0", 0x8010: "0", 0x8012: "0", 0x8016: "193", 0x801E: "193", 0x8020: "0"}},
		{"no phase powers", says{telegram.ActivePowerImport: 500, telegram.CurrentL1: 2}, Settings{},
			map[uint16]string{0x8016: "500", 0x801E: "0", 0x8020: "0"}},
		{"apparent power drawn", threePhase.and(says{telegram.ApparentPowerImport: 900, telegram.ApparentPowerExport: 0}), Settings{},
			map[uint16]string{0x801A: "900"}},
		{"apparent power given", threePhase.and(says{telegram.ApparentPowerImport: 0, telegram.ApparentPowerExport: 800}), Settings{},
			map[uint16]string{0x801A: "800"}},
		{"apparent power both ways", threePhase.and(says{telegram.ApparentPowerImport: 1, telegram.ApparentPowerExport: 2}), Settings{},
			map[uint16]string{0x801A: "0"}},
		{"signed currents: as the phase's power", threePhase, Settings{Currents: Signed},
			map[uint16]string{0x800E: "1", 0x8010: "-2", 0x8012: "3"}},
		{"signed currents without phase powers", says{telegram.ActivePowerExport: 500, telegram.CurrentL1: 1, telegram.CurrentL2: 1, telegram.CurrentL3: 1}, Settings{Currents: Signed},
			map[uint16]string{0x800E: "1", 0x8010: "1", 0x8012: "1"}},
		{"no sign on no current", says{telegram.ActivePowerExportL1: 40, telegram.CurrentL1: 0}, Settings{Currents: Signed},
			map[uint16]string{0x800E: "0"}},
		{"magnitude, whatever the meter sends", says{telegram.ActivePower: -40, telegram.CurrentL1: -3}, Settings{},
			map[uint16]string{0x800E: "3"}},
		{"never signed on a delta meter", delta, Settings{Currents: Signed},
			map[uint16]string{0x8006: "231", 0x8008: "0", 0x800E: "1.6", 0x8010: "1.66", 0x8012: "1.41", 0x8016: "182", 0x801E: "230", 0x8020: "0", 0x8022: "-48"}},
		{"another order of phases", threePhase, Settings{Phases: "231", Currents: Signed},
			map[uint16]string{0x8006: "231", 0x8008: "232", 0x800A: "230", 0x800E: "-2", 0x8010: "3", 0x8012: "1", 0x801E: "-400", 0x8020: "0", 0x8022: "200", 0x8016: "-1234"}},
	} {
		h := newHouse()
		h.tell(c.telegram.telegram())
		r := registers(t, h, c.settings)
		for addr, want := range c.want {
			if got := shows(r, addr); got != want {
				t.Errorf("%s: %#04x shows %s, want %s", c.name, addr, got, want)
			}
		}
	}
}

func TestWhatIsMissingIsNotZero(t *testing.T) {
	noCurrents := says{telegram.ActivePowerImport: 500, telegram.VoltageL1: 230}
	noPower := says{telegram.CurrentL1: 4, telegram.CurrentL2: 5, telegram.CurrentL3: 6}
	counters := threePhase.and(says{telegram.ActiveEnergyImportT1: 1000, telegram.ActiveEnergyExport: 500})
	for _, c := range []struct {
		name       string
		telegram   says
		unreadable []telegram.Quantity
		want       map[uint16]string
		wantZero   map[uint16]string // with WhenMissing: zero
	}{
		{"no current at all", noCurrents, nil,
			map[uint16]string{0x800E: "0B", 0x8010: "0B", 0x8012: "0B", 0x8016: "500", 0x8006: "230", 0x8014: "0"},
			map[uint16]string{0x800E: "0", 0x8016: "500"}},
		{"no total power", noPower, nil,
			map[uint16]string{0x8016: "0B", 0x800E: "4", 0x801E: "0"},
			map[uint16]string{0x8016: "0", 0x800E: "4"}},
		{"a current that cannot be read", threePhase, []telegram.Quantity{telegram.CurrentL2},
			map[uint16]string{0x800E: "1", 0x8010: "0B", 0x8012: "3", 0x8016: "-1234"},
			map[uint16]string{0x8010: "0", 0x8012: "3"}},
		{"a total power that cannot be read", threePhase, []telegram.Quantity{telegram.ActivePower},
			map[uint16]string{0x8016: "0B", 0x800E: "1"},
			map[uint16]string{0x8016: "0"}},
		{"a phase power that cannot be read", threePhase, []telegram.Quantity{telegram.ActivePowerL1},
			map[uint16]string{0x801E: "0B", 0x8020: "-400"},
			map[uint16]string{0x801E: "0"}},
		{"a voltage that cannot be read", threePhase, []telegram.Quantity{telegram.VoltageL1},
			map[uint16]string{0x8006: "0", 0x8008: "231"},
			map[uint16]string{0x8006: "0"}},
		{"a counter that cannot be read never blinks to 0", counters, []telegram.Quantity{telegram.ActiveEnergyExport},
			map[uint16]string{0x8106: "0B", 0x8112: "0B", 0x8100: "1000"},
			map[uint16]string{0x8106: "0B", 0x8100: "1000"}},
	} {
		for when, want := range map[WhenMissing]map[uint16]string{MissingException: c.want, MissingZero: c.wantZero} {
			m := c.telegram.telegram()
			for _, q := range c.unreadable {
				m.SetUnreadable(q)
			}
			h := newHouse()
			h.tell(m)
			r := registers(t, h, Settings{WhenMissing: when})
			for addr, want := range want {
				if got := shows(r, addr); got != want {
					t.Errorf("%s, %s: %#04x shows %s, want %s", c.name, when, addr, got, want)
				}
			}
		}
	}
}

// One of two tariffs cannot be read, so their sum is not known.
func TestCounterOfUnreadableTariff(t *testing.T) {
	var m telegram.Measurement
	m.Set(telegram.ActivePower, telegram.Of(1))
	m.Set(telegram.ActiveEnergyImportT1, telegram.Of(1000))
	m.SetUnreadable(telegram.ActiveEnergyImportT2)
	m.Complete(&telegram.Options{})
	h := newHouse()
	h.tell(m)
	if got := shows(registers(t, h, Settings{}), 0x8100); got != "0B" {
		t.Errorf("import shows %s, want 0B", got)
	}
}

// A request that touches one register of a refused value gets nothing, one
// beside it everything; the address counts before the reading.
func TestRefusalIsOfTheTouched(t *testing.T) {
	h := newHouse()
	h.tell(says{telegram.ActivePowerImport: 500, telegram.Frequency: 50}.telegram())
	r := registers(t, h, Settings{})
	for _, c := range []struct {
		addr, n uint16
		code    byte
	}{
		{0x800C, 2, 0},
		{0x800C, 3, 0x0B},
		{0x8013, 1, 0x0B},
		{0x8014, 4, 0},
		{0x8006, 30, 0x0B},
		{0x800E, 0, 0x03},
		{0x800E, 126, 0x03},
		{0x800E, 125, 0x02},
		{0x0157, 5, 0x02},
		{0x7FFF, 1, 0x02},
		{0x8058, 1, 0x02},
		{0x80FF, 1, 0x02},
		{0x8118, 1, 0x02},
		{0x012B, 1, 0x02},
		{0x015B, 1, 0x02},
		{0x014D, 3, 0}, // no entry there, but inside the block
		{0x01A0, 16, 0},
		{0x01A0, 17, 0x02},
	} {
		if _, code := get(r, 3, c.addr, c.n); code != c.code {
			t.Errorf("%d registers from %#04x: exception %02X, want %02X", c.n, c.addr, code, c.code)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings Settings
		addr, n  uint16
		want     string
	}{
		// The packing of "1234567" in the maker's manual.
		{"text, low character first", Settings{Serial: "1234567"}, 316, 9, "323134333635003700000000000000000000"},
		{"name", Settings{}, 300, 8, "45452d4d414d37330031000000000000"},
		{"order number", Settings{}, 308, 8, "39323830303300370000000000000000"},
		{"serial of letters", Settings{Serial: "0Z9K"}, 316, 3, "5a304b390000"},
		{"a serial that is too long is cut", Settings{Serial: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, 316, 9, "42414443464548474a494c4b4e4d504f5251"},
		{"serial as a number", Settings{Serial: "1234567"}, 342, 2, "d6870012"},
		{"firmware 1.4.2", Settings{Version: "1.4.2"}, 0x100, 2, "04020001"},
		{"firmware v1.4.2-3-gabc", Settings{Version: "v1.4.2-3-gabc"}, 0x100, 2, "04020001"},
		{"firmware of a development build", Settings{Version: "devel"}, 0x100, 2, "00000000"},
	} {
		data, code := get(registers(t, newHouse(), c.settings), 4, c.addr, c.n)
		if got := hex.EncodeToString(data); code != 0 || got != c.want {
			t.Errorf("%s: %s (exception %02X), want %s", c.name, got, code, c.want)
		}
	}
	a, _ := get(registers(t, newHouse(), Settings{Serial: "ABCDEFGHIJK1"}), 3, 342, 2)
	b, _ := get(registers(t, newHouse(), Settings{Serial: "ABCDEFGHIJK2"}), 3, 342, 2)
	if string(a) == string(b) {
		t.Errorf("two serial numbers, one number: %x", a)
	}
}

// What every policy serves in every state of the meter. The columns are I1, P,
// a gap (frequency), the import counter, the serial number.
func TestWhenStale(t *testing.T) {
	meter := threePhase.and(says{telegram.ActiveEnergyImport: 4000})
	energies := says{telegram.ActiveEnergyImport: 4000}
	type row [4]string
	for _, c := range []struct {
		name string
		tell func(*house)
		want map[WhenStale]row
	}{
		{"before the first telegram", func(*house) {}, map[WhenStale]row{
			StaleException: {"0B", "0B", "0B", "0B"},
			StaleHold:      {"0B", "0B", "0B", "0B"},
			StaleZero:      {"0", "0", "0", "0B"},
			StaleNaN:       {"NaN", "NaN", "NaN", "0B"},
		}},
		{"a list of energies alone is no fresh power", func(h *house) { h.tell(energies.telegram()) }, map[WhenStale]row{
			StaleException: {"0B", "0B", "0B", "0B"},
			StaleHold:      {"0B", "0B", "0B", "4000"},
			StaleZero:      {"0", "0", "0", "4000"},
			StaleNaN:       {"NaN", "NaN", "NaN", "4000"},
		}},
		{"at the limit", func(h *house) { h.tell(meter.telegram()); time.Sleep(5 * time.Second) }, map[WhenStale]row{
			StaleException: {"1", "-1234", "0", "4000"},
			StaleHold:      {"1", "-1234", "0", "4000"},
			StaleZero:      {"1", "-1234", "0", "4000"},
			StaleNaN:       {"1", "-1234", "0", "4000"},
		}},
		{"past the limit", func(h *house) { h.tell(meter.telegram()); time.Sleep(5*time.Second + 1) }, map[WhenStale]row{
			StaleException: {"0B", "0B", "0B", "0B"},
			StaleHold:      {"1", "-1234", "0", "4000"},
			StaleZero:      {"0", "0", "0", "4000"},
			StaleNaN:       {"NaN", "NaN", "NaN", "4000"},
		}},
		{"energies go on, powers do not", func(h *house) {
			h.tell(meter.telegram())
			for range 60 {
				time.Sleep(time.Second)
				h.tell(energies.telegram())
			}
		}, map[WhenStale]row{
			StaleException: {"0B", "0B", "0B", "0B"},
			StaleHold:      {"1", "-1234", "0", "4000"},
			StaleZero:      {"0", "0", "0", "4000"},
			StaleNaN:       {"NaN", "NaN", "NaN", "4000"},
		}},
		{"back again", func(h *house) {
			h.tell(meter.telegram())
			time.Sleep(time.Hour)
			h.tell(meter.telegram())
		}, map[WhenStale]row{
			StaleException: {"1", "-1234", "0", "4000"},
			StaleHold:      {"1", "-1234", "0", "4000"},
			StaleZero:      {"1", "-1234", "0", "4000"},
			StaleNaN:       {"1", "-1234", "0", "4000"},
		}},
	} {
		for policy, want := range c.want {
			t.Run(fmt.Sprintf("%s/%s", c.name, policy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHouse()
					r := registers(t, h, Settings{WhenStale: policy, Serial: "1234567"})
					c.tell(h)
					got := row{shows(r, 0x800E), shows(r, 0x8016), shows(r, 0x800C), shows(r, 0x8100)}
					if got != want {
						t.Errorf("shows %v, want %v", got, want)
					}
					if data, code := get(r, 3, 316, 4); string(data) != "214365\x007" {
						t.Errorf("serial number: %q, exception %02X", data, code)
					}
				})
			})
		}
	}
}

func TestNaNIsQuiet(t *testing.T) {
	r := registers(t, newHouse(), Settings{WhenStale: StaleNaN})
	data, _ := get(r, 3, 0x8016, 2)
	if got := hex.EncodeToString(data); got != "00007fc0" {
		t.Errorf("NaN is %s, want 00007fc0 (7FC00000, low word first)", got)
	}
	if data, _ := get(r, 3, 0x8057, 1); string(data) != "\x00\x00" {
		t.Errorf("an integer has no NaN: %x, want 0000", data)
	}
}

func TestNumbersInRegisters(t *testing.T) {
	high, low := &Map{}, &Map{LowWordFirst: true}
	for _, c := range []struct {
		name string
		m    *Map
		t    Type
		v    float64
		want string
	}{
		{"the maker's example 123.456", low, Float32, 123.456, "e97942f6"},
		{"high word first", high, Float32, 123.456, "42f6e979"},
		{"no negative zero", low, Float32, math.Copysign(0, -1), "00000000"},
		{"a negative too small for 32 bits", low, Float32, -1e-60, "00000000"},
		{"int16", low, Int16, -2, "fffe"},
		{"int16 beyond its range", low, Int16, 40000, "7fff"},
		{"uint16 below its range", low, Uint16, -5, "0000"},
		{"uint16 rounded", low, Uint16, 2.5, "0003"},
		{"uint32", low, Uint32, 0x01020304, "03040102"},
		{"uint32, high word first", high, Uint32, 0x01020304, "01020304"},
		{"uint32 beyond its range", low, Uint32, 1e12, "ffffffff"},
	} {
		dst := make([]byte, 2*forms[c.t].words)
		c.m.put(dst, c.t, c.v)
		if got := hex.EncodeToString(dst); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestScale(t *testing.T) {
	m := &Map{Functions: []byte{3}, Blocks: []Block{{0, 1}}, Entries: []Entry{
		{Addr: 0, Name: "U", Type: Uint16, Scale: 10, Of: value(telegram.VoltageL1)},
	}}
	h := newHouse()
	h.tell(threePhase.telegram())
	r, err := New(m, Settings{}, h.Latest)
	if err != nil {
		t.Fatal(err)
	}
	if data, code := get(r, 3, 0, 2); hex.EncodeToString(data) != "08fc0000" {
		t.Errorf("230 V in tenths, and a register without an entry: %x, exception %02X", data, code)
	}
	if _, code := get(r, 4, 0, 1); code != 0x01 {
		t.Errorf("a function the map does not have: exception %02X, want 01", code)
	}
}

// The library compares errors with ==.
func TestRequestHandlerErrorsAreTheLibrarysOwn(t *testing.T) {
	h := newHouse()
	h.tell(threePhase.telegram())
	fresh, silent := registers(t, h, long), registers(t, newHouse(), Settings{})
	read := func(r *Registers, addr, n uint16) error {
		_, err := r.HandleInputRegisters(&modbus.InputRegistersRequest{Addr: addr, Quantity: n})
		_, err3 := r.HandleHoldingRegisters(&modbus.HoldingRegistersRequest{Addr: addr, Quantity: n})
		if err != err3 {
			t.Errorf("function 03 says %v, 04 says %v", err3, err)
		}
		return err
	}
	_, write := fresh.HandleHoldingRegisters(&modbus.HoldingRegistersRequest{Addr: 0x8006, Quantity: 1, IsWrite: true, Args: []uint16{1}})
	_, coils := fresh.HandleCoils(&modbus.CoilsRequest{})
	_, inputs := fresh.HandleDiscreteInputs(&modbus.DiscreteInputsRequest{})
	for _, c := range []struct {
		name      string
		got, want error
	}{
		{"good", read(fresh, 0x8006, 30), nil},
		{"quantity", read(fresh, 0x8006, 126), modbus.ErrIllegalDataValue},
		{"address", read(fresh, 0x8058, 1), modbus.ErrIllegalDataAddress},
		{"silent meter", read(silent, 0x8006, 30), modbus.ErrGWTargetFailedToRespond},
		{"write", write, modbus.ErrIllegalFunction},
		{"coils", coils, modbus.ErrIllegalFunction},
		{"discrete inputs", inputs, modbus.ErrIllegalFunction},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestAnsweringAllocatesNothing(t *testing.T) {
	h := newHouse()
	h.tell(threePhase.telegram())
	r := registers(t, h, long)
	pdu, dst := request(0, 3, 0x8000, 88)[headerLen:], make([]byte, 0, 256)
	if n := testing.AllocsPerRun(1000, func() { r.Answer(dst, pdu) }); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}
