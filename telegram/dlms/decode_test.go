package dlms

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/telegram"
)

var sealedOptions = telegram.Options{UTCOffset: time.Hour, Key: sealKey, AuthKey: sealAuth}

func TestDecodeRefuses(t *testing.T) {
	frame := func(apdu []byte) []byte { return hdlcFrame(toE450, join(llc, apdu), false) }
	body := func(hex string) []byte { return frame(notified(octets(hex))) }
	for _, c := range []struct {
		name   string
		in     []byte
		class  error
		detail string
	}{
		{"general-ded-ciphering", frame(octets("DC 08 0102030405060708 06 20 00000001 00")), telegram.ErrUnsupported, "general-ded-ciphering (DC)"},
		{"general-ciphering", frame(octets("DD 00 00 00 00 00 00 00")), telegram.ErrUnsupported, "general-ciphering (DD)"},
		{"general-signing", frame(octets("DF 00")), telegram.ErrUnsupported, "general-signing"},
		{"event-notification", frame(octets("C2 00 0002 000060010100FF 02 11 01")), telegram.ErrUnsupported, "event-notification"},
		{"information-report", frame(octets("18 00")), telegram.ErrUnsupported, "information-report"},
		{"blocks inside blocks", join(inBlocks(toE450, octets("E0 C0 0001 0000 01 0F"), 100)...), telegram.ErrUnsupported, "general-block-transfer"},
		{"blocks over M-Bus", join(overMbus(octets("E0 C0 0001 0000 01 0F"), 100)...), telegram.ErrUnsupported, "general-block-transfer"},
		{"another M-Bus application", mbusFrame(0x72, octets("01020304")), telegram.ErrUnsupported, "M-Bus application 72"},
		{"no APDU at all", frame(octets("42 00")), telegram.ErrMalformed, "42 begins no APDU"},
		{"an LLC and nothing", frame(nil), telegram.ErrMalformed, "behind the LLC"},
		{"compact-array", body("13 02 02 12 11 03 0001 02"), telegram.ErrUnsupported, "compact-array"},
		{"compact-array inside a list", body("02 02 11 01 13 12 02 0001"), telegram.ErrUnsupported, "compact-array"},
		{"unknown type", body("02 01 99"), telegram.ErrMalformed, "unknown type 99"},
		{"a length of four octets", body("02 01 09 84 00000001 41"), telegram.ErrMalformed, "length of 4 octets"},
		{"a length that never ends", body("02 01 09 82 01"), telegram.ErrMalformed, "ends inside"},
		{"an octet-string past the end", body("02 01 09 05 41 42"), telegram.ErrMalformed, "5 octets announced, 2 left"},
		{"a bit-string past the end", body("02 01 04 11 FF"), telegram.ErrMalformed, "3 octets announced"},
		{"more values than octets", body("02 82 FFFF 00 00"), telegram.ErrMalformed, "65535 values announced"},
		{"nine levels", body("02 01 02 01 02 01 02 01 02 01 02 01 02 01 02 01 02 01 00"), telegram.ErrMalformed, "deeper than 8"},
		{"a list without end", body("02 03 11 01 11 02"), telegram.ErrMalformed, "ends inside a value"},
		{"a value behind the list", body("02 01 11 01 11 02"), telegram.ErrMalformed, "11 begins no APDU"},
		{"no list", frame(octets("0F 00000001 00")), telegram.ErrMalformed, "ends inside"},
		{"a short notification", frame(octets("0F 0000")), telegram.ErrMalformed, "3 octets"},
		{"a date-time of five octets", frame(octets("0F 00000001 05 07EA010101 02 01 11 01")), telegram.ErrMalformed, "date-time of 5 octets"},
		{"a date-time that is a tag and nothing", frame(octets("0F 00000001 09")), telegram.ErrMalformed, "date-time of 9 octets"},
		{"a date-time past the end", frame(octets("0F 00000001 0C 07EA0101")), telegram.ErrMalformed, "inside its date-time"},
		{"a single value", body("11 01"), telegram.ErrListUnknown, "a single value, type 11"},
		{"values without names", body("02 03 11 01 06 000000FF 09 03 414243"), telegram.ErrListUnknown, "3 values without names from Landis+Gyr E450: 1, 255, ABC"},
		{"an empty list", body("02 00"), telegram.ErrListUnknown, "0 values"},
		{"definitions that do not fit the values", body("02 04 01 01 02 04 12 0003 09 06 0100010700FF 0F 02 12 0000 11 01 11 02 11 03"), telegram.ErrListUnknown, "4 values"},
		{"300 values", body("02 82 012C " + strings.Repeat("00", 300)), telegram.ErrMalformed, "list of 300 values"},
		{"17 APDUs in one frame", frame(octets(strings.Repeat("0F 00000001 00 02 01 11 01 ", 17))), telegram.ErrMalformed, "more than 16 APDUs"},

		{"the broadcast key", frame(sealedBy(0x70, 1, notified(e450List()))), telegram.ErrUnsupported, "broadcast key"},
		{"compression", frame(sealedBy(0xB0, 1, notified(e450List()))), telegram.ErrUnsupported, "compressed"},
		{"suite 2", frame(sealedBy(0x32, 1, notified(e450List()))), telegram.ErrUnsupported, "suite 2"},
		{"another tag", frame(sealedBy(0x30, 1, notified(e450List()))[:80]), telegram.ErrMalformed, "incomplete APDU"},
		{"something else inside", frame(sealedBy(0x30, 1, octets("C2 00 0000"))), telegram.ErrUnsupported, "APDU C2 inside"},
		{"an unknown list inside", frame(sealedBy(0x30, 1, notified(octets("02 01 11 01")))), telegram.ErrListUnknown, "1 values"},
		{"a compact-array inside, no tag", frame(sealedBy(0x20, 1, notified(octets("02 01 13 12 02 0001")))), telegram.ErrUnsupported, "compact-array"},
		{"octets behind the list inside", frame(sealedBy(0x30, 1, notified(octets("02 01 11 01 00")))), telegram.ErrMalformed, "1 octets behind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := one(t, Format, c.in, sealedOptions)
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) || !strings.HasPrefix(err.Error(), "dlms: ") {
				t.Fatalf("error %v, want a %v that says %q", err, c.class, c.detail)
			}
		})
	}
}

func TestDecodeNeedsAWholePush(t *testing.T) {
	good := plainPush(e450List())
	for name, raw := range map[string][]byte{
		"nothing":          nil,
		"noise":            octets("00 01 02"),
		"a part":           good[:40],
		"noise in front":   append([]byte{0}, good[:len(good)-1]...),
		"two":              append(good[:len(good)-1:len(good)-1], good...),
		"a block too few":  inBlocks(toE450, notified(e450List()), 100)[0],
		"a control frame":  controlFrame()[:9],
		"its closing flag": good,
	} {
		if _, err := Format.Decode(raw, telegram.Options{}, nil); !errors.Is(err, telegram.ErrMalformed) {
			t.Errorf("%s: error %v, want malformed", name, err)
		}
	}
}

// Without an authentication key only the plaintext can vouch for the key, with
// one the tag must.
func TestSeal(t *testing.T) {
	apdu := func(control byte) []byte {
		return hdlcFrame(toE450, join(llc, sealedBy(control, 77, notified(e450List()))), false)
	}
	wrong := telegram.NewSecret("ffeeddccbbaa99887766554433221100")
	broken := sealedBy(0x30, 77, notified(e450List()))
	broken[len(broken)-20] ^= 1
	untimed := sealedBy(0x20, 77, join(octets("0F 00000007 00"), octets("02 02 09 06 0100010700FF 06 00000001")))
	unset := sealedBy(0x20, 77, join(octets("0F 00000007 0C 07D0 01 01 06 00 00 00 FF 8000 00"), e450List()))
	clocked := sealedBy(0x20, 77, join(octets("0F 00000007 00"), octets("02 03 09 0C"), noon, octets("09 06 0100010700FF 06 00000001")))
	wild := sealedBy(0x20, 77, join(octets("0F 00000007 0C FFFF FF FF FF FF FF FF FF 8000 FF"), octets("02 03 09 0C"), noon, octets("09 06 0100010700FF 06 00000001")))
	frame := func(apdu []byte) []byte { return hdlcFrame(toE450, join(llc, apdu), false) }
	for _, c := range []struct {
		name          string
		in            []byte
		key, auth     telegram.Secret
		class         error
		authenticated bool
	}{
		{"no key", apdu(0x30), telegram.Secret{}, telegram.Secret{}, telegram.ErrKeyRequired, false},
		{"only an authentication key", apdu(0x30), telegram.Secret{}, sealAuth, telegram.ErrKeyRequired, false},
		{"a key of the wrong form", apdu(0x30), telegram.NewSecret("abc"), telegram.Secret{}, telegram.ErrDecrypt, false},
		{"another key, tag verified", apdu(0x30), wrong, sealAuth, telegram.ErrKeyWrong, false},
		{"another key, nothing verified", apdu(0x30), wrong, telegram.Secret{}, telegram.ErrKeyWrong, false},
		{"another key, no tag", apdu(0x20), wrong, sealAuth, telegram.ErrKeyWrong, false},
		{"another authentication key", apdu(0x30), sealKey, wrong, telegram.ErrKeyWrong, false},
		{"one bit turned over", frame(broken), sealKey, sealAuth, telegram.ErrKeyWrong, false},
		{"no time to vouch for the key", frame(untimed), sealKey, telegram.Secret{}, telegram.ErrKeyWrong, false},
		{"a time before there were such meters", frame(unset), sealKey, telegram.Secret{}, telegram.ErrKeyWrong, false},

		{"a header without a time, and one in the list", frame(wild), sealKey, telegram.Secret{}, nil, false},
		{"a time in the list vouches", frame(clocked), sealKey, telegram.Secret{}, nil, false},
		{"key alone", apdu(0x30), sealKey, telegram.Secret{}, nil, false},
		{"key alone, no tag", apdu(0x20), sealKey, telegram.Secret{}, nil, false},
		{"both keys, no tag", apdu(0x20), sealKey, sealAuth, nil, false},
		{"both keys", apdu(0x30), sealKey, sealAuth, nil, true},
		{"suite 1, as Kaifa announces", apdu(0x31), sealKey, sealAuth, nil, true},
		{"wrapped, nothing protected, no key", apdu(0x00), telegram.Secret{}, telegram.Secret{}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := one(t, Format, c.in, telegram.Options{Key: c.key, AuthKey: c.auth})
			if !errors.Is(err, c.class) || (err == nil) != (c.class == nil) {
				t.Fatalf("error %v, want %v", err, c.class)
			}
			if m.Seal.Title.String() != "4C475A6774206295" || m.Seal.Counter != 77 || m.Seal.Authenticated != c.authenticated {
				t.Errorf("seal %+v", m.Seal)
			}
			if err == nil && !m.Refreshes() {
				t.Error("no power")
			}
		})
	}
}

func TestDecode(t *testing.T) {
	list := e450List()
	for name, in := range map[string][]byte{
		"one frame":             plainPush(list),
		"blocks":                join(inBlocks(toE450, notified(list), 0x70)...),
		"a block twice":         twice(inBlocks(toE450, notified(list), 0x70), 1),
		"segments":              join(inSegments(toE450, notified(list), 128)...),
		"M-Bus":                 join(overMbus(notified(list), 240)...),
		"encrypted, in blocks":  sealedPush(),
		"encrypted, over M-Bus": join(overMbus(sealedBy(0x30, 77, notified(list)), 245)...),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := one(t, Format, in, sealedOptions)
			if err != nil {
				t.Fatal(err)
			}
			for q, want := range map[telegram.Quantity]float64{
				telegram.ActivePower: 2500, telegram.VoltageL2: 229, telegram.CurrentL1: 5.12, telegram.CurrentL3: 2.44,
				telegram.ActiveEnergyImport: 1234567, telegram.ReactiveEnergyExport: 7,
			} {
				same(t, &m, q, want)
			}
			want := telegram.Meter{ID: telegram.TextOf("7654321"), Header: telegram.TextOf("Landis+Gyr E450"), Version: telegram.TextOf("0-8:25.9.0")}
			want.IDKind, want.Sender = 2, m.Meter.Sender
			if m.Meter != want || m.Meter.Sender.Empty() || m.Format != "dlms" || m.Period != 5*time.Second {
				t.Errorf("format %s, meter %+v, period %v", m.Format, m.Meter, m.Period)
			}
			if at := time.Date(2026, 1, 17, 11, 34, 56, 0, time.UTC); m.Time != at {
				t.Errorf("time %v, want %v", m.Time, at)
			}
		})
	}
}

// What one APDU of a push is protected by says nothing for another: with a key on
// the cable somebody could add one in the clear, and with the first message of one
// push and the last of another make a third.
func TestPushOfSeveralSeals(t *testing.T) {
	export := notified(octets("02 02 09 06 0100100700FF 05 FFFFB1E0")) // 16.7.0 = -20000 W
	good := func(counter uint32) []byte { return sealedBy(0x30, counter, notified(e450List())) }
	for _, c := range []struct {
		name   string
		apdus  [][]byte
		class  error
		spread uint32
	}{
		{"a wrapper that protects nothing, before", [][]byte{sealedBy(0x00, 1, export), good(78)}, telegram.ErrUntagged, 0},
		{"behind", [][]byte{good(78), sealedBy(0x00, 79, export)}, telegram.ErrUntagged, 0},
		{"in the clear, before", [][]byte{export, good(78)}, telegram.ErrUntagged, 0},
		{"encrypted without a tag, before", [][]byte{sealedBy(0x20, 77, export), good(78)}, telegram.ErrUntagged, 0},
		{"an old one before", [][]byte{good(78), good(78)}, telegram.ErrReplay, 0},
		{"two that belong together", [][]byte{good(78), good(79)}, nil, 1},
		{"an old one of another instant before: the guard sees it", [][]byte{good(5), good(79)}, nil, 74},
	} {
		var info []byte
		for _, apdu := range c.apdus {
			info = join(info, llc, apdu)
		}
		m, err := one(t, Format, hdlcFrame(toE450, info, false), sealedOptions)
		if !errors.Is(err, c.class) || (err == nil) != (c.class == nil) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.class)
		}
		if err == nil && m.Seal.Spread != c.spread {
			t.Errorf("%s: counters over %d, want %d", c.name, m.Seal.Spread, c.spread)
		}
	}
}

// Nothing in a part says of which push it is. Noise that is as long as what it
// swallowed must not make one push of the beginning of one and the end of another.
func TestPushOfTwo(t *testing.T) {
	list := func(watts uint32, amps uint16) []byte {
		return notified(cip(listItself, pushed{3, "0100010700FF", 2, u32(watts)}, pushed{3, "01001F0700FF", 2, u16(amps)}))
	}
	noise := bytes.Repeat([]byte{0x55}, 200)
	a, b := list(100, 10), list(15000, 2500)
	for name, parts := range map[string]func(apdu []byte) [][]byte{
		"blocks":   func(apdu []byte) [][]byte { return inBlocks(toE450, apdu, 60) },
		"segments": func(apdu []byte) [][]byte { return inSegments(toAM550, apdu, 60) },
		"M-Bus":    func(apdu []byte) [][]byte { return overMbus(apdu, 60) },
	} {
		A, B := parts(a), parts(b)
		n := len(A)
		for _, c := range []struct {
			what   string
			in     []byte
			whole  int
			damage bool
		}{
			{"noise between", join(join(A[:n-1]...), noise, B[n-1]), 0, true},
			{"damaged frames between", join(join(A[:n-1]...), spoiled(A[n-1], 20), spoiled(B[0], 20), B[n-1]), 0, true},
			{"damaged headers between", join(join(A[:n-1]...), spoiled(A[n-1], 3), spoiled(B[0], 3), B[n-1]), 0, true},
			{"a little noise inside one", join(join(A[:n-1]...), noise[:20], A[n-1]), 1, false},
		} {
			whole, lost := 0, 0
			telegram.Telegrams(c.in, Format, func(e telegram.Event) {
				if e.Raw != nil {
					whole++
				}
				if e.Lost.Err != nil {
					lost++
				}
			})
			if whole != c.whole || (lost > 0) != c.damage {
				t.Errorf("%s, %s: %d pushes, %d lost", name, c.what, whole, lost)
			}
		}
	}
}

func twice(frames [][]byte, i int) []byte {
	return join(join(frames[:i+1]...), frames[i], join(frames[i+1:]...))
}

// Several APDUs in one frame: those of the last instant count, together.
func TestSeveralMessages(t *testing.T) {
	message := func(second byte, list string) []byte {
		when := append([]byte(nil), noon...)
		when[7] = second
		return join(llc, octets("0F 00000001 0C"), when, octets(list))
	}
	in := hdlcFrame(toE450, join(
		message(1, "02 02 09 06 0100010700FF 06 00000001"),
		message(2, "02 02 09 06 0100010700FF 06 00000002"),
		message(2, "02 02 09 06 0100020700FF 06 00000003")), false)
	m, err := one(t, Format, in, telegram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, &m, telegram.ActivePowerImport, 2)
	same(t, &m, telegram.ActivePowerExport, 3)
	same(t, &m, telegram.ActivePower, -1)
	if m.Time.Second() != 2 {
		t.Errorf("time %v", m.Time)
	}
}

func TestVisitorSeesEveryValue(t *testing.T) {
	list := cip(listItself, device,
		pushed{8, "0000010000FF", 2, join(octets("09 0C"), noon)},
		pushed{1, "0000600E00FF", 2, text("RATE2\x00\x00")},
		pushed{1, "0000600D00FF", 2, octets("09 02 01FF")},
		pushed{3, "0100010700FF", 2, u32(29)},
		pushed{3, "0100010700FF", 3, octets("02 02 0F 01 16 1B")},
		pushed{3, "0100200700FF", 2, text("?")},
		pushed{3, "01000E0700FF", 2, octets("17 42480000")},
		pushed{3, "0100470700FF", 2, u16(512)},
		pushed{3, "0100480700FF", 2, []byte{0}})
	seen := map[string]string{}
	raw := plainPush(list)
	m, err := Format.Decode(raw[:len(raw)-1], telegram.Options{UTCOffset: time.Hour}, func(o telegram.Object) {
		what := string(o.Text)
		if v, ok := o.Value.Get(); ok {
			what = fmt.Sprint(v, o.Unit)
		}
		if o.Scaler != "" {
			what += fmt.Sprintf(" (%d, %s)", o.Raw, o.Scaler)
		}
		if o.Unreadable {
			what += " unreadable"
		}
		if _, twice := seen[o.OBIS.String()]; twice {
			what += " twice"
		}
		seen[o.OBIS.String()] = what
	})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		"0-8:25.9.0": "array of 11", "0-0:42.0.0": "LGZ1030699999999", "0-0:1.0.0": "2026-01-17T11:34:56Z", "0-0:96.14.0": "RATE2",
		"0-0:96.13.0": "01FF", "1-0:1.7.0": "290 W (29, transmitted)", "1-0:71.7.0": "5.12 A (512, profile)", "1-0:32.7.0": "? unreadable", "1-0:14.7.0": "50 Hz", "1-0:72.7.0": "",
	} {
		if got, ok := seen[code]; !ok || got != want {
			t.Errorf("%s is %q (seen %t), want %q", code, got, ok, want)
		}
		delete(seen, code)
	}
	if len(seen) > 0 {
		t.Errorf("also seen: %v", seen)
	}
	same(t, &m, telegram.Tariff, 2)
	if !m.Unreadable(telegram.VoltageL1) || m.Unreadable(telegram.VoltageL3) {
		t.Error("L1 is unreadable, L3 is not there")
	}
}

// Decoders are pooled; many at a time must not share anything.
func TestDecodeConcurrently(t *testing.T) {
	in := map[string][]byte{"2500": plainPush(e450List()), "29": plainPush(octets("02 02 09 06 0100010700FF 06 0000001D")), "sealed": sealedPush()}
	var all sync.WaitGroup
	for name, b := range in {
		want := map[string]float64{"2500": 2500, "29": 29, "sealed": 2500}[name]
		for range 2 {
			all.Go(func() {
				for range 100 {
					raw, _, _ := Format.Cut(b, false)
					m, err := Format.Decode(raw, sealedOptions, nil)
					if v, _ := m.Get(telegram.ActivePower).Get(); err != nil || v != want {
						t.Errorf("power %v, error %v, want %v", v, err, want)
						return
					}
				}
			})
		}
	}
	all.Wait()
}
