package payload

import (
	"fmt"
	"strconv"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// openWBNumbers and openWBPhases say which quantity openWB 2 reads under which
// name (packages/modules/devices/generic/mqtt/counter.py).
var (
	openWBNumbers = []struct {
		name string
		q    telegram.Quantity
	}{
		{"power", telegram.ActivePower},
		{"imported", telegram.ActiveEnergyImport},
		{"exported", telegram.ActiveEnergyExport},
		{"frequency", telegram.Frequency},
	}
	openWBPhases = []struct {
		name string
		of   func(s *snapshot.Snapshot) [3]telegram.Value
	}{
		{"currents", signedCurrents},
		{"voltages", func(s *snapshot.Snapshot) [3]telegram.Value { return phaseValues(s, telegram.VoltageL1) }},
		{"powers", phasePowers},
		{"power_factors", func(s *snapshot.Snapshot) [3]telegram.Value { return phaseValues(s, telegram.PowerFactorL1) }},
	}
)

// openWBBase takes the number of the counter in the settings of openWB.
func openWBBase(id string) (string, error) {
	if n, err := strconv.Atoi(id); err != nil || n < 0 || strconv.Itoa(n) != id {
		return "", fmt.Errorf("counter %q: want its number", id)
	}
	return "openWB/set/mqtt/counter/" + id + "/get/", nil
}

// writeOpenWB writes what the MQTT counter of openWB 2 reads: bare numbers in W,
// Wh and Hz, and arrays of the three phases, of which one that the meter does not
// have is 0; power and currents are negative for export.
//
// Nothing is retained. openWB takes what comes under openWB/set/, keeps the value
// itself under openWB/, and empties the topic it came under (_validate_value of
// helpermodules/setdata.py): a retained message that it has missed would be handed
// to it at its next start, as new. What it keeps itself, it cannot be made to forget:
// it does not look at empty messages.
func (c *Compat) writeOpenWB(s *snapshot.Snapshot) {
	w := &c.sheet
	for _, n := range openWBNumbers {
		if v := s.Get(n.q); v.OK() {
			w.octets = snapshot.AppendValue(w.octets, v)
			w.end(c.base + n.name)
		}
	}
	for _, p := range openWBPhases {
		v := p.of(s)
		if !v[0].OK() && !v[1].OK() && !v[2].OK() {
			continue
		}
		for i := range v {
			w.octets = append(w.octets, "[,,"[i])
			w.octets = snapshot.AppendValue(w.octets, telegram.Of(v[i].Or(0)))
		}
		w.octets = append(w.octets, ']')
		w.end(c.base + p.name)
	}
}
