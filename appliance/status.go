package appliance

import (
	"fmt"
	"maps"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// status gathers what the box tells about itself.
func (l *life) status() api.Status {
	now := time.Now()
	snap := l.store.Latest()
	waiting := l.restartFor()
	s := api.Status{
		Serial:          l.identity.Serial(),
		Model:           model,
		Version:         Version(),
		SupportUntil:    supportUntil,
		UptimeSeconds:   int64(now.Sub(l.began).Seconds()),
		RestartRequired: len(waiting) > 0,
		RestartFor:      waiting,
		Warnings:        l.currentWarnings(),
		Meter:           l.meter.status(snap, now),
		Events:          l.events.latest(),
		Readings:        readings(snap),
		Broker:          l.brokerStatus(),
		MQTT:            l.uplinkStatus(now),
		Network:         l.networkStatus(),
	}
	s.Meter.Share = l.shareStatus()
	for _, m := range l.modbus {
		s.Modbus = append(s.Modbus, m.status(snap, now))
	}
	s.Light = light(&s)
	return s
}

// currentWarnings are what was wrong at the start, and ports of the API that
// cannot be bound.
func (l *life) currentWarnings() []string {
	list := append([]string(nil), l.warnings...)
	for _, w := range l.web {
		if addr, _, fault := w.state(); fault != nil {
			list = append(list, fmt.Sprintf("%s does not answer on %s: %v", w.name, addr, fault))
		}
	}
	if l.cfg.API.PlainHTTP && l.o.HTTP != "" {
		list = append(list, "the API answers over plain HTTP, too (API.PlainHTTP): others on the network can read the passwords that are sent to it")
	}
	if doubt := l.meter.doubtful(); doubt != "" {
		list = append(list, doubt)
	}
	if snap := l.store.Latest(); snap != nil && snap.Delta() {
		list = append(list, "the meter measures a 3 x 230 V net without neutral: U2 and P2 are 0 by its nature, and P1 and P3 mean nothing alone, only their sum does")
	}
	return list
}

// status says what the meter and the line to it are doing, and why.
func (m *meter) status(snap *snapshot.Snapshot, now time.Time) api.Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.count
	s := api.Meter{
		Source: m.source, Telegrams: c.telegrams, Errors: maps.Clone(c.errors),
		Stages: api.Stages{
			Octets: c.octets, Noise: c.noise, Frames: c.frames, Checksum: c.stages["checksum"], Segments: c.stages["segments"],
			Decrypt: c.stages["decrypt"], Replay: c.stages["replay"], Parse: c.stages["parse"], Telegrams: c.telegrams,
		},
	}
	if c.lastError != nil {
		s.LastError, s.LastErrorAgeSeconds = c.lastError.Error(), api.Seconds(now.Sub(c.lastFailed))
	}
	if snap != nil {
		s.Seq, s.Format, s.ID, s.Header = snap.Seq, snap.Format, snap.Meter.ID.String(), snap.Meter.Header.String()
		s.Encrypted, s.Authenticated = snap.Seal.Encrypted, snap.Seal.Authenticated
		s.PeriodSeconds, s.LimitSeconds = api.Seconds(snap.Period), api.Seconds(snap.Limit(0))
		if age, ok := snap.Age(now); ok {
			s.AgeSeconds = api.Seconds(age)
		}
	}
	line := m.line
	if m.probe != nil {
		line, s.Tried, s.Searching = m.probe.state()
	}
	s.Line = line.String()
	if m.out != nil {
		s.Out = m.out.status()
	}
	f := m.diagnose(snap, now)
	s.State, s.Level, s.Detail = f.state, f.level, f.detail
	return s
}

func brief(d time.Duration) string { return d.Round(time.Second).String() }

func (m *modbusServer) status(snap *snapshot.Snapshot, now time.Time) api.Modbus {
	stats := m.server.Stats()
	addr, state, detail := m.health()
	s := api.Modbus{
		State: state, Detail: detail, MeterType: m.row.MeterType, Listen: addr, Clients: stats.Clients, MaxClients: m.server.MaxClients,
		Requests: stats.Requests, Refused: stats.Refused, Exceptions: map[string]uint64{},
	}
	for code, n := range stats.Exceptions {
		s.Exceptions[fmt.Sprintf("%02X", code)] = n
	}
	fresh := snap.Fresh(now, time.Duration(m.row.StaleAfter))
	_, measured := snap.Age(now)
	answer := staleAnswers[m.row.WhenStale]
	if m.row.WhenStale == "hold" && !measured { // what never was cannot be held
		answer = staleAnswers["exception"]
	}
	switch {
	case state != api.OK:
	case snap == nil:
		s.State, s.Detail = api.Waiting, "no telegram yet: values are answered "+answer
	case !measured:
		s.State, s.Detail = api.Stale, "no power or currents yet: values are answered "+answer
	case !fresh:
		s.State, s.Detail = api.Stale, "no fresh power or currents: values are answered "+answer
	default:
		s.Detail = m.missing(snap)
	}
	return s
}

// staleAnswers says in words what each policy answers.
var staleAnswers = map[string]string{
	"exception": "with exception 0B",
	"hold":      "as they last were",
	"zero":      "as 0",
	"nan":       "as not-a-number",
}

// missing says which registers this meter cannot fill.
func (m *modbusServer) missing(snap *snapshot.Snapshot) string {
	answer := "answer exception 0B"
	if m.row.WhenMissing == "zero" {
		answer = "read 0"
	}
	switch current, power := snap.HasCurrent(), snap.Get(telegram.ActivePower).OK(); {
	case !current && !power:
		return "the meter sends neither currents nor total power: I1 to I3 and P " + answer
	case !current:
		return "the meter sends no currents: I1 to I3 " + answer
	case !power:
		return "the meter sends no total power: P " + answer
	}
	return ""
}

// status says how the copy to a second device is doing.
func (o *lineOut) status() *api.Out {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &api.Out{State: api.Waiting, Device: o.device, Octets: o.count.octets, Lost: o.count.lost}
	switch {
	case o.count.fault != nil:
		s.State, s.Detail = api.Fault, o.count.fault.Error()
	case o.count.up:
		s.State = api.OK
	}
	return s
}

func (l *life) shareStatus() *api.Share {
	if l.share == nil {
		return nil
	}
	addr, state, detail := l.share.health()
	stats := l.meter.feed.Stats()
	return &api.Share{State: state, Detail: detail, Listen: addr, Readers: stats.Readers, Telegrams: stats.Passed, Lost: stats.Lost}
}

// shown are the quantities worth a glance, in the order to show. What only some
// meters send is left out where it is missing.
var shown = []struct {
	telegram.Quantity
	optional bool
}{
	{telegram.ActivePower, false},
	{telegram.ActivePowerL1, false}, {telegram.ActivePowerL2, false}, {telegram.ActivePowerL3, false},
	{telegram.CurrentL1, false}, {telegram.CurrentL2, false}, {telegram.CurrentL3, false},
	{telegram.VoltageL1, false}, {telegram.VoltageL2, false}, {telegram.VoltageL3, false},
	{telegram.ActiveEnergyImport, false}, {telegram.ActiveEnergyExport, false},
	{telegram.ActiveDemand, true}, {telegram.ActiveDemandForecast, true}, {telegram.ActiveDemandHeadroom, true}, {telegram.ActiveDemandMonthPeak, true},
}

func readings(snap *snapshot.Snapshot) []api.Reading {
	if snap == nil {
		return nil
	}
	var list []api.Reading
	for _, q := range shown {
		if v := snap.Get(q.Quantity); v.OK() || !q.optional {
			list = append(list, api.Reading{Name: q.String(), Value: api.Number{Value: v}, Unit: q.Unit().String(), Derived: snap.Derived(q.Quantity)})
		}
	}
	return list
}
