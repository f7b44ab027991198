package api

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// view is the status as the page shows it: in words, ready to print.
type view struct {
	Serial, Version, Uptime string
	Warnings                []string
	Restart                 bool

	Power     string // the power at the grid connection, without sign
	Direction string // where it flows
	Age       string // how old the values are
	Fresh     bool   // whether they pass for fresh

	Columns []string // of the phase table, those that have a cell
	Phases  []phaseRow
	Others  []fact // readings without a phase
	Parts   []part
	Events  []fact // when, and what
}

// part is one part of the box: a lamp with its reason and its figures.
type part struct {
	Name   string
	Lamp   string // class of the lamp: good, wait, bad, off
	Word   string
	Detail string
	Facts  []fact
}

type fact struct{ Name, Value string }

type phaseRow struct {
	Name  string
	Cells []string // one for each column
}

// lamps says how a state looks and reads.
var lamps = map[State]struct{ lamp, word string }{
	OK:      {"good", "works"},
	Waiting: {"wait", "waiting"},
	Stale:   {"bad", "silent"},
	Fault:   {"bad", "fault"},
	Off:     {"off", "off"},
}

func newPart(name string, state State, detail string, facts ...fact) part {
	l, known := lamps[state]
	if !known {
		l.lamp, l.word = "wait", string(state)
	}
	// What is off has no figures, and a line without a value says nothing.
	facts = slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" || state == Off })
	return part{Name: name, Lamp: l.lamp, Word: l.word, Detail: detail, Facts: facts}
}

func newView(st Status) view {
	v := view{
		Serial: st.Serial, Version: st.Version, Uptime: span(float64(st.UptimeSeconds)),
		Warnings: st.Warnings, Restart: st.RestartRequired,
		Age: ago(st.Meter.AgeSeconds), Fresh: st.Meter.State == MeterOK,
		Parts: []part{meterPart(st.Meter)},
	}
	for _, m := range st.Modbus {
		v.Parts = append(v.Parts, modbusPart(m))
	}
	v.Parts = append(v.Parts,
		mqttPart(st.MQTT),
		newPart("MQTT broker", st.Broker.State, st.Broker.Detail,
			fact{"Listens on", doors(st.Broker)},
			fact{"Clients", count(st.Broker.Clients)},
			fact{"Messages sent to clients", count(st.Broker.Messages)}),
		newPart("Network", st.Network.State, st.Network.Detail,
			fact{"Addresses", strings.Join(st.Network.Addresses, ", ")}))
	for _, e := range st.Events {
		text := e.Text
		if e.Count > 1 {
			text += " (" + count(e.Count) + " times)"
		}
		v.Events = append(v.Events, fact{span(time.Since(time.Unix(e.Time, 0)).Seconds()) + " ago", text})
	}
	v.Power, v.Direction = headline(st.Readings)
	v.Columns, v.Phases, v.Others = arrange(st.Readings)
	return v
}

func meterPart(m Meter) part {
	period := ""
	if s, ok := m.PeriodSeconds.Get(); ok {
		period = "every " + span(s)
	}
	lastError := m.LastError
	switch {
	case strings.Contains(m.Detail, lastError): // it stands above already
		lastError = ""
	case m.LastErrorAgeSeconds.OK():
		lastError += " (" + ago(m.LastErrorAgeSeconds) + ")"
	}
	lost := maps.Clone(m.Errors)
	delete(lost, sourceFailed)
	failures := ""
	if n := m.Errors[sourceFailed]; n > 0 {
		failures = count(n)
	}
	p := newPart("Meter", m.Level, m.Detail,
		fact{"Meter", m.ID},
		fact{"Identification", m.Header},
		fact{"Format", m.Format},
		fact{"Read from", m.Source},
		fact{"Line", m.Line},
		fact{"Tried before", tried(m)},
		fact{"Values come", period},
		fact{"Latest values", ago(m.AgeSeconds)},
		fact{"Good telegrams", count(m.Telegrams)},
		fact{"Lost telegrams", tally(lost)},
		fact{"On the way", stages(m.Stages)},
		fact{"Copied to", copied(m.Out)},
		fact{"Telegrams at", shared(m.Share)},
		fact{"Failures of the source", failures},
		fact{"Last error", lastError})
	if word, known := meterWords[m.State]; known && (m.Level != Waiting || m.State == Receiving) {
		p.Word = word
	}
	return p
}

// meterWords are the states of the meter as a person reads them. Those that are
// missing read as their level does.
var meterWords = map[MeterState]string{
	NoSignal:      "no signal",
	Receiving:     "receiving",
	Garbage:       "garbage",
	WrongLine:     "wrong line settings",
	ChecksumError: "damaged telegrams",
	KeyRequired:   "key required",
	KeyInvalid:    "key is none",
	KeyWrong:      "key is wrong",
	Unencrypted:   "not encrypted",
	Replay:        "played again",
	ListUnknown:   "list unknown",
	SeveralMeters: "several meters",
}

// tried writes what was seen on other lines, while the meter's is looked for.
func tried(m Meter) string {
	if !m.Searching {
		return ""
	}
	var all []string
	for _, t := range m.Tried {
		all = append(all, t.Line+": "+t.Seen)
	}
	return strings.Join(all, "; ")
}

func copied(o *Out) string {
	if o == nil {
		return ""
	}
	text := o.Device + ", " + count(o.Octets) + " octets, " + count(o.Lost) + " lost"
	if o.Detail != "" {
		text += ": " + o.Detail
	}
	return text
}

func shared(s *Share) string {
	if s == nil {
		return ""
	}
	text := s.Listen + ", " + count(s.Readers) + " readers"
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	return text
}

// stages writes what has passed each step: "12 345 octets, 24 frames, 6
// telegrams".
func stages(s Stages) string {
	if s.Octets == 0 {
		return ""
	}
	return count(s.Octets) + " octets, " + count(s.Frames) + " frames, " + count(s.Telegrams) + " telegrams"
}

// sourceFailed is the one class of Meter.Errors that is no lost telegram.
const sourceFailed = "source"

// headline says in the largest letters what flows between house and grid.
func headline(readings []Reading) (power, direction string) {
	for _, r := range readings {
		if r.Name != "active_power" {
			continue
		}
		v, ok := r.Value.Get()
		switch {
		case !ok:
		case v < 0:
			return amount(Number{r.Value.Neg()}, r.Unit), "to the grid"
		default:
			return amount(r.Value, r.Unit), "from the grid"
		}
	}
	return none, "no power reading"
}

// phases are the columns of the phase table, each with the ending of the names
// that belong there.
var phases = [...]struct{ ending, column string }{{"", "Total"}, {"_l1", "L1"}, {"_l2", "L2"}, {"_l3", "L3"}}

// arrange sorts readings into the rows of the phase table and the rest. The
// order of the readings is kept, and a column without any cell is left out.
func arrange(readings []Reading) (columns []string, rows []phaseRow, others []fact) {
	split := func(name string) (base string, column int) {
		for i := 1; i < len(phases); i++ {
			if b, ok := strings.CutSuffix(name, phases[i].ending); ok {
				return b, i
			}
		}
		return name, 0
	}
	byPhase := map[string]int{} // name without phase → row
	for _, r := range readings {
		if base, column := split(r.Name); column > 0 {
			byPhase[base] = -1
		}
	}
	var used [len(phases)]bool
	for _, r := range readings {
		base, column := split(r.Name)
		row, ok := byPhase[base]
		if !ok {
			others = append(others, fact{label(r.Name), amount(r.Value, r.Unit)})
			continue
		}
		if row < 0 {
			row = len(rows)
			byPhase[base] = row
			rows = append(rows, phaseRow{label(base), make([]string, len(phases))})
		}
		rows[row].Cells[column] = amount(r.Value, r.Unit)
		used[column] = true
	}
	for i, u := range used {
		if u {
			columns = append(columns, phases[i].column)
		}
	}
	for i := range rows {
		cells := rows[i].Cells
		rows[i].Cells = nil
		for c, u := range used {
			if u {
				rows[i].Cells = append(rows[i].Cells, cells[c])
			}
		}
	}
	return columns, rows, others
}
