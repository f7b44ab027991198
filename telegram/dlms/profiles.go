package dlms

// profile says in which units a meter counts that sends no scalers: powers of
// ten of W and var, Wh and varh, V, A, and of the power factor.
type profile struct {
	name                                    string
	energy, power, voltage, current, factor int8

	// highVoltage is for meters behind voltage transformers: 57.7 V, 100 V and
	// kilovolts are real there, so that the exponent of a voltage cannot be
	// told from its size.
	highVoltage bool
}

// profiles are the known ones (section 10.2 of the DLMS reference). Two are in
// conflict and can be chosen by hand: the transformer meter E570 counts in W and
// A by the reader of a grid operator, in 0.1 W, 0.1 A and kWh by that of another;
// and Kamstrup counts energies in 10 Wh by the Danish and Norwegian document, in
// Wh by some Swedish and Swiss reports.
var profiles = []profile{
	{name: "lg-e450", current: -2, factor: -3},
	{name: "lg-e360", voltage: -1, current: -2, factor: -3},
	{name: "lg-e570", factor: -3, highVoltage: true},
	{name: "lg-e570-tenths", energy: 3, power: -1, current: -1, factor: -3, highVoltage: true},
	{name: "isk-am550", voltage: -1, current: -2, factor: -3},
	{name: "logarex-flexy", voltage: -1, current: -2, factor: -3},
	{name: "kamstrup-nve", energy: 1, current: -2, factor: -2},
	{name: "kamstrup-wh", current: -2, factor: -2},
	{name: "kaifa-no", voltage: -1, current: -3, factor: -3},
	{name: generic, voltage: -1, current: -2, factor: -3},
}

// generic is the profile of a meter that is not known.
const generic = "generic"

// Profiles returns the names of the scaler profiles.
func Profiles() []string {
	names := make([]string, len(profiles))
	for i := range profiles {
		names[i] = profiles[i].name
	}
	return names
}

// profileNamed returns the profile called name, nil if there is none.
func profileNamed(name string) *profile {
	for i := range profiles {
		if profiles[i].name == name {
			return &profiles[i]
		}
	}
	return nil
}

// exponent returns the power of ten that the meter counts m in.
func (p *profile) exponent(m measure) int8 {
	switch m {
	case energy:
		return p.energy
	case power:
		return p.power
	case voltage:
		return p.voltage
	case current:
		return p.current
	case factor:
		return p.factor
	}
	return 0
}
