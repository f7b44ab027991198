package payload

import (
	"slices"
	"testing"

	"smartconnect/telegram"
)

// What Home Assistant takes together (DEVICE_CLASS_UNITS and
// DEVICE_CLASS_STATE_CLASSES in components/sensor/const.py); "" is no unit. An entity
// of another combination is logged as wrong, and the energy dashboard leaves it out.
var taken = map[string]struct{ units, states []string }{
	"":               {[]string{"", "varh", "VAh"}, []string{"", totalIncreasing}},
	"apparent_power": {[]string{"VA"}, []string{measurement}},
	"current":        {[]string{"A", "mA"}, []string{measurement}},
	"duration":       {[]string{"d", "h", "min", "s"}, []string{measurement, totalIncreasing}},
	"energy":         {[]string{"Wh", "kWh", "MWh", "MJ", "GJ"}, []string{totalIncreasing, "total"}},
	"frequency":      {[]string{"Hz", "kHz"}, []string{measurement}},
	"gas":            {[]string{"m³", "ft³"}, []string{totalIncreasing, "total"}},
	"power":          {[]string{"W", "kW"}, []string{measurement}},
	"power_factor":   {[]string{"", "%"}, []string{measurement}},
	"reactive_power": {[]string{"var"}, []string{measurement}},
	"voltage":        {[]string{"V", "mV"}, []string{measurement}},
	"volume":         {[]string{"m³", "L"}, []string{totalIncreasing, "total"}},
	"water":          {[]string{"m³", "L"}, []string{totalIncreasing, "total"}},
}

func TestTraitsAreTaken(t *testing.T) {
	check := func(what string, got traits) {
		if of, ok := taken[got.Class]; !ok || !slices.Contains(of.units, got.Unit) || !slices.Contains(of.states, got.State) {
			t.Errorf("%s: class %q with unit %q and state class %q", what, got.Class, got.Unit, got.State)
		}
	}
	for q := range telegram.NumQuantities {
		for _, apparent := range []bool{false, true} {
			c := quantityComponent(q, apparent)
			check(q.String(), c.traits)
			if counter := c.State == totalIncreasing; counter != (q.Kind() == telegram.Cumulative) {
				t.Errorf("%s: state class %q", q, c.State)
			}
		}
	}
	for unit := telegram.NoUnit; unit <= telegram.Second; unit++ {
		for device := range telegram.Device(22) {
			check(device.Class()+" in "+unit.String(), channelComponent(&telegram.Channel{Device: device, Unit: unit}, "b", 1).traits)
		}
	}
}

// Gas and water have a place of their own on the dashboard.
func TestWhatTheDashboardShows(t *testing.T) {
	for _, c := range []struct {
		device telegram.Device
		unit   telegram.Unit
		want   string
	}{
		{3, telegram.CubicMetre, "gas"},
		{7, telegram.CubicMetre, "water"},
		{4, telegram.CubicMetre, "volume"}, // of the water that carries heat
		{4, telegram.GigaJoule, "energy"},
		{12, telegram.MegaJoule, "energy"},
		{2, telegram.WattHour, "energy"},
	} {
		if got := channelComponent(&telegram.Channel{Device: c.device, Unit: c.unit}, "b", 1).Class; got != c.want {
			t.Errorf("%s in %s is %q, want %q", c.device.Class(), c.unit, got, c.want)
		}
	}
}

func TestLabel(t *testing.T) {
	for name, want := range map[string]string{
		"tariff":                   "Tariff",
		"active_power_import_l1":   "Active power import L1",
		"active_energy_import_t10": "Active energy import T10",
		"reactive_energy_q4":       "Reactive energy Q4",
		"gas_1":                    "Gas 1",
	} {
		if got := label(name); got != want {
			t.Errorf("%s is called %q, want %q", name, got, want)
		}
	}
}
