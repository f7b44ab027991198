package api

import (
	"math"
	"strconv"
	"strings"
)

const none = "–" // what the page shows for a missing value

// units says how a person wants to read a value that the box holds in base
// units. What is not in the table is shown as it is.
var units = map[string]struct {
	symbol   string
	scale    float64
	decimals int
}{
	"W":    {"W", 1, 0},
	"var":  {"var", 1, 0},
	"VA":   {"VA", 1, 0},
	"V":    {"V", 1, 1},
	"A":    {"A", 1, 2},
	"Hz":   {"Hz", 1, 2},
	"Wh":   {"kWh", 1e-3, 3},
	"varh": {"kvarh", 1e-3, 3},
	"VAh":  {"kVAh", 1e-3, 3},
	"m3":   {"m³", 1, 3},
}

// amount writes a value with its unit: "−1 234 W", "12 345.678 kWh", "–".
func (t tongue) amount(n Number, unit string) string {
	v, ok := n.Get()
	if !ok {
		return none
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if u, known := units[unit]; known {
		text, unit = strconv.FormatFloat(v*u.scale, 'f', u.decimals, 64), u.symbol
	}
	text = t.grouped(text)
	if unit == "" {
		return text
	}
	return text + "\u00a0" + unit
}

// grouped sets thousands apart with a narrow space that does not break, as
// commas and points mean different things to different neighbours, and writes a
// real minus.
func (t tongue) grouped(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	whole, negative := strings.CutPrefix(whole, "-")
	if negative && strings.Trim(whole+fraction, "0") == "" {
		negative = false // rounded to nothing
	}
	var b strings.Builder
	if negative {
		b.WriteString("−")
	}
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString("\u202f")
		}
		b.WriteRune(digit)
	}
	if fraction != "" {
		b.WriteString(t.decimal + fraction)
	}
	return b.String()
}

func count[N int | uint64](n N) string { return tongues[0].grouped(strconv.FormatInt(int64(n), 10)) }

// span writes a time span as roughly as one would say it, and as it is said after "for"
// and "ago": "0.6 s", "12 s", "3 min", "5 h", "4 days".
func (t tongue) span(seconds float64) string {
	s := math.Max(seconds, 0)
	form := func(v float64, unit string) string {
		return strconv.FormatFloat(math.Floor(v), 'f', 0, 64) + "\u00a0" + unit
	}
	switch {
	case s < 10:
		return t.grouped(strconv.FormatFloat(math.Round(s*10)/10, 'f', -1, 64)) + "\u00a0s"
	case s < 120:
		return form(s, "s")
	case s < 120*60:
		return form(s/60, "min")
	case s < 48*3600:
		return form(s/3600, "h")
	}
	return form(s/86400, t.T("word.days"))
}

// ago writes an age, "never" where there is none.
func (t tongue) ago(n Number) string {
	if s, ok := n.Get(); ok {
		return t.T("word.ago", t.span(s))
	}
	return t.T("word.never")
}

// quantity names a quantity without its phase. One that has no name in the catalogue
// is called as in the quantity table.
func (t tongue) quantity(name string) string {
	if t.has("quantity." + name) {
		return t.T("quantity." + name)
	}
	base, tariff, ok := strings.Cut(name, "_t")
	if _, err := strconv.Atoi(tariff); ok && err == nil && t.has("quantity."+base) {
		return t.T("quantity."+base) + ", " + t.T("word.tariff", tariff)
	}
	text := strings.ReplaceAll(name, "_", " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] // the names of the table are ASCII
}
