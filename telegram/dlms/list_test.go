package dlms

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// A list in any of the shapes gives the same quantities.
func TestShapes(t *testing.T) {
	const (
		clock = "09 0C 07EA0111060C2238FF800000 "
		power = "09 06 0100010700FF 06 000000FE "
		volts = "09 06 0100200700FF 12 08FD "
		amps  = "09 06 01001F0700FF 10 FFFE "
		su    = "02 02 0F 00 16 1B "
		tenth = "02 02 0F FF 16 23 "
		hecto = "02 02 0F FE 16 21 "
		id    = "09 06 0000600100FF 0A 04 34373131 "
	)
	for name, in := range map[string]string{
		"pairs":                     "02 08" + power + volts + amps + id,
		"pairs behind a clock":      "02 09" + clock + power + volts + amps + id,
		"pairs with nulls":          "02 0D" + power + "00 00" + volts + "00 00 00" + amps + id,
		"triples":                   "02 0B" + clock + power + su + volts + tenth + amps + hecto + "09 04 34373131",
		"structures in an array":    "01 04 02 03" + power + su + "02 03" + volts + tenth + "02 03" + amps + hecto + "02 02" + id,
		"structures in a structure": "02 04 02 03" + power + su + "02 03" + volts + tenth + "02 03" + amps + hecto + "02 02" + id,
		"a pair before structures":  "02 06 09 06 0000010000FF" + clock + "02 03" + power + su + "02 03" + volts + tenth + "02 03" + amps + hecto + "02 02" + id,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := one(t, Format, plainPush(octets(in)), telegram.Options{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, &m, telegram.ActivePowerImport, 254)
			same(t, &m, telegram.VoltageL1, 230.1)
			same(t, &m, telegram.CurrentL1, -0.02)
			if m.Meter.ID.String() != "4711" || m.Warnings() != 0 {
				t.Errorf("meter %q, %d warnings", m.Meter.ID, m.Warnings())
			}
		})
	}
}

func TestDefinedListThatDoesNotNameItself(t *testing.T) {
	in := octets("02 02 01 01 02 04 12 0003 09 06 0100010700FF 0F 02 12 0000 06 00000011")
	m, err := one(t, Format, plainPush(in), telegram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, &m, telegram.ActivePowerImport, 17)
}

func TestPositionalLists(t *testing.T) {
	in := join(octets("02 0B 12 00E7 12 00E5 12 00E9 12 0200 12 0001 12 0000"), u32(29), u32(0), u32(31358606), u32(7), text("30137181"))
	m, err := one(t, Format, plainPush(in), telegram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, &m, telegram.VoltageL3, 233)
	same(t, &m, telegram.CurrentL1, 5.12)
	same(t, &m, telegram.ActiveEnergyExport, 7)
	if m.Meter.ID.String() != "30137181" || m.Meter.Header.String() != "Landis+Gyr E450" {
		t.Errorf("meter %+v", m.Meter)
	}

	kaifa := join(octets("02 12"), text("KFM_001"), text("6970631401753985"), text("MA304H3E"), u32(948), u32(0), u32(0), u32(64),
		u32(1416), u32(3241), u32(3119), u32(2385), u32(0), u32(2389), octets("09 0C"), noon, u32(1), u32(2), u32(3), u32(4))
	if m, err = one(t, Format, hdlcFrame(toKaifa, join(llc, notified(kaifa)), false), telegram.Options{}); err != nil {
		t.Fatal(err)
	}
	same(t, &m, telegram.CurrentL2, 3.241)
	same(t, &m, telegram.VoltageL3, 238.9)
	same(t, &m, telegram.ReactiveEnergyExport, 4)
	if m.Meter.ID.String() != "6970631401753985" || m.Meter.Version.String() != "KFM_001" || m.Period != 10*time.Second {
		t.Errorf("meter %+v, period %v", m.Meter, m.Period)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(notified(e450List()), byte(0))
	f.Add(octets("0F 00000001 00 02 02 09 06 0100010700FF 06 00000001"), byte(1))
	f.Add(sealedBy(0x30, 1, notified(e450List())), byte(2))
	f.Fuzz(func(t *testing.T, apdu []byte, how byte) {
		if len(apdu) > 1500 {
			return
		}
		var in []byte
		switch address := [...][]byte{toE450, toE570, toE360, toAM550, toKaifa}[how%5]; how / 5 % 4 {
		case 0:
			in = hdlcFrame(address, join(llc, apdu), false)
		case 1:
			in = join(inBlocks(address, apdu, 100)...)
		case 2:
			in = join(overMbus(apdu, 200)...)
		case 3: // behind a tag that verifies
			in = hdlcFrame(address, join(llc, sealedBy(0x30, 1, apdu)), false)
		}
		telegram.Telegrams(in, Format, func(e telegram.Event) {
			if e.Raw == nil {
				return
			}
			_, err := Format.Decode(e.Raw, sealedOptions, func(telegram.Object) {})
			misprinted := err != nil && strings.Contains(err.Error(), "%!") && !bytes.Contains(apdu, []byte("%!"))
			if err != nil && (!strings.HasPrefix(err.Error(), "dlms: ") || misprinted) {
				t.Fatalf("error %v does not say where", err)
			}
		})
	})
}
