package telegram

import "math"

// Value is a number that may be missing. The zero Value is missing.
type Value struct {
	v  float64
	ok bool
}

// Of returns the present value v. A number that is not finite is missing: no
// meter means it, and neither JSON nor a register reader can take it.
func Of(v float64) Value {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Value{}
	}
	return Value{v, true}
}

// Get returns the number and whether there is one.
func (v Value) Get() (float64, bool) { return v.v, v.ok }

// OK reports whether the value is present.
func (v Value) OK() bool { return v.ok }

// Or returns the number, or missing where there is none. It belongs at the very
// edge, where a wire has no way to say "missing".
func (v Value) Or(missing float64) float64 {
	if v.ok {
		return v.v
	}
	return missing
}

// Minus returns v - w; a missing w counts as nothing, a missing v keeps the
// whole missing.
func (v Value) Minus(w Value) Value {
	if !v.ok {
		return Value{}
	}
	return Of(round6(v.v - w.v))
}

// Neg returns -v, without making a negative zero.
func (v Value) Neg() Value {
	if !v.ok {
		return Value{}
	}
	return Of(0 - v.v)
}

// round6 removes the noise that binary fractions leave in a sum of decimals;
// no meter sends more than a millionth of a base unit.
func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }
