package sim

import (
	"math"
	"math/cmplx"

	"smartconnect/telegram"
)

// values are what a meter makes of a house, before it rounds to its digits.
type values [telegram.NumQuantities]float64

// wiring is how a meter stands in the net and how it adds up its phases.
type wiring uint8

const (
	star  wiring = iota // four wires (or two); totals are the sum of the phases
	apart               // four wires; every phase counts by itself (Austria): import and export can both run
	delta               // three wires of 3 x 230 V, two wattmeters (Belgium)
	net                 // four wires; power is one signed number (EasyMeter)
)

// measure returns every quantity a meter of this wiring knows.
func (w wiring) measure(s *State, c calendar) values {
	var v values
	phases := *s
	if w == delta {
		phases = s.twoWattmeters()
	}
	counted, sum, reactive := &s.Summed, total(phases.Power), total(phases.Reactive)
	imp, exp := split(sum)
	qImp, qExp := split(reactive)
	switch w {
	case apart:
		counted = &s.Apart
		imp, exp = splitEach(phases.Power)
		qImp, qExp = splitEach(phases.Reactive)
	case net:
		imp, exp = sum, 0
	}

	v[telegram.ActivePowerImport], v[telegram.ActivePowerExport] = imp, exp
	v[telegram.ReactivePowerImport], v[telegram.ReactivePowerExport] = qImp, qExp
	v[telegram.ReactivePower] = math.Abs(reactive) // as smart-me sends it: a magnitude
	v[telegram.ReactivePowerQ1+telegram.Quantity(quadrant(sum, reactive))] = math.Abs(reactive)
	v[telegram.PowerFactor] = powerFactor(sum, reactive)
	apparent := math.Hypot(sum, reactive)
	if sum >= 0 {
		v[telegram.ApparentPowerImport] = apparent
	} else {
		v[telegram.ApparentPowerExport] = apparent
	}
	for i := range telegram.Quantity(3) {
		p, q := phases.Power[i], phases.Reactive[i]
		v[telegram.ActivePowerImportL1+i], v[telegram.ActivePowerExportL1+i] = split(p)
		if w == net {
			v[telegram.ActivePowerImportL1+i], v[telegram.ActivePowerExportL1+i] = p, 0
		}
		if p >= 0 {
			v[telegram.ApparentPowerImportL1+i] = math.Hypot(p, q)
		}
		v[telegram.ReactivePowerImportL1+i], v[telegram.ReactivePowerExportL1+i] = split(q)
		v[telegram.VoltageL1+i], v[telegram.CurrentL1+i] = phases.Voltage[i], phases.Current[i]
		v[telegram.PowerFactorL1+i] = powerFactor(p, q)
	}
	v[telegram.CurrentNeutral] = s.neutral()
	v[telegram.Frequency] = s.Frequency

	for _, e := range [...]struct {
		total telegram.Quantity
		rates [numRates]float64
	}{
		{telegram.ActiveEnergyImport, counted.Import},
		{telegram.ActiveEnergyExport, counted.Export},
		{telegram.ReactiveEnergyImport, counted.ReactiveImport},
		{telegram.ReactiveEnergyExport, counted.ReactiveExport},
	} {
		v[e.total] = e.rates[Day] + e.rates[Night]
		for i, rate := range c.tariffs() {
			v[e.total+1+telegram.Quantity(i)] = e.rates[rate]
		}
	}
	for i, varh := range counted.Quadrant {
		v[telegram.ReactiveEnergyQ1+telegram.Quantity(i)] = varh
	}
	v[telegram.Tariff] = float64(c.tariff(s.Rate))
	v[telegram.ActiveDemand] = s.Demand
	v[telegram.ActiveDemandMonthPeak] = s.Peak.Value.Or(0)
	return v
}

// twoWattmeters returns the state as a meter without a neutral sees it: what
// hangs on L1, L2 and L3 of the house hangs between L1-L2, L2-L3 and L3-L1. The
// wattmeters stand in L1 and L3 and measure against L2, so only their sum is a
// power of the house; voltages are those against L2, 0 for L2 itself. The
// current of L2 is real.
func (s *State) twoWattmeters() State {
	var branch [3]complex128 // currents between the lines, U12 at angle 0
	var u [3]complex128
	u[0] = cmplx.Rect(s.Voltage[0], 0)
	u[1] = cmplx.Rect(s.Voltage[1], -2*math.Pi/3)
	u[2] = -u[0] - u[1]
	for i := range branch {
		branch[i] = cmplx.Conj(complex(s.Power[i], s.Reactive[i]) / u[i])
	}
	line := [3]complex128{branch[0] - branch[2], branch[1] - branch[0], branch[2] - branch[1]}
	s1 := u[0] * cmplx.Conj(line[0])
	s3 := -u[1] * cmplx.Conj(line[2])

	d := *s
	d.Power = [3]float64{real(s1), 0, real(s3)}
	d.Reactive = [3]float64{imag(s1), 0, imag(s3)}
	d.Voltage = [3]float64{s.Voltage[0], 0, s.Voltage[1]}
	for i := range line {
		d.Current[i] = cmplx.Abs(line[i])
	}
	return d
}

// neutral returns the current that flows back in the neutral of four wires: that
// of all phases, each by its angle.
func (s *State) neutral() float64 {
	var sum complex128
	for i, u := range s.Voltage {
		if u > 0 {
			sum += cmplx.Conj(complex(s.Power[i], s.Reactive[i]) / cmplx.Rect(u, -2*math.Pi/3*float64(i)))
		}
	}
	return cmplx.Abs(sum)
}

func total(phases [3]float64) float64 { return phases[0] + phases[1] + phases[2] }

// split returns what of v is import and what is export.
func split(v float64) (imp, exp float64) { return max(v, 0), max(-v, 0) }

func splitEach(phases [3]float64) (imp, exp float64) {
	for _, v := range phases {
		i, e := split(v)
		imp, exp = imp+i, exp+e
	}
	return imp, exp
}

// quadrant returns 0 to 3 for quadrants I to IV (IEC 62053-23): I imports both,
// then counter-clockwise.
func quadrant(p, q float64) int {
	switch {
	case p >= 0 && q >= 0:
		return 0
	case p < 0 && q >= 0:
		return 1
	case p < 0:
		return 2
	}
	return 3
}

func powerFactor(p, q float64) float64 {
	if s := math.Hypot(p, q); s > 0 {
		return math.Abs(p) / s
	}
	return 1
}
