package modbusmap

import (
	"hash/fnv"
	"math"
	"strconv"
	"strings"

	"smartconnect/telegram"
)

// Source is what the entries of a map are computed from: the latest reading and
// the settings of the server.
type Source struct {
	*telegram.Measurement
	Settings *Settings
}

// phase returns which phase of the meter, from 0, the map's phase n, from 1, shows.
func (s *Source) phase(n int) telegram.Quantity {
	return telegram.Quantity(s.Settings.Phases[n-1] - '1')
}

// value is the quantity q as it is.
func value(q telegram.Quantity) func(*Source) telegram.Value {
	return func(s *Source) telegram.Value { return s.Get(q) }
}

// ofPhase is phase n of the family whose L1 is l1.
func ofPhase(l1 telegram.Quantity, n int) func(*Source) telegram.Value {
	return func(s *Source) telegram.Value { return s.Get(l1 + s.phase(n)) }
}

// phasePower is the net power of phase n. A phase the meter does not have is 0;
// one that could not be read is missing.
func phasePower(n int) func(*Source) telegram.Value {
	return func(s *Source) telegram.Value {
		return s.zeroUnlessUnreadable(telegram.ActivePowerL1 + s.phase(n))
	}
}

// current is the current of phase n: missing where the meter sends none at all
// or this one could not be read, 0 for the absent phases of a single-phase
// meter. Telegrams carry magnitudes; the sign, where it is asked for, is that of
// the phase's net power. Not so on a delta meter: its phase powers are readings
// of two wattmeters, one of which may well be negative while the house imports.
func current(n int) func(*Source) telegram.Value {
	return func(s *Source) telegram.Value {
		p := s.phase(n)
		if !s.HasCurrent() {
			return telegram.Value{}
		}
		v, ok := s.zeroUnlessUnreadable(telegram.CurrentL1 + p).Get()
		if !ok {
			return telegram.Value{}
		}
		v = math.Abs(v)
		if s.Settings.Currents == Signed && !s.Delta() && s.Get(telegram.ActivePowerL1+p).Or(0) < 0 {
			v = -v
		}
		return telegram.Of(v)
	}
}

// energy is the counter q. One the meter does not keep is 0; one that could not
// be read is missing.
func energy(q telegram.Quantity) func(*Source) telegram.Value {
	return func(s *Source) telegram.Value { return s.zeroUnlessUnreadable(q) }
}

// apparent is the total apparent power. Telegrams split it by direction, and one
// of the two is 0; where both are not, their total is not known.
func apparent(s *Source) telegram.Value {
	in, out := s.Get(telegram.ApparentPowerImport), s.Get(telegram.ApparentPowerExport)
	switch {
	case out.Or(0) == 0:
		return in
	case in.Or(0) == 0:
		return out
	}
	return telegram.Value{}
}

func (s *Source) zeroUnlessUnreadable(q telegram.Quantity) telegram.Value {
	if s.Unreadable(q) {
		return telegram.Value{}
	}
	return telegram.Of(s.Get(q).Or(0))
}

func serial(s *Source) string { return s.Settings.Serial }

// serialNumber is the serial number as a number: itself where it is one, else a
// digest, so that two devices never look like one.
func serialNumber(s *Source) telegram.Value {
	n, err := strconv.ParseUint(s.Settings.Serial, 10, 32)
	if err != nil {
		h := fnv.New32a()
		h.Write([]byte(s.Settings.Serial))
		n = uint64(h.Sum32())
	}
	return telegram.Of(float64(n))
}

// revision is the firmware version 1.4.2 as 0x010402; a part that is no number,
// as in the version of a development build, counts 0.
func revision(s *Source) telegram.Value {
	n := 0
	parts := strings.SplitN(strings.TrimPrefix(s.Settings.Version, "v"), ".", 3)
	for i := range 3 {
		part := 0
		if i < len(parts) {
			digits, _, _ := strings.Cut(parts[i], "-")
			part, _ = strconv.Atoi(digits)
		}
		n = n<<8 | min(max(part, 0), 255)
	}
	return telegram.Of(float64(n))
}

// text is a constant text.
func text(s string) func(*Source) string { return func(*Source) string { return s } }
