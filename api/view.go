package api

import (
	"net/http"
	"slices"
	"time"

	"smartconnect/telegram"
)

// statusView is the status as the page shows it: in words, ready to print.
type statusView struct {
	Lamps    []lampView
	Warnings []string

	Power     string // the power at the grid connection, without sign
	Direction string // where it flows
	Age       string // how old the values are
	Fresh     bool   // whether they pass for fresh
	Chart     *chart

	Columns []string // of the phase table, those that have a cell
	Phases  []phaseRow
	Others  []fact // readings without a phase
	Quarter *quarter
	Parts   []part
	Events  []eventRow
}

// lampView is one of the lamps at the top, as in the manual's picture (section 5.1).
type lampView struct {
	ID   string // of the part that says more
	Name string
	Lamp string // class: good, wait, bad, off
	Word string
	Why  string // a sentence, "" where all is well
}

// part is one part of the box: a lamp with its reason and its figures.
type part struct {
	ID       string
	Name     string
	Lamp     string
	Word     string
	Why      string // in the reader's language
	Detail   string // what the box says of it, in English
	Facts    []fact
	Light    *lightView
	Requests []requestRow
}

// eventRow is an event: what has happened in the reader's language, and as the box
// says it.
type eventRow struct{ When, What, Times, Text string }

type fact struct{ Name, Value string }

type phaseRow struct {
	Name  string
	Cells []string // one for each column
}

// lamps says how a state looks; its word is in the catalogue.
var lamps = map[State]string{OK: "good", Waiting: "wait", Stale: "bad", Fault: "bad", Off: "off"}

// newPart makes a part. why is a sentence of the catalogue; where there is none for it,
// or the reader knows English, the detail says it all.
func (t tongue) newPart(id, name string, state State, why, detail string, facts ...fact) part {
	p := part{ID: id, Name: t.T(name), Lamp: lamps[state], Word: t.T("state." + string(state)), Detail: detail}
	if p.Lamp == "" {
		p.Lamp, p.Word = "wait", string(state)
	}
	if t.has(why) {
		p.Why = t.T(why)
	}
	// What is off has no figures, and a line without a value says nothing.
	p.Facts = slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" || state == Off })
	return p
}

// lamp is the lamp at the top for a part.
func (t tongue) lamp(name string, p part) lampView {
	l := lampView{ID: p.ID, Name: t.T(name), Lamp: p.Lamp, Word: p.Word, Why: p.Why}
	if p.Lamp == "good" {
		l.Why = ""
	}
	return l
}

// statusView shows a status.
func (t tongue) statusView(st Status) statusView {
	meter, mqtt := t.meterPart(st.Meter), t.mqttPart(st.MQTT)
	parts := []part{meter}
	for i, m := range st.Modbus {
		parts = append(parts, t.modbusPart(i, m))
	}
	parts = append(parts, mqtt, t.brokerPart(st.Broker))
	system := t.systemPart(st, parts[1:])
	link, network, internet := t.networkParts(st.Network)
	v := statusView{
		Warnings: st.Warnings,
		Age:      t.ago(st.Meter.AgeSeconds), Fresh: st.Meter.State == MeterOK,
		Parts: append(parts, network, system),
		Lamps: []lampView{
			t.lamp("lamp.system", system), t.lamp("lamp.meter", meter), t.lamp("lamp.link", link),
			t.lamp("lamp.network", network), t.lamp("lamp.internet", internet), t.lamp("lamp.mqtt", mqtt),
		},
		Quarter: t.quarter(st.Readings),
	}
	for _, e := range st.Events {
		row := eventRow{When: t.T("word.ago", t.span(time.Since(time.Unix(e.Time, 0)).Seconds())), Text: e.Text}
		if kind := "event." + e.Kind; t.has(kind) {
			row.What = t.T(kind)
		}
		if e.Count > 1 {
			row.Times = "× " + count(e.Count)
		}
		v.Events = append(v.Events, row)
	}
	switch {
	case !st.Meter.AgeSeconds.OK():
		v.Age = t.T("status.none")
	case !v.Fresh:
		v.Age = t.T("status.old", v.Age)
	}
	v.Power, v.Direction = t.headline(st.Readings)
	v.Columns, v.Phases, v.Others = t.arrange(st.Readings)
	return v
}

// shownMinutes is how far back the chart goes.
const shownMinutes = 5

// addChart draws the power of the last minutes. Values that come further apart than
// three periods of the meter, as it is with one that was silent, are not joined.
func (s *Server) addChart(t tongue, st Status, v *statusView) {
	if s.History.Seconds == nil {
		return
	}
	end := time.Now().Add(time.Second) // the second that runs is in it
	points := s.History.Seconds(end.Add(-shownMinutes*time.Minute), end, telegram.ActivePower)
	gap := max(5*time.Second, time.Duration(3*st.Meter.PeriodSeconds.Or(1)*float64(time.Second)))
	if len(points.Columns) > 0 {
		v.Chart = t.draw(points.Columns[0].Values, time.Second, gap)
	}
}

// getStatusPage shows the status to a person.
func (s *Server) getStatusPage(w http.ResponseWriter, r *http.Request) {
	t := tongueOf(r)
	st := s.status()
	v := t.statusView(st)
	s.addChart(t, st, &v)
	s.addRequests(t, &v)
	s.render(w, r, http.StatusOK, screen{name: "status.html", path: "/", title: "status.title", waits: st.RestartFor, body: v})
}
