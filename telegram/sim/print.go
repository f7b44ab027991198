package sim

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"smartconnect/telegram"
)

// form is the number format Fn(x,y) of the DSMR texts: the digits before and
// after the point, what follows the number, and the power of ten that leads
// from the printed unit to the base unit.
type form struct {
	digits, decimals int
	unit             string
	exp              int
}

// steps returns v as a whole number of the last printed digit. What exceeds the
// digits rolls over, as a counter does.
func (f form) steps(v float64) int64 {
	n := int64(math.Round(v * math.Pow10(f.decimals-f.exp)))
	return n % pow10(f.digits+f.decimals)
}

// value is the number that so many steps mean, in the base unit. Both sides of
// the division are whole, so it is the nearest float64 to what is printed.
func (f form) value(steps int64) float64 {
	if d := f.decimals - f.exp; d > 0 {
		return float64(steps) / float64(pow10(d))
	}
	return float64(steps * pow10(f.exp-f.decimals))
}

// print appends (steps*unit).
func (f form) print(dst []byte, steps int64) []byte {
	dst = append(dst, '(')
	if steps < 0 {
		dst, steps = append(dst, '-'), -steps
	}
	unit := pow10(f.decimals)
	dst = appendPadded(dst, steps/unit, f.digits)
	if f.decimals > 0 {
		dst = appendPadded(append(dst, '.'), steps%unit, f.decimals)
	}
	if f.unit != "" {
		dst = append(append(dst, '*'), f.unit...)
	}
	return append(dst, ')')
}

func appendPadded(dst []byte, n int64, width int) []byte {
	s := strconv.FormatInt(n, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// object is one line of a telegram: a code and a number with its form, or a
// code and whatever text prints.
type object struct {
	code     string
	quantity telegram.Quantity
	form     form                   // zero: not a number
	stamp    func(*State) time.Time // time printed before the number, if any
	text     func(dst []byte, r *reading) []byte
}

func (o *object) print(dst []byte, r *reading) []byte {
	dst = append(dst, o.code...)
	if o.stamp != nil {
		dst = append(r.calendar.stamp(append(dst, '('), o.stamp(r.State), true), ')')
	}
	if o.text != nil {
		dst = o.text(dst, r)
	}
	if o.form != (form{}) {
		dst = o.form.print(dst, o.form.steps(r.values[o.quantity]))
	}
	return append(dst, "\r\n"...)
}

// truth adds what a reader makes of the object's number, if it has one.
func (o *object) truth(truth map[telegram.Quantity]float64, r *reading) {
	if o.form != (form{}) {
		truth[o.quantity] = o.form.value(o.form.steps(r.values[o.quantity]))
	}
}

// number is an object with a number.
func number(code string, q telegram.Quantity, f form) object {
	return object{code: code, quantity: q, form: f}
}

// text is an object that always says the same.
func text(code, says string) object {
	return object{code: code, text: func(dst []byte, _ *reading) []byte { return append(dst, says...) }}
}

// id is an object with an identifier, printed as the hex of its ASCII codes.
func id(code, ident string) object {
	return text(code, "("+hexOf(ident)+")")
}

func hexOf(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }

// The objects that need more than a number.
const (
	clockCode = "0-0:1.0.0"
	peaksCode = "0-0:98.1.0"
)

var (
	clock = object{code: clockCode, text: func(dst []byte, r *reading) []byte {
		return append(r.calendar.stamp(append(dst, '('), r.t, true), ')')
	}}
	monthPeak = object{
		code: "1-0:1.6.0", quantity: telegram.ActiveDemandMonthPeak, form: kW,
		stamp: func(s *State) time.Time { return s.Peak.Time },
	}
	// monthPeaks is the Belgian history: how many, the codes of what follows,
	// and for each month its end, the time of the peak and the peak.
	monthPeaks = object{code: peaksCode, text: func(dst []byte, r *reading) []byte {
		dst = append(dst, '(')
		dst = strconv.AppendInt(dst, telegram.NumPeaks, 10)
		dst = append(dst, ")(1-0:1.6.0)(1-0:1.6.0)"...)
		for _, p := range r.Peaks {
			dst = append(r.calendar.stamp(append(dst, '('), p.Month, true), ')')
			dst = append(r.calendar.stamp(append(dst, '('), p.Time, true), ')')
			dst = kW.print(dst, kW.steps(p.Value.Or(0)))
		}
		return dst
	}}
	// bothWays is |A+| + |A-|, for which the product has no quantity.
	bothWays = object{code: "1-0:15.8.0", text: func(dst []byte, r *reading) []byte {
		sum := r.values[telegram.ActiveEnergyImport] + r.values[telegram.ActiveEnergyExport]
		return kWh.print(dst, kWh.steps(sum))
	}}
	// monthCopy is what Hungarian meters send under the code of the Belgian
	// history: their registers at the end of the month.
	monthCopy = object{code: peaksCode, text: func(dst []byte, r *reading) []byte {
		dst = append(r.calendar.stamp(append(dst, '('), monthStart(r.t), true), ')')
		for _, f := range [...]struct {
			form  form
			value float64
		}{
			{kWh, 812e3}, {kWh, 303e3}, {kWh, 509e3}, {kWh, 1204e3}, {kWh, 1001e3}, {kWh, 203e3},
			{kvarh, 1e3}, {kvarh, 401e3}, {kvarh, 2e3}, {kvarh, 3e3}, {kvarh, 202e3}, {kvarh, 199e3}, {kWh, 2016e3},
			{kW, 4100}, {kW, 2200}, {kW, 4100}, {kW, 3900}, {kW, 3900},
		} {
			dst = f.form.print(dst, f.form.steps(f.value))
		}
		return dst
	}}
)
