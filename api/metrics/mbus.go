package metrics

import (
	"math"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"smartconnect/telegram"
)

// counted are the units in which the meters behind the M-Bus count, by the word for
// them: how many of it one is. What says no unit counts all the same.
var counted = []struct {
	word  string
	units map[telegram.Unit]float64
}{
	{"cubic_meters_", map[telegram.Unit]float64{telegram.CubicMetre: 1}},
	{"joules_", map[telegram.Unit]float64{telegram.GigaJoule: 1e9, telegram.MegaJoule: 1e6}},
	{"watthours_", map[telegram.Unit]float64{telegram.WattHour: 1}},
	{"", map[telegram.Unit]float64{telegram.NoUnit: 1}},
}

// mbus are the families of the meters behind the M-Bus.
func mbus() (all []family) {
	labels := []string{"channel", "type", "id"}
	each := func(b *Box, do func(c *telegram.Channel, labels ...string)) {
		for i := range b.Measurement.Channels {
			if c := &b.Measurement.Channels[i]; c.Live() {
				do(c, strconv.Itoa(i+1), c.Device.Class(), c.ID.String())
			}
		}
	}
	for _, of := range counted {
		help := "Counter of a meter behind the M-Bus, in its own unit."
		if of.word != "" {
			help = "Counter of a meter behind the M-Bus."
		}
		all = append(all, newFamily("mbus_"+of.word+"total", help, prometheus.CounterValue, labels, func(b *Box, is tell) {
			each(b, func(c *telegram.Channel, labels ...string) {
				factor, ok := of.units[c.Unit]
				v, _ := c.Value.Get() // a live one has a value
				if factor > 1 {
					v = math.Round(v * factor) // no meter counts single joules
				}
				if ok {
					is(telegram.Of(v), labels...)
				}
			})
		}))
	}
	return append(all, newFamily("mbus_read_timestamp_seconds", "When a meter behind the M-Bus was read, in Unix seconds.", prometheus.GaugeValue, labels, func(b *Box, is tell) {
		each(b, func(c *telegram.Channel, labels ...string) { is(telegram.Of(float64(c.Time.Unix())), labels...) })
	}))
}
