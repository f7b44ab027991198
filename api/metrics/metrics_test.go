package metrics

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"smartconnect/api"
	"smartconnect/telegram"
)

// full is a box that has something to tell under every name but those of the powers in
// VA.
func full() Box {
	n := func(v float64) api.Number { return api.Number{Value: telegram.Of(v)} }
	m := &telegram.Measurement{}
	for q := range telegram.NumQuantities {
		m.Set(q, telegram.Of(float64(q)+1))
	}
	for i, unit := range []telegram.Unit{telegram.CubicMetre, telegram.GigaJoule, telegram.WattHour, telegram.NoUnit} {
		m.Channels[i] = telegram.Channel{
			Device: 3, ID: telegram.TextOf(`G"1\`), Time: time.Unix(1795225500, 0), Value: telegram.Of(1042.195), Unit: unit,
		}
	}
	return Box{Fresh: true, Measurement: m, Status: api.Status{
		Serial: "A1B2C3D4E5F6", Version: "1.2.3", UptimeSeconds: 93784,
		Meter: api.Meter{
			Level: api.OK, ID: "E0043007052870318", Header: `ISK5\2M550T-1012`, Format: "p1", Seq: 100042,
			PeriodSeconds: n(1), AgeSeconds: n(0.6), LimitSeconds: n(5), Telegrams: 93771,
			Stages: api.Stages{Octets: 70_000_000, Noise: 17, Frames: 93775}, Errors: map[string]uint64{"checksum": 3, "malformed": 1},
		},
		Modbus: []api.Modbus{
			{State: api.OK, Clients: 2, Requests: 184467, Exceptions: map[string]uint64{"0B": 12, "02": 0}},
			{State: api.Fault, Exceptions: map[string]uint64{"0B": 1}},
		},
		Broker: api.Broker{State: api.OK, Clients: 3, Messages: 1000, Dropped: 4, Refused: 5},
		MQTT:   api.MQTT{State: api.OK, Sent: 11, Waiting: 12, Dropped: 13},
	}}
}

// apparent is the same with a French meter.
func apparent() Box {
	b := full()
	b.Measurement.Apparent = true
	return b
}

// scrape returns every sample as it is written: name{label="…"} value.
func scrape(t *testing.T, b Box) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(func() Box { return b }, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(w.Body.String())); err != nil {
		t.Fatalf("%v:\n%s", err, w.Body)
	}
	return w.Body.String()
}

func gather(t *testing.T, b Box) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{func() Box { return b }})
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Prometheus's own rules about names, help and types.
func TestLint(t *testing.T) {
	for name, b := range map[string]Box{"in W": full(), "in VA": apparent()} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collector{func() Box { return b }})
		problems, err := testutil.GatherAndLint(registry)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
		}
	}
}

// Every quantity of the table has a sample of its own, whose name tells what it is.
func TestEveryQuantity(t *testing.T) {
	valid := regexp.MustCompile(`^smartconnect_[a-z]+(_[a-z]+)*$`)
	for name, b := range map[string]Box{"in W": full(), "in VA": apparent()} {
		found := map[float64][]string{} // by value, which is the number of the quantity
		for _, f := range gather(t, b) {
			if !valid.MatchString(f.GetName()) {
				t.Errorf("%s is no name", f.GetName())
			}
			for _, m := range f.GetMetric() {
				text := f.GetName()
				for _, l := range m.GetLabel() {
					text += "_" + l.GetValue()
				}
				value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
				found[value] = append(found[value], text)
			}
		}
		for q := range telegram.NumQuantities {
			whole := ending.ReplaceAllString(q.String(), "$1")
			of := slices.DeleteFunc(slices.Clone(found[float64(q)+1]), func(text string) bool { return !strings.HasPrefix(text, prefix+whole) })
			if len(of) != 1 {
				t.Errorf("%s: %s is told as %v", name, q, of)
				continue
			}
			if word := units[unitOf(b.Measurement, q)]; !strings.Contains(of[0], "_"+word) {
				t.Errorf("%s: %s is in %s and called %s", name, q, word, of[0])
			}
			if counter := q.Kind() == telegram.Cumulative; strings.Contains(of[0], "_total") != counter {
				t.Errorf("%s: %s counts: %v, and is called %s", name, q, counter, of[0])
			}
		}
	}
}

func TestScrape(t *testing.T) {
	silent := full()
	silent.Fresh = false
	silent.Status.Meter.Level = api.Stale
	nothing := Box{Measurement: &telegram.Measurement{}, Status: api.Status{Version: "1.2.3", Broker: api.Broker{State: api.Off}, MQTT: api.MQTT{State: api.Off}}}
	down := full()
	down.Status.MQTT.State = api.Fault
	dead := full()
	dead.Measurement.Channels[0].ID = telegram.Text{}
	for _, c := range []struct {
		name string
		box  Box
		has  []string // whole lines
		not  []string // beginnings of lines
	}{
		{"before the first telegram", nothing,
			[]string{`smartconnect_meter_up 0`, `smartconnect_meter_telegrams_total 0`, `smartconnect_build_info{serial="",version="1.2.3"} 1`, `smartconnect_uptime_seconds 0`},
			[]string{"smartconnect_active", "smartconnect_voltage", "smartconnect_tariff", "smartconnect_mbus", "smartconnect_meter_age", "smartconnect_meter_limit",
				"smartconnect_meter_info", "smartconnect_modbus", "smartconnect_broker", "smartconnect_uplink"}},
		{"a silent meter: counters, peaks and settings stay true", silent,
			[]string{`smartconnect_meter_up 0`, `smartconnect_active_energy_import_watthours_total{tariff=""} 46`, `smartconnect_active_demand_month_peak_watts 77`, `smartconnect_tariff 80`},
			[]string{"smartconnect_active_power", "smartconnect_voltage", "smartconnect_current", "smartconnect_frequency", "smartconnect_power_factor",
				"smartconnect_active_demand_watts", "smartconnect_active_demand_forecast", "smartconnect_active_demand_headroom"}},
		{"powers in VA", apparent(),
			[]string{`smartconnect_active_power_voltamperes{phase=""} 1`, `smartconnect_apparent_power_import_voltamperes{phase="l1"} 30`, `smartconnect_active_demand_watts 76`},
			[]string{"smartconnect_active_power_watts", "smartconnect_active_power_import_watts"}},
		{"a dead place on the M-Bus", dead, []string{`smartconnect_mbus_watthours_total{channel="3",id="G\"1\\",type="gas"} 1042.195`}, []string{"smartconnect_mbus_cubic"}},
		{"no connection outside", down, []string{`smartconnect_uplink_connected 0`, `smartconnect_uplink_waiting 12`}, nil},
		{"all is well", full(), []string{
			`smartconnect_active_power_watts{phase=""} 1`,
			`smartconnect_active_power_watts{phase="l3"} 4`,
			`smartconnect_reactive_power_vars{phase="",quadrant=""} 13`,
			`smartconnect_reactive_power_vars{phase="l1",quadrant=""} 14`,
			`smartconnect_reactive_power_vars{phase="",quadrant="q4"} 28`,
			`smartconnect_voltage_volts{phase="l1"} 34`,
			`smartconnect_current_amperes{phase="l2"} 38`,
			`smartconnect_current_neutral_amperes 40`,
			`smartconnect_frequency_hertz 41`,
			`smartconnect_power_factor{phase="l1"} 43`,
			`smartconnect_active_energy_import_watthours_total{tariff="t10"} 56`,
			`smartconnect_reactive_energy_varhours_total{quadrant="q1"} 72`,
			`smartconnect_mbus_cubic_meters_total{channel="1",id="G\"1\\",type="gas"} 1042.195`,
			`smartconnect_mbus_joules_total{channel="2",id="G\"1\\",type="gas"} 1.042195e+12`,
			`smartconnect_mbus_total{channel="4",id="G\"1\\",type="gas"} 1042.195`,
			`smartconnect_mbus_read_timestamp_seconds{channel="1",id="G\"1\\",type="gas"} 1.7952255e+09`,
			`smartconnect_build_info{serial="A1B2C3D4E5F6",version="1.2.3"} 1`,
			`smartconnect_meter_info{format="p1",header="ISK5\\2M550T-1012",id="E0043007052870318"} 1`,
			`smartconnect_meter_up 1`, `smartconnect_meter_age_seconds 0.6`, `smartconnect_meter_period_seconds 1`, `smartconnect_meter_limit_seconds 5`,
			`smartconnect_meter_telegrams_total 93771`, `smartconnect_meter_frames_total 93775`,
			`smartconnect_meter_received_bytes_total 7e+07`, `smartconnect_meter_noise_bytes_total 17`,
			`smartconnect_meter_errors_total{class="checksum"} 3`,
			`smartconnect_modbus_clients{server="1"} 2`, `smartconnect_modbus_requests_total{server="1"} 184467`,
			`smartconnect_modbus_exceptions_total{code="0B",server="1"} 12`, `smartconnect_modbus_exceptions_total{code="0B",server="2"} 1`,
			`smartconnect_broker_clients 3`, `smartconnect_broker_messages_total 1000`, `smartconnect_broker_dropped_total 4`, `smartconnect_broker_refused_total 5`,
			`smartconnect_uplink_connected 1`, `smartconnect_uplink_sent_total 11`, `smartconnect_uplink_waiting 12`, `smartconnect_uplink_dropped_total 13`,
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := scrape(t, c.box)
			lines := strings.Split(text, "\n")
			for _, want := range append(c.has, "# TYPE go_goroutines gauge", "# TYPE process_open_fds gauge") {
				if !slices.Contains(lines, want) {
					name, _, _ := strings.Cut(want, "{")
					t.Errorf("there is no line %s but %v", want, slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, name) }))
				}
			}
			for _, absent := range c.not {
				if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, absent) }); i >= 0 {
					t.Errorf("%s is told", lines[i])
				}
			}
		})
	}
}

// What a scrape costs: it is asked for every few seconds.
func BenchmarkScrape(b *testing.B) {
	box := full()
	h := Handler(func() Box { return box }, slog.New(slog.DiscardHandler))
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	}
}
