package tic

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

// hist makes a frame of historique of "LABEL data" groups; std one of standard,
// whose fields a '|' parts.
func hist(groups ...string) string { return frameOf(groups, " ", 0) }
func std(groups ...string) string  { return frameOf(groups, "\t", 1) }

func frameOf(groups []string, separator string, summedAlso int) string {
	var b strings.Builder
	b.WriteByte(0x02)
	for _, g := range groups {
		g = strings.ReplaceAll(g, "|", "\t")
		summed := g + separator[:summedAlso]
		sum := 0
		for _, c := range []byte(summed) {
			sum += int(c)
		}
		fmt.Fprintf(&b, "\n%s%s%c\r", g, separator, sum&0x3F+0x20)
	}
	b.WriteByte(0x03)
	return b.String()
}

var (
	mono  = []string{"ADCO 031961098836", "OPTARIF BASE", "BASE 000000104", "PTEC TH..", "IINST 012", "PAPP 02840", "MOTDETAT 000000"}
	three = []string{"ADSC|031876067693", "VTIC|02", "DATE|E240924225642|", "EAST|099765794", "IRMS1|007", "IRMS2|005", "IRMS3|004", "URMS1|239", "URMS2|241", "URMS3|242", "SINSTS|03834", "SINSTS1|01557", "SINSTS2|01185", "SINSTS3|01092", "NTARF|02", "STGE|003A0001"}
)

func one(t *testing.T, frame string, o telegram.Options) (telegram.Measurement, error) {
	t.Helper()
	raw, _, lost := cut([]byte(frame), true)
	if raw == nil {
		t.Fatalf("no frame in %q: %+v", frame, lost)
	}
	return decode(raw, o, nil)
}

// with is the groups with others in their places.
func with(groups []string, changes ...string) []string {
	groups = append([]string(nil), groups...)
	for _, c := range changes {
		label, _, _ := strings.Cut(strings.ReplaceAll(c, "|", " "), " ")
		found := false
		for i, g := range groups {
			if strings.HasPrefix(g, label+" ") || strings.HasPrefix(g, label+"|") {
				groups[i], found = c, true
			}
		}
		if !found {
			groups = append(groups, c)
		}
	}
	return groups
}

func spoilt(frame, what, by string) string { return strings.Replace(frame, what, by, 1) }

func TestDecode(t *testing.T) {
	type values = map[telegram.Quantity]float64
	const missing = -1e9
	for _, c := range []struct {
		name  string
		frame string
		o     telegram.Options
		err   error
		want  values
	}{
		{"historique, one phase", hist(mono...), telegram.Options{}, nil, values{
			telegram.ActivePower: 2840, telegram.ActivePowerL1: 2840, telegram.ApparentPowerImport: 2840, telegram.CurrentL1: 12, telegram.VoltageL1: missing,
			telegram.ActiveEnergyImport: 104, telegram.Tariff: 1, telegram.CurrentL2: missing}},
		{"standard, three phases", std(three...), telegram.Options{}, nil, values{
			telegram.ActivePower: 3834, telegram.ActivePowerL2: 1185, telegram.VoltageL3: 242, telegram.CurrentL3: 4, telegram.Tariff: 2}},
		{"Tempo: six counters make the total", hist(with(mono[:2], "BBRHCJB 000000001", "BBRHPJB 000000002", "BBRHCJW 000000004", "BBRHPJW 000000008", "BBRHCJR 000000016", "BBRHPJR 000000032", "PTEC HPJR", "PAPP 00010")...), telegram.Options{}, nil,
			values{telegram.ActiveEnergyImport: 63, telegram.ActiveEnergyImportT6: 32, telegram.Tariff: 6}},
		{"EJP: two counters", hist(with(mono[:2], "OPTARIF EJP.", "EJPHN 000000100", "EJPHPM 000000020", "PEJP 30", "PTEC PM..", "PAPP 00010")...), telegram.Options{}, nil,
			values{telegram.ActiveEnergyImport: 120, telegram.ActiveEnergyImportT1: 100, telegram.ActiveEnergyImportT2: 20, telegram.Tariff: 2}},
		{"heures creuses", hist(with(mono[:2], "OPTARIF HC..", "HCHC 000000100", "HCHP 000000020", "PTEC HC..", "PAPP 00010")...), telegram.Options{}, nil,
			values{telegram.ActiveEnergyImport: 120, telegram.Tariff: 1}},
		{"injecting", std(with(three, "SINSTS|00000", "SINSTI|02087", "STGE|003A0301")...), telegram.Options{}, nil, values{
			telegram.ActivePower: -2087, telegram.ActivePowerExport: 2087, telegram.ActivePowerL1: 1557}},
		{"a producer that draws", std(with(three, "SINSTI|00000")...), telegram.Options{}, nil, values{telegram.ActivePower: 3834, telegram.ActivePowerExport: 0}},
		{"injecting without a contract: not measured", std(with(three, "SINSTS|00000", "STGE|003A0201")...), telegram.Options{}, nil, values{
			telegram.ActivePower: 0, telegram.ApparentPowerExport: missing}},
		{"the same, estimated", std(with(three, "SINSTS|00000", "STGE|003A0201")...), telegram.Options{EstimateExport: true}, nil, values{
			telegram.ActivePower: -(239*7 + 241*5 + 242*4), telegram.ApparentPowerExport: 239*7 + 241*5 + 242*4}},
		{"estimated, but it draws", std(with(three, "STGE|003A0201")...), telegram.Options{EstimateExport: true}, nil, values{telegram.ActivePower: 3834}},
		{"estimated, but the status says that it draws", std(with(three, "SINSTS|00000")...), telegram.Options{EstimateExport: true}, nil, values{telegram.ActivePower: 0}},
		{"historique, three phases", hist("ADCO 040726006524", "IINST1 002", "IINST2 001", "IINST3 001", "PAPP 01000"), telegram.Options{}, nil, values{
			telegram.ActivePower: 1000, telegram.ActivePowerL1: missing}},
		{"the same, shared by currents", hist("ADCO 040726006524", "IINST1 002", "IINST2 001", "IINST3 001", "PAPP 01000"), telegram.Options{EstimatePhases: true}, nil, values{
			telegram.ActivePowerL1: 500, telegram.ActivePowerL3: 250}},
		{"a pilot Linky", std(with(three[:4], "IRMS1|003", "SINST1|00690")...), telegram.Options{}, nil, values{telegram.ActivePower: 690, telegram.ActivePowerL1: 690}},
		{"a short frame", hist("ADIR1 034", "ADCO 031961098836", "IINST1 034", "IINST2 005", "IINST3 003"), telegram.Options{}, nil, values{
			telegram.CurrentL1: 34, telegram.CurrentL3: 3, telegram.ActivePower: missing}},
		{"a wrong checksum costs its group", spoilt(std(three...), "URMS2\t241", "URMS2\t249"), telegram.Options{}, nil, values{
			telegram.VoltageL2: missing, telegram.ActivePower: 3834}},
		{"a current that cannot be read is not absent", spoilt(std(three...), "IRMS2\t005", "IRMS2\t00?"), telegram.Options{}, nil, values{telegram.CurrentL2: missing, telegram.CurrentL1: 7}},
		{"power that cannot be read", spoilt(std(three...), "SINSTS\t03834", "SINSTS\t03837"), telegram.Options{}, nil, values{telegram.ActivePower: missing, telegram.CurrentL1: 7}},
		{"three groups wrong", strings.NewReplacer("URMS1\t2", "URMS1\t3", "URMS2\t2", "URMS2\t3", "URMS3\t2", "URMS3\t3").Replace(std(three...)), telegram.Options{}, nil, values{telegram.ActivePower: 3834}},
		{"four groups wrong", strings.NewReplacer("URMS1\t2", "URMS1\t3", "URMS2\t2", "URMS2\t3", "URMS3\t2", "URMS3\t3", "NTARF\t02", "NTARF\t03").Replace(std(three...)), telegram.Options{}, telegram.ErrChecksum, nil},
		{"a lost CR costs two groups", spoilt(std(three...), "\r\nURMS2", "\nURMS2"), telegram.Options{}, nil, values{telegram.VoltageL1: missing, telegram.VoltageL2: missing, telegram.ActivePower: 3834}},
		{"the checksum is a space", hist(with(mono, "PAPP 00151")...), telegram.Options{}, nil, values{telegram.ActivePower: 151}},
		{"not a number", hist(with(mono, "PAPP 0?000")...), telegram.Options{}, nil, values{telegram.ActivePower: missing}},
		{"wrong checksums are asked for", spoilt(hist(mono...), "PAPP 02840", "PAPP 02841"), telegram.Options{NoChecksum: true}, nil, values{telegram.ActivePower: 2841}},
		{"no group", "\x02\nAD X\r\x03", telegram.Options{}, telegram.ErrMalformed, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := one(t, c.frame, c.o)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			for q, want := range c.want {
				if v, ok := m.Get(q).Get(); ok != (want != missing) || ok && v != want {
					t.Errorf("%s is %v (%v), want %v", q, v, ok, want)
				}
			}
		})
	}
}

// To a charger 0 A means that it may draw: a current whose group is lost with its
// label must not read as one.
func TestLostCurrent(t *testing.T) {
	for _, frame := range []string{
		spoilt(std(three...), "IRMS2\t005", "IR\x7fS2\t005"),
		spoilt(std(three...), "\nIRMS2", " IRMS2"),
	} {
		m, err := one(t, frame, telegram.Options{})
		if err != nil || !m.Unreadable(telegram.CurrentL2) {
			t.Errorf("%v, unreadable %t, current %v", err, m.Unreadable(telegram.CurrentL2), m.Get(telegram.CurrentL2))
		}
	}
}

// A group whose label is lost may have been any: what is made of those that are
// left must not pass for the whole.
func TestLostLabel(t *testing.T) {
	tariffs := hist("ADCO 031961000001", "HCHC 010000000", "HCHP 005000000", "IINST 004", "PAPP 01000")
	injecting := std(with(three, "SINSTS|00000", "SINSTI|02087")...)
	for _, c := range []struct {
		name, frame string
		unreadable  telegram.Quantity
	}{
		{"a tariff", spoilt(tariffs, "HCHC", "HCHB"), telegram.ActiveEnergyImport},
		{"a tariff, its LF", spoilt(tariffs, "\nHCHC", "JHCHC"), telegram.ActiveEnergyImport},
		{"a tariff, which reads as the other one", spoilt(tariffs, "HCHC", "HCHP"), telegram.ActiveEnergyImport},
		{"what is injected", spoilt(injecting, "SINSTI", "SINSTH"), telegram.ActivePower},
		{"what a phase draws", spoilt(std(three...), "SINSTS2", "SINSTR2"), telegram.ActivePowerL2},
	} {
		m, err := one(t, c.frame, telegram.Options{})
		if v := m.Get(c.unreadable); err != nil || v.OK() || !m.Unreadable(c.unreadable) {
			t.Errorf("%s: %s is %v, unreadable %t (%v)", c.name, c.unreadable, v, m.Unreadable(c.unreadable), err)
		}
	}
}

// A group that is damaged in every frame, and means nothing here, must cost nothing.
func TestLostText(t *testing.T) {
	house := []string{"ADCO 031961098836", "OPTARIF HC..", "ISOUSC 60", "HCHC 000001000", "HCHP 000002000", "IINST 002", "IMAX 090", "PAPP 00000", "HHPHC A", "MOTDETAT 000000"}
	const missing = -1
	for _, c := range []struct {
		name, frame  string
		total, power float64
	}{
		{"MOTDETAT", spoilt(hist(house...), "MOTDETAT 000000", "MOTDETAT 000001"), 3000, 0},
		{"IMAX", spoilt(hist(house...), "IMAX 090", "IMAX 091"), 3000, 0},
		{"OPTARIF", spoilt(hist(house...), "OPTARIF HC", "OPTARIF HB"), 3000, 0},
		{"a label of historique that is lost does not inject", spoilt(hist(house...), "MOTDETAT", "MOTDETAU"), missing, 0},
		{"PCOUP", spoilt(std(with(three, "SINSTS|00000", "PCOUP|12")...), "PCOUP\t12", "PCOUP\t13"), 99765794, 0},
		{"a CR, and with it the tariff behind", spoilt(hist(house...), "\r\nHCHC", "\nHCHC"), missing, 0},
	} {
		m, err := one(t, c.frame, telegram.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for q, want := range map[telegram.Quantity]float64{telegram.ActiveEnergyImport: c.total, telegram.ActivePower: c.power} {
			if v, ok := m.Get(q).Get(); ok != (want != missing) || ok && v != want {
				t.Errorf("%s: %s is %v (%t), want %v", c.name, q, v, ok, want)
			}
		}
	}
}

func TestHorodate(t *testing.T) {
	summer, winter := time.Date(2024, 9, 24, 20, 56, 42, 0, time.UTC), time.Date(2024, 1, 7, 10, 37, 4, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"E240924225642": summer, "e240924225642": summer, "H240107113704": winter, "h240107113704": winter,
		" 240108060000": {}, "": {}, "E2409242256": {}, "E241324225642": {}, "H000101000000": {},
	} {
		if got := horodate([]byte(in), time.Hour); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	a, b := hist(mono...), std(three...)
	for _, c := range []struct {
		name  string
		in    string
		whole int
		lost  []string
		noise int
	}{
		{"nothing", "", 0, nil, 0},
		{"two frames", a + b, 2, nil, 0},
		{"begins inside", a[30:] + b, 1, nil, len(a) - 30},
		{"NULs in front", "\x00\x00" + a, 1, nil, 2},
		{"ends inside", a + b[:50], 1, []string{"silent after 50 octets"}, 0},
		{"EOT inside", a[:40] + "\x04" + b, 1, []string{"interrupted by EOT after 40 octets"}, 0},
		{"ETX lost", a[:len(a)-1] + b, 1, []string{"cut off after"}, 0},
		{"STX as an error of the line", spoilt(a, "BASE 0000", "BASE\x020000"), 1, nil, 0},
		{"never an end", "\x02\nADCO " + strings.Repeat("x", 5000), 0, []string{"no end within 4096"}, 5000 + 6},
		{"an element of a binary list", "\x02\x0a\x01\x02" + a, 1, nil, 4},
		{"two frames of text in a binary list", "\x02\nAB" + "\x02\x0a" + a, 1, nil, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, noise, lost := 0, 0, []string(nil)
			telegram.Telegrams([]byte(c.in), Format, func(e telegram.Event) {
				if e.Raw != nil {
					whole++
				}
				if e.Lost.Err != nil {
					lost = append(lost, e.Lost.Err.Error())
				}
				noise += e.Lost.Noise
			})
			if whole != c.whole || noise != c.noise || len(lost) != len(c.lost) {
				t.Fatalf("%d whole, noise %d, lost %q; want %d, %d, %q", whole, noise, lost, c.whole, c.noise, c.lost)
			}
			for i, want := range c.lost {
				if !strings.Contains(lost[i], want) {
					t.Errorf("lost %q, want %q", lost[i], want)
				}
			}
		})
	}
}

// story is everything a stream led to when it comes in chunks.
func story(b []byte, chunk func() int) string {
	var out strings.Builder
	var buf []byte
	noise := 0
	for quiet := false; !quiet; {
		quiet = len(b) == 0
		n := min(len(b), max(1, chunk()))
		buf, b = append(buf, b[:n]...), b[n:]
		for len(buf) > 0 {
			raw, rest, lost := cut(buf, quiet)
			buf = rest
			noise += lost.Noise
			if lost.Err != nil {
				fmt.Fprintf(&out, "lost: %v\n", lost.Err)
			}
			if raw != nil {
				fmt.Fprintf(&out, "frame: %x\n", raw)
			}
			if raw == nil && lost == (telegram.Loss{}) {
				break
			}
		}
	}
	fmt.Fprintf(&out, "%d octets left, noise %d\n", len(buf), noise)
	return out.String()
}

func FuzzCut(f *testing.F) {
	a, b := hist(mono...), std(three...)
	f.Add([]byte(a + b))
	f.Add([]byte(a[20:] + b[:len(b)-1] + a))
	f.Add([]byte("\x02\nA\x02\nAD\x02\nADC \x04\x02\x02\n" + a))
	f.Add(bytes.Repeat([]byte("\x02\nADCO "), 900))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := story(b, func() int { return len(b) })
		r := rand.New(rand.NewPCG(uint64(len(b)), 9))
		for _, chunk := range []func() int{func() int { return 1 }, func() int { return 1 + r.IntN(100) }} {
			if got := story(b, chunk); got != whole {
				t.Fatalf("in chunks\n%s\nas a whole\n%s", got, whole)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(hist(mono...)), false)
	f.Add([]byte(std(three...)), true)
	f.Add([]byte("\x02\n\r\n \r\nA B\r\x03"), true)
	f.Fuzz(func(t *testing.T, b []byte, estimate bool) {
		m, err := decode(b, telegram.Options{UTCOffset: time.Hour, EstimatePhases: estimate, EstimateExport: estimate}, func(telegram.Object) {})
		if err == nil && m.Format != name {
			t.Errorf("%+v", m)
		}
	})
}
