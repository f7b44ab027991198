package dlms

import "smartconnect/telegram"

// units says which base unit a unit of Table 4 (IEC 62056-6-2) counts in, and
// the power of ten that leads there. What is missing is of no use to anybody
// here; 254 (other) and 255 (none) have no base unit.
var units = map[byte]struct {
	base     telegram.Unit
	exponent int8
}{
	7:   {telegram.Second, 0},
	13:  {telegram.CubicMetre, 0},
	14:  {telegram.CubicMetre, 0}, // corrected
	19:  {telegram.CubicMetre, -3},
	25:  {telegram.MegaJoule, -6},
	27:  {telegram.Watt, 0},
	28:  {telegram.VoltAmpere, 0},
	29:  {telegram.Var, 0},
	30:  {telegram.WattHour, 0},
	31:  {telegram.VoltAmpereHour, 0},
	32:  {telegram.VarHour, 0},
	33:  {telegram.Ampere, 0},
	35:  {telegram.Volt, 0},
	44:  {telegram.Hertz, 0},
	255: {telegram.NoUnit, 0},
}

// measure is what a register measures, as far as its scaler depends on it.
type measure uint8

const (
	noMeasure measure = iota
	energy
	power
	voltage
	current
	factor
	other
)

// measured says what a register of electricity (A = 1) measures and in which
// base unit, by its code (IEC 62056-61, clause 5.3.2): C counts in twenties for
// the sum and the three phases, D is 8 for a time integral, 7 for the moment, 4
// to 6 for averages and their peaks.
func measured(o telegram.OBIS) (measure, telegram.Unit) {
	if o.A != 1 || o.F != 255 {
		return noMeasure, telegram.NoUnit
	}
	c := o.C
	switch {
	case c >= 1 && c <= 80:
		c %= 20
	case c == 91: // neutral
		c = 11
	case c == 130: // Landis+Gyr: reactive power as a magnitude
		c = 3
	default:
		return noMeasure, telegram.NoUnit
	}
	if int(c) >= len(registers) {
		return noMeasure, telegram.NoUnit
	}
	r := registers[c]
	switch {
	case o.D == 8 && r.hours != telegram.NoUnit:
		return energy, r.hours
	case o.D >= 4 && o.D <= 7:
		return r.measure, r.unit
	}
	return noMeasure, telegram.NoUnit
}

// registers are the values of C, of the sum over all phases.
var registers = [...]struct {
	measure     measure
	unit, hours telegram.Unit
}{
	1:  {power, telegram.Watt, telegram.WattHour},
	2:  {power, telegram.Watt, telegram.WattHour},
	3:  {power, telegram.Var, telegram.VarHour},
	4:  {power, telegram.Var, telegram.VarHour},
	5:  {power, telegram.Var, telegram.VarHour},
	6:  {power, telegram.Var, telegram.VarHour},
	7:  {power, telegram.Var, telegram.VarHour},
	8:  {power, telegram.Var, telegram.VarHour},
	9:  {power, telegram.VoltAmpere, telegram.VoltAmpereHour},
	10: {power, telegram.VoltAmpere, telegram.VoltAmpereHour},
	11: {current, telegram.Ampere, telegram.NoUnit},
	12: {voltage, telegram.Volt, telegram.NoUnit},
	13: {factor, telegram.NoUnit, telegram.NoUnit},
	14: {other, telegram.Hertz, telegram.NoUnit},
	15: {power, telegram.Watt, telegram.WattHour},
	16: {power, telegram.Watt, telegram.WattHour},
}
