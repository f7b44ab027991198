package dlms

import (
	"strings"
	"testing"

	"smartconnect/telegram"
)

// What the same numbers mean from different meters, and by hand.
func TestScalers(t *testing.T) {
	list := func(volts uint32, amps uint16) []byte {
		return cip(listItself, pushed{3, "0101010800FF", 2, u32(1000)}, pushed{3, "0100010700FF", 2, u32(2000)},
			pushed{3, "0100200700FF", 2, u32(volts)}, pushed{3, "0100340700FF", 2, u16(0)}, pushed{3, "01001F0700FF", 2, u16(amps)},
			pushed{3, "01000D0700FF", 2, u16(950)})
	}
	to := func(address, list []byte) []byte { return hdlcFrame(address, join(llc, notified(list)), false) }
	sent := cip(listItself, pushed{3, "0100010700FF", 3, octets("02 02 0F 02 16 1B")}, pushed{3, "0100010700FF", 2, u32(2000)},
		pushed{3, "0100200700FF", 2, u16(2300)}, pushed{3, "0100200700FF", 3, octets("02 02 0F FE 16 23")})
	for _, c := range []struct {
		name                                 string
		in                                   []byte
		o                                    telegram.Options
		energy, power, volts, amps, cosineOf float64
	}{
		{"E450", to(toE450, list(230, 512)), telegram.Options{}, 1000, 2000, 230, 5.12, 0.95},
		{"E450 that sends tenths of a volt", to(toE450, list(2301, 512)), telegram.Options{}, 1000, 2000, 230.1, 5.12, 0.95},
		{"E450 that sends millivolts", to(toE450, list(230100, 512)), telegram.Options{}, 1000, 2000, 230.1, 5.12, 0.95},
		{"E450 on no mains voltage: as it is", to(toE450, list(60, 512)), telegram.Options{}, 1000, 2000, 60, 5.12, 0.95},
		{"E360", to(toE360, list(2301, 512)), telegram.Options{}, 1000, 2000, 230.1, 5.12, 0.95},
		{"E360 with a dead phase that floats", to(toE360, join(cip(listItself, pushed{3, "0101010800FF", 2, u32(1000)}, pushed{3, "0100010700FF", 2, u32(2000)},
			pushed{3, "0100200700FF", 2, u16(200)}, pushed{3, "0100340700FF", 2, u16(2300)}, pushed{3, "01001F0700FF", 2, u16(512)}))), telegram.Options{}, 1000, 2000, 20, 5.12, -1},
		{"AM550", to(toAM550, list(2301, 512)), telegram.Options{}, 1000, 2000, 230.1, 5.12, 0.95},
		{"E570", to(toE570, list(230, 512)), telegram.Options{}, 1000, 2000, 230, 512, 0.95},
		{"E570 behind voltage transformers", to(toE570, list(2301, 5)), telegram.Options{}, 1000, 2000, 2301, 5, 0.95},
		{"E570, the other reading", to(toE570, list(230, 512)), telegram.Options{Profile: "lg-e570-tenths"}, 1e6, 200, 230, 51.2, 0.95},
		{"a profile by hand", to(toE450, list(2301, 512)), telegram.Options{Profile: "kaifa-no"}, 1000, 2000, 230.1, 0.512, 0.95},
		{"a scaler by hand, on any channel", to(toE450, list(230, 512)), telegram.Options{Scalers: []telegram.Scaler{{OBIS: code("1-0:1.8.0"), Exponent: 3}, {OBIS: code("1-0:31.7.0"), Exponent: -3}}}, 1e6, 2000, 230, 0.512, 0.95},
		{"a voltage scaler by hand", to(toE450, list(2301, 512)), telegram.Options{Scalers: []telegram.Scaler{{OBIS: code("1-0:32.7.0"), Exponent: 0}}}, 1000, 2000, 2301, 5.12, 0.95},
		{"current transformers", to(toE450, list(230, 512)), telegram.Options{Ratios: telegram.Ratios{Current: 40}}, 40000, 80000, 230, 204.8, 0.95},
		{"both transformers", to(toE450, list(230, 512)), telegram.Options{Ratios: telegram.Ratios{Current: 10, Voltage: 100}}, 1e6, 2e6, 23000, 51.2, 0.95},
		{"sent scalers beat the profile", to(toE450, sent), telegram.Options{Profile: "lg-e360"}, -1, 200000, 23, -1, -1},
		{"a scaler by hand beats a unit that does not fit", to(toE450, cip(listItself, pushed{3, "0100010700FF", 2, u32(2000)}, pushed{3, "0100010700FF", 3, octets("02 02 0F 02 16 23")})),
			telegram.Options{Scalers: []telegram.Scaler{{OBIS: code("1-0:1.7.0"), Exponent: 0}}}, -1, 2000, -1, -1, -1},
		{"the sent one beats a scaler by hand", to(toE450, sent), telegram.Options{Scalers: []telegram.Scaler{{OBIS: code("1-0:1.7.0"), Exponent: 0}}}, -1, 200000, 23, -1, -1},
		{"a net of 400 V with a phase that floats", to(toE360, cip(listItself, pushed{3, "0100200700FF", 2, u16(4000)}, pushed{3, "0100340700FF", 2, u16(200)})), telegram.Options{}, -1, -1, 400, -1, -1},
		{"a net of 127 V with a phase that floats", to(toE360, cip(listItself, pushed{3, "0100200700FF", 2, u16(1270)}, pushed{3, "0100340700FF", 2, u16(200)})), telegram.Options{}, -1, -1, 127, -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Validate(&c.o); err != nil {
				t.Fatal(err)
			}
			m, err := one(t, Format, c.in, c.o)
			if err != nil {
				t.Fatal(err)
			}
			for q, want := range map[telegram.Quantity]float64{
				telegram.ActiveEnergyImport: c.energy, telegram.ActivePowerImport: c.power,
				telegram.VoltageL1: c.volts, telegram.CurrentL1: c.amps, telegram.PowerFactor: c.cosineOf,
			} {
				if want >= 0 {
					same(t, &m, q, want)
				} else if m.Get(q).OK() {
					t.Errorf("%s is present", q)
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for detail, o := range map[string]telegram.Options{
		`unknown profile "e450": want one of lg-e450`: {Profile: "e450"},
		"scaler 13 of 1-0:1.7.0":                      {Scalers: []telegram.Scaler{{OBIS: code("1-0:1.7.0"), Exponent: 13}}},
	} {
		if err := Validate(&o); err == nil || !strings.Contains(err.Error(), detail) {
			t.Errorf("error %v, want %q", err, detail)
		}
	}
	for _, name := range Profiles() {
		if err := Validate(&telegram.Options{Profile: name}); err != nil {
			t.Error(err)
		}
	}
	for _, m := range models {
		if profileNamed(m.profile) == nil || m.period == 0 {
			t.Errorf("%s: profile %q, period %v", m.name, m.profile, m.period)
		}
	}
}

func code(s string) telegram.OBIS { return codes(s)[0] }
