package api

import "strings"

// headline says in the largest letters what flows between house and grid.
func (t tongue) headline(readings []Reading) (power, direction string) {
	for _, r := range readings {
		if r.Name != "active_power" {
			continue
		}
		v, ok := r.Value.Get()
		switch {
		case !ok:
		case v < 0:
			return t.amount(Number{r.Value.Neg()}, r.Unit), t.T("power.export")
		default:
			return t.amount(r.Value, r.Unit), t.T("power.import")
		}
	}
	return none, t.T("power.none")
}

// endings are those of the names that belong to a phase, each with its row.
var endings = [...]struct{ ending, row string }{{"_l1", "L1"}, {"_l2", "L2"}, {"_l3", "L3"}}

// arrange sorts readings into the phase table, a row for each phase and a column for
// what is measured on it, and the rest. Three columns fit on a phone.
func (t tongue) arrange(readings []Reading) (columns []string, rows []phaseRow, others []fact) {
	split := func(name string) (base string, phase int) {
		for i, e := range endings {
			if b, ok := strings.CutSuffix(name, e.ending); ok {
				return b, i + 1
			}
		}
		return name, 0
	}
	column := map[string]int{} // name without phase → column, in the order of the readings
	for _, r := range readings {
		base, phase := split(r.Name)
		if _, known := column[base]; phase > 0 && !known {
			column[base] = len(columns)
			columns = append(columns, t.quantity(base))
		}
	}
	var cells [len(endings)][]string
	var known [len(endings)]bool // a meter of one phase says nothing of the others
	for _, r := range readings {
		base, phase := split(r.Name)
		c, phased := column[base]
		switch {
		case phase > 0:
			if cells[phase-1] == nil {
				cells[phase-1] = make([]string, len(columns))
			}
			cells[phase-1][c] = t.amount(r.Value, r.Unit)
			known[phase-1] = known[phase-1] || r.Value.OK()
		case !phased && !quarterReadings[r.Name]: // a total is in the headline
			others = append(others, fact{t.quantity(r.Name), t.amount(r.Value, r.Unit)})
		}
	}
	for i, e := range endings {
		if known[i] {
			rows = append(rows, phaseRow{e.row, cells[i]})
		}
	}
	return columns, rows, others
}
