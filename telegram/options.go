package telegram

import (
	"fmt"
	"time"
)

// Options is what decoding depends on beside the octets: what an installer knows
// and the meter does not say. A format uses what concerns it.
type Options struct {
	UTCOffset  time.Duration // winter offset of the meter's country: 1h in most of Europe
	NoChecksum bool          // accept telegrams whose checksum does not match (masked captures)

	Key     Secret // decrypts (GUEK), as ParseKey returns it; not set: none
	AuthKey Secret // authenticates (GAK), as ParseKey returns it; not set: tags are not verified
	Verify  Verify // what must vouch for an encrypted text of P1

	Profile string   // of a meter that sends integers without scalers; "": found by the meter
	Scalers []Scaler // of single objects; they win over the profile and what is sent
	List    []OBIS   // names of the values of a list that names none, in its order; the zero OBIS leaves one out

	Ratios         Ratios // of transformers that the meter does not count in
	EstimatePhases bool   // compute the powers or currents of phases that the meter does not send
	EstimateExport bool   // compute what a French meter injects and does not measure
}

// Verify says what must vouch for an encrypted text of P1, which has a checksum of
// its own: real meters of Luxembourg and Austria carry tags that the published
// authentication keys do not verify.
type Verify uint8

// The ways to verify.
const (
	VerifyAuto     Verify = iota // the tag where an authentication key is set, the checksum where not
	VerifyStrict                 // the tag
	VerifyChecksum               // the checksum; the tag, too, where it does verify
)

// Scaler says that the object OBIS, on whatever channel B, counts in units of
// 10^Exponent.
type Scaler struct {
	OBIS     OBIS
	Exponent int8
}

// MaxExponent bounds a scaler, upwards and downwards: no meter counts in more
// or less.
const MaxExponent = 12

// Ratios are those of current and voltage transformers in front of a meter that
// shows what is behind them: 40 for 200/5 A. Powers and energies take both. 0
// stands for 1.
type Ratios struct{ Current, Voltage float64 }

// MinRatio and MaxRatio bound a transformer ratio.
const (
	MinRatio = 1e-3
	MaxRatio = 1e6
)

// Validate reports a ratio that cannot be meant, nil if there is none.
func (r Ratios) Validate() error {
	for _, ratio := range [...]float64{r.Current, r.Voltage} {
		if ratio != 0 && !(ratio >= MinRatio && ratio <= MaxRatio) {
			return fmt.Errorf("telegram: transformer ratio %v: want %v to %.0f", ratio, MinRatio, MaxRatio)
		}
	}
	return nil
}

// of returns what a value in u must be multiplied by.
func (r Ratios) of(u Unit) float64 {
	i, v := r.Current, r.Voltage
	if i == 0 {
		i = 1
	}
	if v == 0 {
		v = 1
	}
	switch u {
	case Ampere:
		return i
	case Volt:
		return v
	case Watt, WattHour, Var, VarHour, VoltAmpere, VoltAmpereHour:
		return i * v
	}
	return 1
}

// convert takes the values of m to the other side of the transformers.
func (r Ratios) convert(m *Measurement) {
	if r.of(Ampere) == 1 && r.of(Volt) == 1 {
		return
	}
	for q := range NumQuantities {
		if v, ok := m.values[q].Get(); ok {
			m.values[q] = Of(round6(v * r.of(q.Unit())))
		}
	}
	for i := range m.Peaks {
		if v, ok := m.Peaks[i].Value.Get(); ok {
			m.Peaks[i].Value = Of(round6(v * r.of(Watt)))
		}
	}
}
