package telegram

// Unit is the unit a value is held in.
type Unit uint8

const (
	NoUnit Unit = iota
	Watt
	WattHour
	Var
	VarHour
	VoltAmpere
	VoltAmpereHour
	Volt
	Ampere
	Hertz
	CubicMetre
	GigaJoule
	MegaJoule
	Second
)

var unitNames = [...]string{
	NoUnit: "", Watt: "W", WattHour: "Wh", Var: "var", VarHour: "varh",
	VoltAmpere: "VA", VoltAmpereHour: "VAh", Volt: "V", Ampere: "A", Hertz: "Hz",
	CubicMetre: "m3", GigaJoule: "GJ", MegaJoule: "MJ", Second: "s",
}

// String returns the symbol of the unit, "" for NoUnit.
func (u Unit) String() string { return unitNames[u] }

// printed lists the unit symbols meters print, in lower case, with the base
// unit and the power of ten that leads to it. Meters disagree about the case
// (kVArh, kvarh) and the prefix (Austria sends W and Wh), so both are folded.
var printed = [...]struct {
	symbol string
	unit   Unit
	exp    int
}{
	{"kwh", WattHour, 3}, {"kw", Watt, 3}, {"v", Volt, 0}, {"a", Ampere, 0},
	{"m3", CubicMetre, 0}, {"s", Second, 0},
	{"kvarh", VarHour, 3}, {"kvar", Var, 3},
	{"wh", WattHour, 0}, {"w", Watt, 0}, {"varh", VarHour, 0}, {"var", Var, 0},
	{"kva", VoltAmpere, 3}, {"va", VoltAmpere, 0},
	{"kvah", VoltAmpereHour, 3}, {"vah", VoltAmpereHour, 0},
	{"mwh", WattHour, 6}, {"mw", Watt, 6}, {"kv", Volt, 3}, {"ka", Ampere, 3},
	{"hz", Hertz, 0}, {"gj", GigaJoule, 0}, {"mj", MegaJoule, 0}, {"dm3", CubicMetre, -3},
}

// ParseUnit returns the base unit of a printed symbol and the power of ten by
// which a printed number must be multiplied; ok is false for an unknown symbol.
func ParseUnit(symbol []byte) (unit Unit, exp int, ok bool) {
	for i := range printed {
		if equalFold(symbol, printed[i].symbol) {
			return printed[i].unit, printed[i].exp, true
		}
	}
	return NoUnit, 0, false
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
