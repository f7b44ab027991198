package payload

import (
	"strconv"
	"strings"

	"smartconnect/telegram"
)

// component is one entity as Home Assistant wants it described.
type component struct {
	id       string // its key among the components
	Platform string `json:"platform"`
	UniqueID string `json:"unique_id"`
	Name     string `json:"name"`
	traits
	Topic    string `json:"state_topic,omitempty"`
	Template string `json:"value_template"`
	Expire   int    `json:"expire_after,omitempty"` // seconds
	Enabled  *bool  `json:"enabled_by_default,omitempty"`
}

// traits are what the energy dashboard and the charts go by.
type traits struct {
	Class string `json:"device_class,omitempty"`
	State string `json:"state_class,omitempty"`
	Unit  string `json:"unit_of_measurement,omitempty"`
}

// The state classes. A total that goes missing and comes back goes on where it was;
// a number less than the last one would be a new meter.
const (
	measurement     = "measurement"
	totalIncreasing = "total_increasing"
)

// byUnit gives a value its traits (DEVICE_CLASS_UNITS and DEVICE_CLASS_STATE_CLASSES
// in components/sensor/const.py). Varh has a class in new releases only, and the old
// ones refuse a class they do not know.
var byUnit = map[telegram.Unit]traits{
	telegram.Watt:           {"power", measurement, "W"},
	telegram.VoltAmpere:     {"apparent_power", measurement, "VA"},
	telegram.Var:            {"reactive_power", measurement, "var"},
	telegram.Volt:           {"voltage", measurement, "V"},
	telegram.Ampere:         {"current", measurement, "A"},
	telegram.Hertz:          {"frequency", measurement, "Hz"},
	telegram.WattHour:       {"energy", totalIncreasing, "Wh"},
	telegram.GigaJoule:      {"energy", totalIncreasing, "GJ"},
	telegram.MegaJoule:      {"energy", totalIncreasing, "MJ"},
	telegram.VarHour:        {"", totalIncreasing, "varh"},
	telegram.VoltAmpereHour: {"", totalIncreasing, "VAh"},
	telegram.CubicMetre:     {"volume", totalIncreasing, "m³"},
	telegram.Second:         {"duration", measurement, "s"},
}

// byClass is what cubic metres are of.
var byClass = map[string]traits{
	"gas":   {"gas", totalIncreasing, "m³"},
	"water": {"water", totalIncreasing, "m³"},
}

// rarely are the ranges of quantities that few people want to look at: an entity
// of one is there and waits to be enabled.
var rarely = [][2]telegram.Quantity{
	{telegram.ActivePowerImportL1, telegram.ActivePowerImportL3},
	{telegram.ActivePowerExportL1, telegram.ActivePowerExportL3},
	{telegram.ReactivePower, telegram.ApparentPowerExport},
	{telegram.CurrentNeutral, telegram.CurrentNeutral},
	{telegram.PowerFactor, telegram.PowerFactorL3},
	{telegram.ReactiveEnergyImport, telegram.ReactiveEnergyQ4},
}

// idle reports whether q is a register that most meters send and few contracts use:
// those beyond the second tariff. It is not described before it has counted.
func idle(q telegram.Quantity) bool {
	return telegram.ActiveEnergyImportT3 <= q && q <= telegram.ActiveEnergyImportT10 ||
		telegram.ActiveEnergyExportT3 <= q && q <= telegram.ActiveEnergyExportT4 ||
		telegram.ReactiveEnergyImportT3 <= q && q <= telegram.ReactiveEnergyImportT4 ||
		telegram.ReactiveEnergyExportT3 <= q && q <= telegram.ReactiveEnergyExportT4
}

// quantityComponent returns the entity of a quantity without its topics. apparent
// says that the active powers are apparent ones.
func quantityComponent(q telegram.Quantity, apparent bool) component {
	m := telegram.Measurement{Apparent: apparent}
	c := component{id: q.String(), Name: label(q.String()), traits: byUnit[unitOf(&m, q)]}
	if telegram.PowerFactor <= q && q <= telegram.PowerFactorL3 {
		c.traits = traits{Class: "power_factor", State: measurement} // of 1, which has no unit
	}
	for _, r := range rarely {
		if r[0] <= q && q <= r[1] {
			c.Enabled = new(bool)
		}
	}
	return c
}

// channelComponent returns the entity of a live M-Bus channel. A value without a
// unit counts something all the same.
func channelComponent(c *telegram.Channel, base string, number int) component {
	class, n := c.Device.Class(), strconv.Itoa(number)
	t, ok := byUnit[c.Unit]
	if !ok {
		t = traits{State: totalIncreasing}
	}
	if of, ok := byClass[class]; ok && c.Unit == telegram.CubicMetre {
		t = of
	}
	return component{
		id: class + "_" + n, Name: label(class + "_" + n), traits: t,
		Topic: base + "/" + class + "/" + n, Template: "{{ value_json.value }}",
	}
}

// label makes words of a name: active_power_import_l1 is "Active power import L1".
func label(name string) string {
	words := strings.Split(name, "_")
	words[0] = strings.ToUpper(words[0][:1]) + words[0][1:]
	for i, w := range words[1:] {
		if len(w) >= 2 && strings.ContainsRune("0123456789", rune(w[1])) { // l1, t10, q4
			words[i+1] = strings.ToUpper(w)
		}
	}
	return strings.Join(words, " ")
}
