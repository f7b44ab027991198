package sim

import (
	"fmt"
	"slices"
	"time"

	"smartconnect/telegram"
)

// tic is how a French meter speaks (Enedis-NOI-CPT_54E): groups between STX and
// ETX, each with a checksum of its own.
type tic struct {
	standard bool
	groups   []group
}

// group is a group of a frame: a number of so many digits, or what text says.
type group struct {
	label    string
	quantity telegram.Quantity
	digits   int
	step     int64 // of the number, 0 for 1
	text     func(r *reading) (horodate, data string)
}

// French lists the simulated meters of France.
var French = []Meter{
	{
		Name: "linky-historique", Line: slowest, Interval: 2 * time.Second, Phases: 1, ID: "031961000001",
		tic: &tic{groups: slices.Concat(historique("031961000001"), []group{
			whole("IINST", telegram.CurrentL1, 3), says("IMAX", "090"), tens("PAPP"), says("HHPHC", "A"), says("MOTDETAT", "000000"),
		})},
	}, {
		Name: "linky-historique-tri", Line: slowest, Interval: 3 * time.Second, Phases: 3, ID: "031976000002",
		tic: &tic{groups: slices.Concat(historique("031976000002"), []group{
			whole("IINST1", telegram.CurrentL1, 3), whole("IINST2", telegram.CurrentL2, 3), whole("IINST3", telegram.CurrentL3, 3),
			says("IMAX1", "060"), says("IMAX2", "060"), says("IMAX3", "060"), says("PMAX", "06082"), tens("PAPP"),
			says("HHPHC", "A"), says("MOTDETAT", "000000"), says("PPOT", "00"),
		})},
	}, {
		Name: "linky-standard", Line: slow, Interval: 2 * time.Second, Phases: 1, ID: "031964000003",
		tic: &tic{standard: true, groups: slices.Concat(standard("031964000003"), []group{
			whole("EAIT", telegram.ActiveEnergyExport, 9),
			whole("ERQ1", telegram.ReactiveEnergyQ1, 9), whole("ERQ2", telegram.ReactiveEnergyQ2, 9),
			whole("ERQ3", telegram.ReactiveEnergyQ3, 9), whole("ERQ4", telegram.ReactiveEnergyQ4, 9),
			whole("IRMS1", telegram.CurrentL1, 3), whole("URMS1", telegram.VoltageL1, 3),
			says("PREF", "12"), says("PCOUP", "12"),
			whole("SINSTS", telegram.ApparentPowerImport, 5), whole("SINSTI", telegram.ApparentPowerExport, 5),
		}, standardEnd)},
	}, {
		Name: "linky-standard-tri", Line: slow, Interval: 2 * time.Second, Phases: 3, ID: "031876000004",
		tic: &tic{standard: true, groups: slices.Concat(standard("031876000004"), []group{
			whole("IRMS1", telegram.CurrentL1, 3), whole("IRMS2", telegram.CurrentL2, 3), whole("IRMS3", telegram.CurrentL3, 3),
			whole("URMS1", telegram.VoltageL1, 3), whole("URMS2", telegram.VoltageL2, 3), whole("URMS3", telegram.VoltageL3, 3),
			says("PREF", "18"), says("PCOUP", "18"),
			whole("SINSTS", telegram.ApparentPowerImport, 5), whole("SINSTS1", telegram.ApparentPowerImportL1, 5),
			whole("SINSTS2", telegram.ApparentPowerImportL2, 5), whole("SINSTS3", telegram.ApparentPowerImportL3, 5),
		}, standardEnd)},
	},
}

var slowest = telegram.Line{Baud: 1200, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}

func whole(label string, q telegram.Quantity, digits int) group {
	return group{label: label, quantity: q, digits: digits}
}

// tens is the apparent power of historique, rounded to 10 VA.
func tens(label string) group {
	return group{label: label, quantity: telegram.ApparentPowerImport, digits: 5, step: 10}
}

func says(label, data string) group {
	return group{label: label, text: func(*reading) (string, string) { return "", data }}
}

// historique is the contract and the counters of a double-rate meter.
func historique(ident string) []group {
	return []group{
		says("ADCO", ident), says("OPTARIF", "HC.."), says("ISOUSC", "60"),
		whole("HCHC", telegram.ActiveEnergyImportT1, 9), whole("HCHP", telegram.ActiveEnergyImportT2, 9),
		{label: "PTEC", text: func(r *reading) (string, string) { return "", [...]string{Day: "HP..", Night: "HC.."}[r.Rate] }},
	}
}

func standard(ident string) []group {
	groups := []group{
		says("ADSC", ident), says("VTIC", "02"),
		{label: "DATE", text: func(r *reading) (string, string) { return r.calendar.horodate(r.t), "" }},
		says("NGTF", "H PLEINE/CREUSE "),
		{label: "LTARF", text: func(r *reading) (string, string) {
			return "", [...]string{Day: "  HEURE  PLEINE ", Night: "  HEURE  CREUSE "}[r.Rate]
		}},
		whole("EAST", telegram.ActiveEnergyImport, 9),
		whole("EASF01", telegram.ActiveEnergyImportT1, 9), whole("EASF02", telegram.ActiveEnergyImportT2, 9),
	}
	for i := range 8 {
		groups = append(groups, group{label: fmt.Sprintf("EASF%02d", i+3), quantity: telegram.ActiveEnergyImportT3 + telegram.Quantity(i), digits: 9})
	}
	return append(groups, says("EASD01", "000000000"), says("EASD02", "000000000"), says("EASD03", "000000000"), says("EASD04", "000000000"))
}

var standardEnd = []group{
	{label: "SMAXSN", text: func(r *reading) (string, string) { return r.calendar.horodate(r.t.Truncate(time.Hour)), "05706" }},
	{label: "STGE", text: func(r *reading) (string, string) {
		if r.values[telegram.ApparentPowerExport] > 0 {
			return "", "003A0301" // producer, and the sign of the active energy
		}
		return "", "003A0101"
	}},
	says("MSG1", "PAS DE          MESSAGE         "), says("PRM", "09325470000001"), says("RELAIS", "000"),
	whole("NTARF", telegram.Tariff, 2), says("NJOURF", "00"), says("NJOURF+1", "00"),
	says("PJOURF+1", "00008002 NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE"),
}

// horodate prints SAAMMJJhhmmss, S being E in summer and H in winter.
func (c calendar) horodate(t time.Time) string {
	wall, summer := c.local(t)
	season := "H"
	if summer {
		season = "E"
	}
	return season + wall.Format("060102150405")
}

// steps is the number of the group as it is printed, before its digits.
func (g *group) steps(r *reading) int64 {
	step := max(g.step, 1)
	n := (int64(r.values[g.quantity]+float64(step)/2) / step) * step
	return n % pow10(g.digits)
}

// frame appends a frame.
func (f *tic) frame(dst []byte, r *reading) []byte {
	dst = append(dst, 0x02)
	for i := range f.groups {
		g := &f.groups[i]
		separator, horodate, data := byte(' '), "", ""
		if g.text != nil {
			horodate, data = g.text(r)
		} else {
			data = string(appendPadded(nil, g.steps(r), g.digits))
		}
		if f.standard {
			separator = '\t'
		}
		dst = append(dst, '\n')
		start := len(dst)
		dst = append(append(dst, g.label...), separator)
		if horodate != "" {
			dst = append(append(dst, horodate...), separator)
		}
		dst = append(dst, data...)
		end := len(dst)
		if dst = append(dst, separator); f.standard {
			end++
		}
		var sum int
		for _, c := range dst[start:end] {
			sum += int(c)
		}
		dst = append(dst, byte(sum%64+32), '\r')
	}
	return append(dst, 0x03)
}

// truth adds what the frame says.
func (f *tic) truth(truth map[telegram.Quantity]float64, r *reading) {
	for i := range f.groups {
		if g := &f.groups[i]; g.text == nil {
			truth[g.quantity] = float64(g.steps(r))
		}
	}
}
