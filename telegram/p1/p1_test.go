package p1

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// text makes a telegram of lines, with CR LF and a checksum that matches.
func text(lines ...string) string { return sealed(strings.Join(lines, "\r\n") + "\r\n!") }

func sealed(s string) string { return fmt.Sprintf("%s%04X\r\n", s, crc16([]byte(s))) }

var dsmr5 = text(`/ISK5\2M550T-1012`, ``,
	`1-3:0.2.8(50)`, `0-0:1.0.0(261121143000W)`, `0-0:96.1.1(4530303434303037)`,
	`1-0:1.8.1(002130.115*kWh)`, `1-0:1.8.2(000245.467*kWh)`, `1-0:2.8.1(000001.000*kWh)`, `1-0:2.8.2(000002.500*kWh)`,
	`0-0:96.14.0(0001)`, `1-0:1.7.0(00.000*kW)`, `1-0:2.7.0(01.234*kW)`,
	`1-0:32.7.0(229.9*V)`, `1-0:52.7.0(229.2*V)`, `1-0:72.7.0(222.9*V)`,
	`1-0:31.7.0(002*A)`, `1-0:51.7.0(002*A)`, `1-0:71.7.0(001*A)`,
	`1-0:21.7.0(00.000*kW)`, `1-0:41.7.0(00.000*kW)`, `1-0:61.7.0(00.000*kW)`,
	`1-0:22.7.0(00.460*kW)`, `1-0:42.7.0(00.000*kW)`, `1-0:62.7.0(00.774*kW)`,
	`0-1:24.1.0(003)`, `0-1:96.1.0(4730303339)`, `0-1:24.2.1(261121142500W)(00246.138*m3)`)

const dsmr2 = "/ISk5\\2MT382-1003\r\n\r\n0-0:96.1.1(5A42)\r\n1-0:1.8.1(16719.940*kWh)\r\n1-0:1.7.0(0000.89*kW)\r\n" +
	"1-0:2.7.0(0000.00*kW)\r\n0-1:24.1.0(3)\r\n0-1:96.1.0(3238)\r\n0-1:24.3.0(260722080000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(13368.864)\r\n!\r\n"

func TestCRC(t *testing.T) {
	for in, want := range map[string]uint16{
		"123456789":                        0xBB3D,
		"/ABC5x\r\n\r\n1-3:0.2.8(50)\r\n!": 0xFDF9,
		"":                                 0,
	} {
		if got := crc16([]byte(in)); got != want {
			t.Errorf("crc16(%q) = %04X, want %04X", in, got, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 300)
	for n := range b {
		b[n] = byte(r.Uint32())
		if got, want := crc16(b[:n]), plainCRC(b[:n]); got != want {
			t.Fatalf("%d octets: %04X, octet by octet %04X", n, got, want)
		}
	}
}

func plainCRC(b []byte) (c uint16) {
	for _, v := range b {
		c = c>>8 ^ crcTables[0][byte(c)^v]
	}
	return c
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		class    error
		detail   string
	}{
		{"nothing", "", telegram.ErrMalformed, "no '/'"},
		{"one digit changed", strings.Replace(dsmr5, "229.9", "229.8", 1), telegram.ErrChecksum, "computed"},
		{"a NUL inside", strings.Replace(dsmr5, "229.9", "229.\x00", 1), telegram.ErrChecksum, "computed"},
		{"no checksum though it has a version", dsmr5[:strings.Index(dsmr5, "\n!")+2], telegram.ErrChecksum, "none was sent"},
		{"text behind the checksum", dsmr5 + "x", telegram.ErrMalformed, "behind the end"},
		{"no checksum and a broken line", strings.Replace(dsmr2, "1-0:1.7.0(0000.89*kW)", "1-0:1.7.0(0-0:96.13.0(hello)", 1), telegram.ErrMalformed, "1-0:1.7.0"},
		{"no checksum and a number that is none", strings.Replace(dsmr2, "0000.89", "0000,89", 1), telegram.ErrMalformed, "not a number in W"},
		{"no checksum and an unprintable octet", strings.Replace(dsmr2, "5A42", "5A\x1b2", 1), telegram.ErrMalformed, "unprintable"},
		{"no checksum and power in volt", strings.Replace(dsmr2, "0000.89*kW", "0000.89*V", 1), telegram.ErrMalformed, "not a number in W"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode([]byte(c.in), telegram.Options{UTCOffset: time.Hour}, nil)
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) || !strings.HasPrefix(err.Error(), "p1: ") {
				t.Fatalf("error %v, want a %v that says %q", err, c.class, c.detail)
			}
		})
	}
}

func TestUnreadableIsNotAbsent(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		missing        []telegram.Quantity
		unreadable     telegram.Quantity
	}{
		{"export power garbled: net power unknown, not import alone", "1-0:2.7.0(01.234*kW)", "1-0:2.7.0(0x.234*kW)",
			[]telegram.Quantity{telegram.ActivePowerExport, telegram.ActivePower}, telegram.ActivePower},
		{"one tariff garbled: no total that lacks it", "000245.467*kWh", "0002?5.467*kWh",
			[]telegram.Quantity{telegram.ActiveEnergyImportT2, telegram.ActiveEnergyImport}, telegram.ActiveEnergyImportT2},
		{"a current in volts", "1-0:51.7.0(002*A)", "1-0:51.7.0(002*V)",
			[]telegram.Quantity{telegram.CurrentL2}, telegram.CurrentL2},
		{"a power without unit", "1-0:1.7.0(00.000*kW)", "1-0:1.7.0(00.000)",
			[]telegram.Quantity{telegram.ActivePowerImport, telegram.ActivePower}, telegram.ActivePowerImport},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Replace(dsmr5[:strings.Index(dsmr5, "\n!")+2], c.from, c.to, 1)
			m, err := decode([]byte(sealed(body)), telegram.Options{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range c.missing {
				if m.Get(q).OK() {
					t.Errorf("%s is present", q)
				}
			}
			if !m.Unreadable(c.unreadable) || m.Warnings() == 0 {
				t.Errorf("%s is not marked unreadable", c.unreadable)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	m, err := decode([]byte(dsmr5), telegram.Options{UTCOffset: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[telegram.Quantity]float64{
		telegram.ActivePower: -1234, telegram.ActivePowerL1: -460, telegram.ActivePowerL2: 0, telegram.ActivePowerL3: -774,
		telegram.ActiveEnergyImport: 2375582, telegram.ActiveEnergyExport: 3500, telegram.VoltageL3: 222.9, telegram.CurrentL3: 1,
	} {
		same(t, q.String(), m.Get(q), want)
	}
	if !m.Derived(telegram.ActiveEnergyImport) || m.Derived(telegram.ActivePower) {
		t.Error("the sum of the tariffs is derived, the net power is not")
	}
	if got := m.Channels[0]; got.Device.Class() != "gas" || !got.Live() || got.ID.String() != "G0039" {
		t.Errorf("channel 1 is %+v", got)
	}
	if m.Period != time.Second || m.Time != time.Date(2026, 11, 21, 13, 30, 0, 0, time.UTC) || m.Meter.Name() != "E0044007" {
		t.Errorf("period %v, time %v, meter %q", m.Period, m.Time, m.Meter.Name())
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		in     string
		winter time.Duration
		want   string
	}{
		{"", time.Hour, ""}, {"2611211430", time.Hour, ""}, {"261121143000X", time.Hour, ""},
		{"000000000000W", time.Hour, ""}, {"632525252525W", time.Hour, ""}, {"261321143000W", time.Hour, ""},
		{"260229120000W", time.Hour, ""}, {"261121240000W", time.Hour, ""}, {"26112114300aW", time.Hour, ""},
		{"201020085222W", time.Hour, "2020-10-20T07:52:22Z"}, // Sweden: W in summer too
		{"230202132747S", 0, "2023-02-02T12:27:47Z"},         // Ireland
		{"230202132747W", 2 * time.Hour, "2023-02-02T11:27:47Z"},
		{"261025023000S", time.Hour, "2026-10-25T00:30:00Z"}, // the hour that comes twice
		{"261025023000W", time.Hour, "2026-10-25T01:30:00Z"},
		{"211122210000", time.Hour, "2021-11-22T20:00:00Z"}, // no letter: the European rule
		{"250423090000", time.Hour, "2025-04-23T07:00:00Z"},
		{"261025023000", time.Hour, "2026-10-25T00:30:00Z"}, // ambiguous: the first
	} {
		got := ""
		if at := clock([]byte(c.in), c.winter); !at.IsZero() {
			got = at.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("clock(%q, %v) = %q, want %q", c.in, c.winter, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		in   string
		want float64
		unit telegram.Unit
		ok   bool
	}{
		{"", 0, 0, false}, {".", 0, 0, false}, {"*kW", 0, 0, false}, {"1.2.3", 0, 0, false}, {"0x.498*kW", 0, 0, false},
		{"1*furlong", 0, 0, false}, {"99999999999999999999", 0, 0, false}, {"1e3*W", 0, 0, false}, {"--1", 0, 0, false},
		{"00.498*kW", 498, telegram.Watt, true}, {"000000286*W", 286, telegram.Watt, true},
		{"00052185.7825309*kWh", 52185782.5309, telegram.WattHour, true}, {"0000.308*kVAr", 308, telegram.Var, true},
		{"-01.5*A", -1.5, telegram.Ampere, true}, {"0230.0*V", 230, telegram.Volt, true}, {"4.556", 4.556, telegram.NoUnit, true},
		{"-0*W", 0, telegram.Watt, true},
	} {
		v, unit, ok := number([]byte(c.in))
		f, _ := v.Get()
		if ok != c.ok || unit != c.unit || f != c.want || (f == 0 && 1/f < 0) {
			t.Errorf("number(%q) = %v %v %v, want %v %v %v", c.in, f, unit, ok, c.want, c.unit, c.ok)
		}
	}
}

func TestCut(t *testing.T) {
	second := strings.Replace(dsmr5, "ISK5", "Ene5", 1)
	second = sealed(second[:strings.Index(second, "\n!")+2])
	body := dsmr5[:len(dsmr5)-6]
	for _, c := range []struct {
		name, in string
		whole    int    // telegrams that come out whole
		lost     string // what is said of a lost one
	}{
		{"noise only", "\x00\xffabc/def(", 0, ""},
		{"a telegram cut off, then silence", dsmr5[:300], 0, "line fell silent after 300"},
		{"cut off inside the checksum", body + "1F", 0, "inside its checksum"},
		{"cut off inside a line by the next header", dsmr5[:200] + second, 1, "by the next header"},
		{"larger than any telegram", "/ISK5abc\r\n" + strings.Repeat("1-0:1.8.1(000000.000*kWh)\r\n", 400) + second, 1, "no end within 8192"},
		{"begins inside a telegram", dsmr5[100:] + second, 1, ""},
		{"'!' inside a line", strings.Replace(dsmr5, "(222.9*V)", "(222!9*V)", 1) + second, 2, ""},
		{"no line end between", strings.TrimSpace(dsmr5) + second, 2, ""},
		{"noise before each", "\x00\x00\xff" + dsmr5 + "\xff\x7f" + second, 2, ""},
		{"a checksum of three digits", body + "B9F\r\n" + second, 2, ""},
		{"no end, no checksum, then the next", strings.TrimSuffix(dsmr2, "!\r\n") + dsmr2, 2, ""},
		{"no end, no checksum, then silence", strings.TrimSuffix(dsmr2, "!\r\n"), 1, ""},
		{"no end, no checksum, the export not there yet", dsmr2[:strings.Index(dsmr2, "1-0:2.7.0")], 0, "line fell silent"},
		{"no end, no checksum, inside a line", dsmr2[:150], 0, "line fell silent"},
		{"garbage behind the end", dsmr2 + "  25803103\r\n" + strings.Repeat("\xff", 30), 1, ""},
		{"a slash in a message", strings.Replace(dsmr2, "5A42", "test-/-test", 1), 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, lost := 0, ""
			telegram.Telegrams([]byte(c.in), Format, func(e telegram.Event) {
				if e.Raw != nil {
					whole++
				}
				if e.Lost.Err != nil {
					lost += e.Lost.Err.Error()
				}
			})
			if whole != c.whole || (lost == "") != (c.lost == "") || !strings.Contains(lost, c.lost) {
				t.Fatalf("%d whole, lost %q; want %d, %q", whole, lost, c.whole, c.lost)
			}
		})
	}
}

func TestEvenParityOverEightBits(t *testing.T) {
	in := []byte(dsmr2)
	for i, c := range in {
		ones := 0
		for b := c; b != 0; b &= b - 1 {
			ones++
		}
		if ones%2 == 1 {
			in[i] |= 0x80
		}
	}
	got, errs := decodeAll(in, telegram.Options{UTCOffset: time.Hour})
	if len(got) != 1 || len(errs) != 0 {
		t.Fatalf("%d telegrams, errors %v", len(got), errs)
	}
	same(t, "power", got[0].m.Get(telegram.ActivePower), 890)
	same(t, "gas", got[0].m.Channels[0].Value, 13368.864)
}

func TestVisitorSeesEveryObject(t *testing.T) {
	seen := map[string]string{}
	_, err := decode([]byte(dsmr5), telegram.Options{}, func(o telegram.Object) {
		v, ok := o.Value.Get()
		if ok {
			seen[o.OBIS.String()] = fmt.Sprint(v, o.Unit)
		} else {
			seen[o.OBIS.String()] = string(o.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		"1-3:0.2.8": "50", "0-0:1.0.0": "261121143000W", "0-0:96.1.1": "E0044007", "1-0:2.7.0": "1234 W",
		"0-0:96.14.0": "1 ", "0-1:24.1.0": "3 ", "0-1:24.2.1": "246.138 m3",
	} {
		if seen[code] != want {
			t.Errorf("%s is %q, want %q", code, seen[code], want)
		}
	}
	if want := bytes.Count([]byte(dsmr5), []byte("\r\n")) - 3; len(seen) != want {
		t.Errorf("%d objects seen, want %d", len(seen), want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(dsmr5))
	f.Add([]byte(dsmr2))
	f.Add([]byte("/ABC5\n1-0:2.7.0((\n!"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, o := range []telegram.Options{{}, {NoChecksum: true, UTCOffset: time.Hour}} {
			_, err := decode(b, o, func(telegram.Object) {})
			if err != nil && !strings.HasPrefix(err.Error(), "p1: ") {
				t.Fatalf("error %v does not say where", err)
			}
		}
	})
}

// BenchmarkDecode compares a whole decode (framing, checksum, every object) with
// the floor of any checked parser: the usual table CRC, octet by octet.
func BenchmarkDecode(b *testing.B) {
	in := []byte(dsmr5)
	for len(in) < 884 { // as long as a DSMR 5 telegram with gas and its log
		s := string(in[:bytes.Index(in, []byte("\n!"))+1])
		in = []byte(sealed(s + "1-0:99.97.0(0)(0-0:96.7.19)\r\n!"))
	}
	cost := func(f func()) time.Duration {
		const n = 200
		start := time.Now()
		for range n {
			f()
		}
		return time.Since(start) / n
	}
	floor := func() { sink = plainCRC(in) }
	whole := func() {
		raw, _, _ := cut(in, false)
		m, err := decode(raw, telegram.Options{UTCOffset: time.Hour}, nil)
		if err != nil || !m.Refreshes() {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var ratios []float64
	for b.Loop() {
		f, w := cost(floor), cost(whole)
		ratios = append(ratios, float64(w)/float64(f))
	}
	b.ReportMetric(median(ratios), "x-CRC-floor")
	b.ReportMetric(testing.AllocsPerRun(100, whole), "allocs/telegram")
}

var sink uint16 // keeps the compiler from dropping the floor

func median(v []float64) float64 {
	s := append([]float64(nil), v...)
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s[len(s)/2]
}
