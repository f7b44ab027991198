package sim

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// noon is a Thursday in summer.
var noon = time.Date(2025, 7, 3, 10, 22, 0, 0, time.UTC)

func meter(t *testing.T, name string) Meter {
	t.Helper()
	m, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestByName(t *testing.T) {
	_, err := ByName("dsmr51")
	if err == nil {
		t.Fatal("dsmr51 was found")
	}
	for _, part := range []string{`"dsmr51"`, "dsmr50", "warmtelink"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %s", err, part)
		}
	}
	seen := map[string]bool{}
	for _, name := range Names() {
		if seen[name] {
			t.Errorf("two meters are called %s", name)
		}
		seen[name] = true
		if m := meter(t, name); m.Name != name {
			t.Errorf("ByName(%q) is %q", name, m.Name)
		}
	}
}

// The first is the check value of CRC-16/ARC, the second a worked example.
func TestCRC(t *testing.T) {
	for in, want := range map[string]uint16{
		"":                                 0,
		"123456789":                        0xBB3D,
		"/ABC5x\r\n\r\n1-3:0.2.8(50)\r\n!": 0xFDF9,
	} {
		if got := crc16([]byte(in)); got != want {
			t.Errorf("crc16(%q) = %04X, want %04X", in, got, want)
		}
	}
}

// A telegram is lines of printable ASCII between '/' and '!', each ended by CR
// and LF, and the check is that of everything before it.
func TestFrame(t *testing.T) {
	end := map[string]*regexp.Regexp{
		"dsmr22": regexp.MustCompile(`\r\n!\r\n$`), "q3d": regexp.MustCompile(`\r\n!\r\n$`),
		"warmtelink": regexp.MustCompile(`\r\n![0-9A-F]{1,4}\r\n$`),
	}
	usual := regexp.MustCompile(`\r\n![0-9A-F]{4}\r\n$`)
	line := regexp.MustCompile(`^(/[ -~]+||([0-9]-[0-9]:[0-9.]+(\*255)?)?(\([^()]*\))+|![0-9A-F]*)$`)
	for _, m := range All {
		t.Run(m.Name, func(t *testing.T) {
			before := []byte("what stands before stays")
			raw := m.Encode(before, m.House(1, noon).Look(noon), noon)
			if !bytes.HasPrefix(raw, before) {
				t.Fatal("Encode does not append")
			}
			raw = raw[len(before):]
			want := end[m.Name]
			if want == nil {
				want = usual
			}
			if !bytes.HasPrefix(raw, []byte("/"+m.Header+"\r\n\r\n")) || !want.Match(raw) {
				t.Errorf("starts %q, ends %q", raw[:30], raw[len(raw)-10:])
			}
			for _, l := range strings.Split(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
				if !line.MatchString(l) {
					t.Errorf("line %q", l)
				}
			}
			if i := bytes.LastIndexByte(raw, '!'); i < len(raw)-3 {
				if want, got := crc16(raw[:i+1]), string(raw[i+1:len(raw)-2]); fmt.Sprintf("%X", want) != strings.TrimLeft(got, "0") {
					t.Errorf("check %s, want %X", got, want)
				}
			}
		})
	}
}

// WarmteLink leaves out the zero that its checksum begins with; others do not.
func TestChecksumBeginsWithZero(t *testing.T) {
	for name, want := range map[string]*regexp.Regexp{
		"warmtelink": regexp.MustCompile(`![1-9A-F][0-9A-F]{0,2}\r\n$`),
		"dsmr50":     regexp.MustCompile(`!0[0-9A-F]{3}\r\n$`),
	} {
		m, found := meter(t, name), false
		house := m.House(1, noon)
		for i := range 200 {
			at := noon.Add(time.Duration(i) * time.Second)
			found = found || want.Match(m.Encode(nil, house.Look(at), at))
		}
		if !found {
			t.Errorf("%s: no checksum like %s in 200 telegrams", name, want)
		}
	}
}

// quantityOf is the reader's side of the code table, written out again.
var quantityOf = map[string]telegram.Quantity{
	"1-0:130.7.0": telegram.ReactivePower,
	"1-0:1.8.0":   telegram.ActiveEnergyImport, "1-0:1.8.1": telegram.ActiveEnergyImportT1, "1-0:1.8.2": telegram.ActiveEnergyImportT2,
	"1-0:1.8.3": telegram.ActiveEnergyImportT3, "1-0:1.8.4": telegram.ActiveEnergyImportT4,
	"1-0:2.8.0": telegram.ActiveEnergyExport, "1-0:2.8.1": telegram.ActiveEnergyExportT1, "1-0:2.8.2": telegram.ActiveEnergyExportT2,
	"1-0:2.8.3": telegram.ActiveEnergyExportT3, "1-0:2.8.4": telegram.ActiveEnergyExportT4,
	"1-0:3.8.0": telegram.ReactiveEnergyImport, "1-0:3.8.1": telegram.ReactiveEnergyImportT1, "1-0:3.8.2": telegram.ReactiveEnergyImportT2,
	"1-0:4.8.0": telegram.ReactiveEnergyExport, "1-0:4.8.1": telegram.ReactiveEnergyExportT1, "1-0:4.8.2": telegram.ReactiveEnergyExportT2,
	"1-0:5.8.0": telegram.ReactiveEnergyQ1, "1-0:6.8.0": telegram.ReactiveEnergyQ2, "1-0:7.8.0": telegram.ReactiveEnergyQ3, "1-0:8.8.0": telegram.ReactiveEnergyQ4,
	"1-0:1.7.0": telegram.ActivePowerImport, "1-0:21.7.0": telegram.ActivePowerImportL1, "1-0:41.7.0": telegram.ActivePowerImportL2, "1-0:61.7.0": telegram.ActivePowerImportL3,
	"1-0:2.7.0": telegram.ActivePowerExport, "1-0:22.7.0": telegram.ActivePowerExportL1, "1-0:42.7.0": telegram.ActivePowerExportL2, "1-0:62.7.0": telegram.ActivePowerExportL3,
	"1-0:3.7.0": telegram.ReactivePowerImport, "1-0:23.7.0": telegram.ReactivePowerImportL1, "1-0:43.7.0": telegram.ReactivePowerImportL2, "1-0:63.7.0": telegram.ReactivePowerImportL3,
	"1-0:4.7.0": telegram.ReactivePowerExport, "1-0:24.7.0": telegram.ReactivePowerExportL1, "1-0:44.7.0": telegram.ReactivePowerExportL2, "1-0:64.7.0": telegram.ReactivePowerExportL3,
	"1-0:5.7.0": telegram.ReactivePowerQ1, "1-0:6.7.0": telegram.ReactivePowerQ2, "1-0:7.7.0": telegram.ReactivePowerQ3, "1-0:8.7.0": telegram.ReactivePowerQ4,
	"1-0:9.7.0": telegram.ApparentPowerImport, "1-0:10.7.0": telegram.ApparentPowerExport,
	"1-0:32.7.0": telegram.VoltageL1, "1-0:52.7.0": telegram.VoltageL2, "1-0:72.7.0": telegram.VoltageL3,
	"1-0:31.7.0": telegram.CurrentL1, "1-0:51.7.0": telegram.CurrentL2, "1-0:71.7.0": telegram.CurrentL3, "1-0:91.7.0": telegram.CurrentNeutral,
	"1-0:13.7.0": telegram.PowerFactor, "1-0:33.7.0": telegram.PowerFactorL1, "1-0:53.7.0": telegram.PowerFactorL2, "1-0:73.7.0": telegram.PowerFactorL3,
	"1-0:14.7.0": telegram.Frequency, "1-0:1.4.0": telegram.ActiveDemand, "1-0:1.6.0": telegram.ActiveDemandMonthPeak,
	"0-0:96.14.0": telegram.Tariff,
}

var printedNumber = regexp.MustCompile(`(?m)^(\d-\d:[\d.]+)(?:\*255)?(?:\(\d{12}[SW]\))?\((-?[\d.]+)(?:\*(\w+))?\)\r$`)

// said reads the numbers of a telegram by a regular expression, exactly.
func said(t *testing.T, raw []byte) map[telegram.Quantity]float64 {
	t.Helper()
	found := map[telegram.Quantity]float64{}
	for _, m := range printedNumber.FindAllStringSubmatch(string(raw), -1) {
		q, known := quantityOf[m[1]]
		if !known {
			continue
		}
		n, ok := new(big.Rat).SetString(m[2])
		if !ok {
			t.Fatalf("number %q", m[2])
		}
		if strings.HasPrefix(m[3], "k") {
			n.Mul(n, big.NewRat(1000, 1))
		}
		if _, twice := found[q]; twice {
			t.Errorf("%s is sent twice", m[1])
		}
		found[q], _ = n.Float64()
	}
	return found
}

// What Truth says is what is printed, to the last bit, and nothing more or less.
func TestTruthIsWhatIsPrinted(t *testing.T) {
	for _, m := range All {
		t.Run(m.Name, func(t *testing.T) {
			house := m.House(7, noon)
			house.Lively = true
			for i := range 120 {
				at := noon.Add(time.Duration(i) * time.Second)
				s := house.Look(at)
				got, want := said(t, m.Encode(nil, s, at)), m.Truth(s, at)
				for q, v := range want {
					if printed, ok := got[q]; !ok || printed != v {
						t.Fatalf("second %d: %s is %v, printed %v (%v)", i, q, v, printed, ok)
					}
				}
				if len(got) != len(want) {
					t.Fatalf("second %d: %d numbers printed, %d meant", i, len(got), len(want))
				}
			}
			if m.Name != "warmtelink" && len(m.Truth(house.Look(noon), noon)) < 6 {
				t.Error("says next to nothing")
			}
		})
	}
}

// The widths, units and lines that tell one kind of meter from another.
func TestShape(t *testing.T) {
	for name, lines := range map[string][]string{
		"dsmr22": {
			`0-0:96\.1\.1\((45)[0-9A-F]{30}\)`, `1-0:1\.8\.1\(\d{5}\.\d{3}\*kWh\)`, `1-0:1\.7\.0\(\d{4}\.\d{2}\*kW\)`,
			`0-1:24\.3\.0\(250703120000\)\(00\)\(60\)\(1\)\(0-1:24\.2\.1\)\(m3\)`, `\(\d{5}\.\d{3}\)`, `0-1:24\.4\.0\(1\)`,
		},
		"dsmr42": {
			`1-3:0\.2\.8\(42\)`, `0-0:1\.0\.0\(250703122200S\)`, `1-0:1\.8\.1\(\d{6}\.\d{3}\*kWh\)`, `1-0:1\.7\.0\(\d{2}\.\d{3}\*kW\)`,
			`1-0:71\.7\.0\(\d{3}\*A\)`, `0-1:24\.2\.1\(250703120000S\)\(\d{5}\.\d{3}\*m3\)`,
		},
		"dsmr50":     {`1-3:0\.2\.8\(50\)`, `1-0:72\.7\.0\(\d{3}\.\d\*V\)`, `1-0:71\.7\.0\(\d{3}\*A\)`, `0-1:24\.2\.1\(250703122000S\)\(\d{5}\.\d{3}\*m3\)`, `0-2:24\.1\.0\(007\)`},
		"dsmr50-1ph": {`1-0:32\.7\.0\(\d{3}\.\d\*V\)`, `1-0:31\.7\.0\(\d{3}\*A\)`, `1-0:21\.7\.0\(\d{2}\.\d{3}\*kW\)`},
		"emucs": {
			`0-0:96\.1\.4\(50217\)`, `1-0:1\.4\.0\(\d{2}\.\d{3}\*kW\)`, `1-0:1\.6\.0\(\d{12}[SW]\)\(\d{2}\.\d{3}\*kW\)`,
			`0-0:98\.1\.0\(13\)(\(1-0:1\.6\.0\)){2}\(250701000000S\)(\(\d{12}[SW]\)\(\d\d\.\d{3}\*kW\)(\(\d{12}[SW]\))?){13}`,
			`1-0:51\.7\.0\(\d{3}\.\d{2}\*A\)`, `0-1:24\.2\.3\(250703122000S\)\(\d{5}\.\d{3}\*m3\)`, `0-2:24\.2\.1\(250703122000S\)\(\d{5}\.\d{3}\*m3\)`,
		},
		"emucs-delta":  {`1-0:52\.7\.0\(000\.0\*V\)`, `1-0:41\.7\.0\(00\.000\*kW\)`, `1-0:42\.7\.0\(00\.000\*kW\)`},
		"smarty-plain": {`1-3:0\.2\.8\(42\)`, `1-0:3\.7\.0\(\d{2}\.\d{3}\*kvar\)`, `1-0:9\.7\.0\(\d{2}\.\d{3}\*kVA\)`},
		"han-se":       {`0-0:1\.0\.0\(250703112200W\)`, `1-0:1\.8\.0\(\d{8}\.\d{3}\*kWh\)`, `1-0:63\.7\.0\(\d{4}\.\d{3}\*kVAr\)`, `1-0:31\.7\.0\(\d{3}\.\d\*A\)`},
		"at-plain":     {`1-0:1\.8\.0\(\d{9}\*Wh\)`, `1-0:1\.7\.0\(\d{9}\*W\)`, `1-0:4\.7\.0\(\d{9}\*var\)`},
		"hu":           {`0-0:98\.1\.0\(250701000000S\)(\([\d.]+\*k[a-zA-Z]+\)){18}`, `1-0:14\.7\.0\(\d\d\.\d\d\*Hz\)`, `1-0:13\.7\.0\(\d\.\d{3}\)`},
		"q3d":          {`1-0:1\.8\.0\*255\(\d{8}\.\d{7}\*kWh\)`, `1-0:1\.7\.0\*255\(-?\d{6}\.\d{2}\*W\)`},
		"warmtelink":   {`0-1:24\.1\.0\(004\)`, `0-1:24\.2\.1\(250703122200S\)\(\d{3}\.\d{3}\*GJ\)`},
	} {
		m := meter(t, name)
		raw := m.Encode(nil, m.House(1, noon).Look(noon), noon)
		for _, l := range lines {
			if !regexp.MustCompile(`(?m)^` + l + `\r$`).Match(raw) {
				t.Errorf("%s: no line %s in\n%s", name, l, raw)
			}
		}
	}
	one := meter(t, "dsmr50-1ph")
	if raw := one.Encode(nil, one.House(1, noon).Look(noon), noon); regexp.MustCompile(`1-0:[4-7][12]\.`).Match(raw) {
		t.Errorf("a single-phase meter speaks of L2 or L3:\n%s", raw)
	}
}

// minute plays a lively minute and a half of a meter.
func minute(t *testing.T, name string, each func(map[telegram.Quantity]float64)) {
	t.Helper()
	m := meter(t, name)
	house := m.House(3, noon)
	house.Lively = true
	for i := range 90 {
		at := noon.Add(time.Duration(i) * time.Second)
		each(m.Truth(house.Look(at), at))
	}
}

func TestAustriaImportsAndExportsAtOnce(t *testing.T) {
	both := 0
	minute(t, "at-plain", func(v map[telegram.Quantity]float64) {
		if v[telegram.ActivePowerImport] > 100 && v[telegram.ActivePowerExport] > 100 {
			both++
		}
	})
	if both == 0 {
		t.Error("never both")
	}
}

func TestQ3DSignsItsPower(t *testing.T) {
	lowest := 0.0
	minute(t, "q3d", func(v map[telegram.Quantity]float64) { lowest = min(lowest, v[telegram.ActivePowerImport]) })
	if lowest > -500 {
		t.Errorf("lowest power %v W: no export", lowest)
	}
}

// Two wattmeters: only their sum is the power of the house, each of them may
// run backwards, and the current of L2 obeys Kirchhoff's law.
func TestDeltaWattmeters(t *testing.T) {
	backwards := 0
	minute(t, "emucs-delta", func(v map[telegram.Quantity]float64) {
		net := v[telegram.ActivePowerImport] - v[telegram.ActivePowerExport]
		w1 := v[telegram.ActivePowerImportL1] - v[telegram.ActivePowerExportL1]
		w3 := v[telegram.ActivePowerImportL3] - v[telegram.ActivePowerExportL3]
		if math.Abs(w1+w3-net) > 2 {
			t.Errorf("wattmeters %v and %v, sum %v", w1, w3, net)
		}
		i1, i2, i3 := v[telegram.CurrentL1], v[telegram.CurrentL2], v[telegram.CurrentL3]
		if i2 > i1+i3+0.02 || i2 < math.Abs(i1-i3)-0.02 {
			t.Errorf("currents %v %v %v", i1, i2, i3)
		}
		if v[telegram.VoltageL2] != 0 || v[telegram.VoltageL1] < 200 || v[telegram.VoltageL3] < 200 {
			t.Errorf("voltages %v %v %v", v[telegram.VoltageL1], v[telegram.VoltageL2], v[telegram.VoltageL3])
		}
		if net > 0 && min(w1, w3) < 0 || net < 0 && max(w1, w3) > 0 {
			backwards++
		}
	})
	if backwards == 0 {
		t.Error("no wattmeter ever ran against the sum")
	}
}

func TestChannelsAndClock(t *testing.T) {
	at := noon.Add(300 * time.Millisecond)
	for name, want := range map[string]struct {
		clock   time.Time
		devices [telegram.NumChannels]telegram.Device
		gas     time.Time
	}{
		"dsmr50":       {noon, [4]telegram.Device{gas, water}, noon.Add(-2 * time.Minute)},
		"dsmr42":       {noon, [4]telegram.Device{gas}, noon.Add(-22 * time.Minute)},
		"dsmr22":       {time.Time{}, [4]telegram.Device{gas}, noon.Add(-22 * time.Minute)},
		"emucs-delta":  {noon, [4]telegram.Device{}, time.Time{}},
		"warmtelink":   {noon, [4]telegram.Device{heat}, noon},
		"q3d":          {time.Time{}, [4]telegram.Device{}, time.Time{}},
		"smarty-plain": {noon, [4]telegram.Device{gas}, noon.Add(-22 * time.Minute)},
	} {
		m := meter(t, name)
		s := m.House(1, at).Look(at)
		if got := m.Clock(at); got != want.clock {
			t.Errorf("%s: clock %v, want %v", name, got, want.clock)
		}
		raw := string(m.Encode(nil, s, at))
		for i, c := range m.Channels(s, at) {
			if c.Device != want.devices[i] {
				t.Errorf("%s: channel %d is device %d, want %d", name, i+1, c.Device, want.devices[i])
			}
			if v, ok := c.Value.Get(); ok && !strings.Contains(raw, fmt.Sprintf("%.3f", v)) {
				t.Errorf("%s: channel %d: %v is not in\n%s", name, i+1, v, raw)
			}
		}
		if c := m.Channels(s, at)[0]; c.Time != want.gas {
			t.Errorf("%s: channel 1 read at %v, want %v", name, c.Time, want.gas)
		}
	}
	m := meter(t, "emucs")
	if p := m.Peaks(m.House(1, at).Look(at)); !p[12].Value.OK() || p[12].Month != time.Date(2024, 6, 30, 22, 0, 0, 0, time.UTC) {
		t.Errorf("oldest of the 13 months: %+v", p[12])
	}
	if p := meter(t, "hu").Peaks(m.House(1, at).Look(at)); p != [telegram.NumPeaks]telegram.Peak{} {
		t.Errorf("a Hungarian meter has peaks: %+v", p)
	}
}

func BenchmarkEncode(b *testing.B) {
	m := All[0]
	s := m.House(1, noon).Look(noon)
	buf := make([]byte, 0, 2048)
	for b.Loop() {
		buf = m.Encode(buf[:0], s, noon)
	}
}
