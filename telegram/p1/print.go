package p1

import (
	"encoding/hex"
	"fmt"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/glo"
)

// Text returns the text inside an encrypted telegram, its line end included. It
// fails as Decode does.
func Text(raw []byte, o telegram.Options) ([]byte, error) {
	f, _, err := glo.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("p1: %w", err)
	}
	text, _, err := open(nil, f, o)
	if err != nil {
		return nil, err
	}
	return append(trimLineEnd(text), "\r\n"...), nil
}

func trimLineEnd(b []byte) []byte {
	for len(b) > 0 && lineEnd(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// printed are the values of a telegram as Print writes them, in the order of DSMR 5
// (P1 companion standard 5.0.2, section 6.12) and with the digits of E-MUCS where
// those are more.
var printed = [...]struct {
	code string
	telegram.Quantity
	form  string
	scale float64
}{
	{"1-0:1.8.0", telegram.ActiveEnergyImport, "%010.3f*kWh", 1e-3},
	{"1-0:1.8.1", telegram.ActiveEnergyImportT1, "%010.3f*kWh", 1e-3},
	{"1-0:1.8.2", telegram.ActiveEnergyImportT2, "%010.3f*kWh", 1e-3},
	{"1-0:2.8.0", telegram.ActiveEnergyExport, "%010.3f*kWh", 1e-3},
	{"1-0:2.8.1", telegram.ActiveEnergyExportT1, "%010.3f*kWh", 1e-3},
	{"1-0:2.8.2", telegram.ActiveEnergyExportT2, "%010.3f*kWh", 1e-3},
	{"1-0:3.8.0", telegram.ReactiveEnergyImport, "%010.3f*kvarh", 1e-3},
	{"1-0:4.8.0", telegram.ReactiveEnergyExport, "%010.3f*kvarh", 1e-3},
	{"0-0:96.14.0", telegram.Tariff, "%04.0f", 1},
	{"1-0:1.7.0", telegram.ActivePowerImport, "%06.3f*kW", 1e-3},
	{"1-0:2.7.0", telegram.ActivePowerExport, "%06.3f*kW", 1e-3},
	{"1-0:32.7.0", telegram.VoltageL1, "%05.1f*V", 1},
	{"1-0:52.7.0", telegram.VoltageL2, "%05.1f*V", 1},
	{"1-0:72.7.0", telegram.VoltageL3, "%05.1f*V", 1},
	{"1-0:31.7.0", telegram.CurrentL1, "%06.2f*A", 1},
	{"1-0:51.7.0", telegram.CurrentL2, "%06.2f*A", 1},
	{"1-0:71.7.0", telegram.CurrentL3, "%06.2f*A", 1},
	{"1-0:21.7.0", telegram.ActivePowerImportL1, "%06.3f*kW", 1e-3},
	{"1-0:41.7.0", telegram.ActivePowerImportL2, "%06.3f*kW", 1e-3},
	{"1-0:61.7.0", telegram.ActivePowerImportL3, "%06.3f*kW", 1e-3},
	{"1-0:22.7.0", telegram.ActivePowerExportL1, "%06.3f*kW", 1e-3},
	{"1-0:42.7.0", telegram.ActivePowerExportL2, "%06.3f*kW", 1e-3},
	{"1-0:62.7.0", telegram.ActivePowerExportL3, "%06.3f*kW", 1e-3},
	{"1-0:3.7.0", telegram.ReactivePowerImport, "%06.3f*kvar", 1e-3},
	{"1-0:4.7.0", telegram.ReactivePowerExport, "%06.3f*kvar", 1e-3},
}

// Print writes a telegram of DSMR 5 that says what m does, for programs that read
// nothing else. now is its time where the meter sends none; offset is the winter
// offset of the country. What m does not say is left out, but for the powers: where
// only the net power is known, it is split by its sign.
func Print(m *telegram.Measurement, now time.Time, offset time.Duration) []byte {
	b := []byte("/SMC5smartconnect\r\n\r\n1-3:0.2.8(50)\r\n")
	if !m.Time.IsZero() {
		now = m.Time
	}
	local, season := now.UTC().Add(offset), "W"
	if telegram.EuropeanSummer(now) {
		local, season = local.Add(time.Hour), "S"
	}
	b = fmt.Appendf(b, "0-0:1.0.0(%s%s)\r\n", local.Format("060102150405"), season)
	if name := m.Meter.Name(); name != "" {
		b = fmt.Appendf(b, "0-0:96.1.1(%s)\r\n", hex.EncodeToString([]byte(name)))
	}
	for _, p := range printed {
		if v, ok := shown(m, p.Quantity).Get(); ok {
			b = fmt.Appendf(append(append(b, p.code...), '('), p.form+")\r\n", v*p.scale)
		}
	}
	b = append(b, '!')
	return fmt.Appendf(b, "%04X\r\n", crc16(b))
}

// shown is the value of q, or what the sign of its net value makes of it.
func shown(m *telegram.Measurement, q telegram.Quantity) telegram.Value {
	for i := range telegram.Quantity(4) {
		net, ok := m.Get(telegram.ActivePower + i).Get()
		imp, exp := telegram.ActivePowerImport+i, telegram.ActivePowerExport+i
		switch {
		case !ok || m.Get(imp).OK() || m.Get(exp).OK():
		case q == imp:
			return telegram.Of(max(net, 0))
		case q == exp:
			return telegram.Of(max(-net, 0))
		}
	}
	return m.Get(q)
}
