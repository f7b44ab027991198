// Package metrics tells Prometheus what the box knows: every quantity of the meter, the
// meters behind the M-Bus, and how each part of the box is doing, beside what the
// client library tells of the process itself.
//
// # The names
//
// All begin with smartconnect_. A quantity of the quantity table has its own name and
// its unit; of the ending of one part a label is made, so that active_power_l1 in watts
// is smartconnect_active_power_watts{phase="l1"}, and active_energy_import_t2, a
// counter, smartconnect_active_energy_import_watthours_total{tariff="t2"}. The whole has
// the label empty: a sum over all would count it twice.
//
// What is missing is absent, and so is a value of the moment past its limit: an alert
// on absent() fires, and no 0 is drawn into a chart.
package metrics

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"smartconnect/api"
	"smartconnect/telegram"
)

const prefix = "smartconnect_"

// Box is the box at the moment of a scrape.
type Box struct {
	Status      api.Status
	Measurement *telegram.Measurement // what is known of the meter, empty before the first telegram
	Fresh       bool                  // the values of the moment are
}

// Handler answers scrapes in the formats of Prometheus. look is called for each.
func Handler(look func() Box, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{look}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling: promhttp.HTTPErrorOnError,
	})
}

// family is one name with its labels, and what it tells of a box. A label that a member
// does not have is empty there.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	tell func(b *Box, is tell)
}

// tell tells one value of a family. A missing one is not told.
type tell func(v telegram.Value, labels ...string)

func newFamily(name, help string, kind prometheus.ValueType, labels []string, tell func(*Box, tell)) family {
	return family{prometheus.NewDesc(prefix+name, help, labels, nil), kind, tell}
}

// families are all that the box tells.
var families = slices.Concat(quantities(), mbus(), parts)

// collector makes metrics of the box when they are asked for.
type collector struct{ look func() Box }

// Describe names every family, whether or not this box has anything to tell of it.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		to <- f.desc
	}
}

// Collect tells the box as it is now.
func (c collector) Collect(to chan<- prometheus.Metric) {
	b := c.look()
	for _, f := range families {
		f.tell(&b, func(v telegram.Value, labels ...string) {
			if n, ok := v.Get(); ok {
				to <- prometheus.MustNewConstMetric(f.desc, f.kind, n, labels...)
			}
		})
	}
}
