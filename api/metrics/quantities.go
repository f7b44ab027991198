package metrics

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"smartconnect/telegram"
)

// units are the words for the units of the quantity table, as the name of a metric has
// them: in the plural.
var units = map[telegram.Unit]string{
	telegram.NoUnit: "", telegram.Watt: "watts", telegram.Var: "vars", telegram.VoltAmpere: "voltamperes",
	telegram.WattHour: "watthours", telegram.VarHour: "varhours",
	telegram.Volt: "volts", telegram.Ampere: "amperes", telegram.Hertz: "hertz",
}

// ending is that of a part: active_power_l1, active_energy_import_t10.
var ending = regexp.MustCompile(`^(.+)_(([ltq])[0-9]+)$`)

// endings are the labels that endings stand for, by their letter.
var endings = map[string]string{"l": "phase", "t": "tariff", "q": "quadrant"}

// group is what is told under one name: a whole and its parts.
type group struct {
	name    string
	labels  []string
	members []member
}

// member is a quantity of a group. A whole has no label.
type member struct {
	telegram.Quantity
	label, part string // "phase", "l1"
}

// values are those of the labels of g.
func (m member) values(g *group) []string {
	all := make([]string, len(g.labels))
	if i := slices.Index(g.labels, m.label); i >= 0 {
		all[i] = m.part
	}
	return all
}

// groups reads the quantity table.
func groups() (all []*group) {
	for q := range telegram.NumQuantities {
		name, m := q.String(), member{Quantity: q}
		if found := ending.FindStringSubmatch(name); found != nil {
			name, m.label, m.part = found[1], endings[found[3]], found[2]
		}
		i := slices.IndexFunc(all, func(g *group) bool { return g.name == name })
		if i < 0 {
			i, all = len(all), append(all, &group{name: name})
		}
		g := all[i]
		g.members = append(g.members, m)
		if m.label != "" && !slices.Contains(g.labels, m.label) {
			g.labels = append(g.labels, m.label)
		}
	}
	return all
}

// quantities are the families of the quantity table. Powers that may be apparent ones
// have two, and a meter tells one of them.
func quantities() (all []family) {
	for _, g := range groups() {
		first := g.members[0].Quantity
		all = append(all, g.family(first.Unit()))
		if mayBeApparent(first) {
			all = append(all, g.family(telegram.VoltAmpere))
		}
	}
	return all
}

// mayBeApparent reports whether q is in VA where the meter knows no other powers.
func mayBeApparent(q telegram.Quantity) bool {
	return q.Unit() == telegram.Watt && q.Kind() == telegram.Instantaneous
}

// unitOf returns the unit that q of m is really in.
func unitOf(m *telegram.Measurement, q telegram.Quantity) telegram.Unit {
	if mayBeApparent(q) {
		return m.PowerUnit()
	}
	return q.Unit()
}

func (g *group) family(unit telegram.Unit) family {
	first := g.members[0].Quantity
	name, kind := g.name, prometheus.GaugeValue
	if unit != telegram.NoUnit {
		name += "_" + units[unit]
	}
	if first.Kind() == telegram.Cumulative {
		name, kind = name+"_total", prometheus.CounterValue
	}
	help := strings.ToUpper(g.name[:1]) + strings.ReplaceAll(g.name[1:], "_", " ") + " of the meter, in " + cmp.Or(units[unit], "no unit") + "."
	if first.Momentary() {
		help += " Absent while it is not fresh."
	}
	values := make([][]string, len(g.members))
	for i, m := range g.members {
		values[i] = m.values(g)
	}
	return newFamily(name, help, kind, g.labels, func(b *Box, is tell) {
		for i, m := range g.members {
			if unitOf(b.Measurement, m.Quantity) == unit && (b.Fresh || !m.Momentary()) {
				is(b.Measurement.Get(m.Quantity), values[i]...)
			}
		}
	})
}
