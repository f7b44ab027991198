package dlms

import (
	"testing"
	"time"

	"smartconnect/telegram"
)

// Which meter sent a list, and how often it does.
func TestMeters(t *testing.T) {
	const power = "09 06 0100010700FF 06 000000FE"
	setup := func(b byte) []byte {
		return cip(pushed{40, "00" + string("0123456789AB"[b/16]) + string("0123456789AB"[b%16]) + "190900FF", 2, nil}, pushed{3, "0100010700FF", 2, u32(1)})
	}
	energy := cip(pushed{40, "0009190900FF", 2, nil}, pushed{3, "0101010801FF", 2, u32(1)})
	named := func(ldn string) []byte {
		return cip(listItself, pushed{1, "00002A0000FF", 2, text(ldn)}, pushed{3, "0100010700FF", 2, u32(1)})
	}
	to := func(address, list []byte) []byte { return hdlcFrame(address, join(llc, notified(list)), false) }
	over := func(list []byte) []byte { return join(overMbus(notified(list), 200)...) }
	for _, c := range []struct {
		name, header, id, version string
		in                        []byte
		period                    time.Duration
	}{
		{"an E450 by its address", "Landis+Gyr E450", "", "", to(toE450, octets("02 02"+power)), 5 * time.Second},
		{"an E570 by its address", "Landis+Gyr E570", "", "", to(toE570, octets("02 02"+power)), 5 * time.Second},
		{"an E360 by its address", "Landis+Gyr E360", "", "", to(toE360, octets("02 02"+power)), 10 * time.Second},
		{"an AM550 by its address", "Iskraemeco AM550", "", "", to(toAM550, octets("02 02"+power)), 10 * time.Second},
		{"an AM550 by its name", "Iskraemeco AM550", "ISK1030775213859", "0-8:25.9.0", to(toE360, named("ISK1030775213859")), 10 * time.Second},
		{"a FLEXY by its name", "Logarex FLEXY F2", "LOG1030775213859", "0-8:25.9.0", to(toE360, named("LOG1030775213859")), 10 * time.Second},
		{"a FLEXY at the address of an AM550", "Logarex FLEXY F2", "LOG1030775213859", "0-8:25.9.0", to(toAM550, named("LOG1030775213859")), 10 * time.Second},
		{"a name of nobody", "", "XYZ1030775213859", "0-8:25.9.0", to(octets("41 08 83 13"), named("XYZ1030775213859")), 5 * time.Second},
		{"push setup 0-8", "Landis+Gyr E450", "", "0-8:25.9.0", over(setup(8)), 5 * time.Second},
		{"push setup 0-6", "Landis+Gyr E360", "", "0-6:25.9.0", over(setup(6)), 10 * time.Second},
		{"push setup 0-9, energies alone", "Landis+Gyr E450", "", "0-9:25.9.0", over(energy), time.Minute},
		{"push setup 0-11, with power", "Landis+Gyr E450", "", "0-11:25.9.0", over(setup(11)), 5 * time.Second},
		{"push setup 0-11, the meters behind", "Landis+Gyr E450", "", "0-11:25.9.0", over(cip(pushed{40, "000B190900FF", 2, nil}, pushed{4, "0001180201FF", 2, u32(1)})), 15 * time.Minute},
		{"Kamstrup by its list", "Kamstrup Omnipower", "5706567326590407", "Kamstrup_V0001", to(octets("2B 21 13"),
			join(octets("02 05 0A 0E 4B616D73747275705F5630303031 09 06 0101000005FF"), octets("0A 10 35373036353637333236353930343037"), octets(power))), 10 * time.Second},
		{"Aidon by its list", "Aidon", "42", "AIDON_V0001", to(octets("41 08 83 13"),
			octets("01 03 02 02 09 06 0101000281FF 0A 0B 4149444F4E5F5630303031 02 02 09 06 0000600100FF 0A 02 3432 02 03"+power+"02 02 0F 00 16 1B")), 10 * time.Second},
		{"nothing known", "", "", "", to(octets("03 05 13"), octets("02 02"+power)), 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := one(t, Format, c.in, telegram.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if m.Meter.Header.String() != c.header || m.Meter.ID.String() != c.id || m.Meter.Version.String() != c.version || m.Period != c.period {
				t.Errorf("header %q, id %q, version %q, period %v", m.Meter.Header, m.Meter.ID, m.Meter.Version, m.Period)
			}
		})
	}
}

// A meter that sends no number of its own has one in its system title.
func TestTitleID(t *testing.T) {
	for in, want := range map[string]string{
		"4C475A67 74206295": "LGZ1030769231253", // as its logical device name has it
		"49534B67 7513BF3B": "ISK1030785180219",
		"4B464D67 50000009": "4B464D6750000009",
	} {
		if got := titleID([8]byte(octets(in))).String(); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	m, err := one(t, Format, hdlcFrame(toE450, join(llc, sealedBy(0x30, 1, notified(octets("02 02 09 06 0100010700FF 06 00000001")))), false), sealedOptions)
	if err != nil || m.Meter.ID.String() != "LGZ1030769231253" || m.Meter.Header.String() != "Landis+Gyr E450" {
		t.Errorf("meter %+v, %v", m.Meter, err)
	}
}
