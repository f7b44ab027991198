package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"smartconnect/api"
	"smartconnect/telegram"
)

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// parts are what the box tells of its parts, from the status. Of one that is switched
// off nothing is told.
var parts = []family{
	newFamily("build_info", "1, with the version and the serial number of the box.", gauge, []string{"version", "serial"}, func(b *Box, is tell) {
		is(telegram.Of(1), b.Status.Version, b.Status.Serial)
	}),
	newFamily("uptime_seconds", "Time since this life of the box began.", gauge, nil, func(b *Box, is tell) {
		is(telegram.Of(float64(b.Status.UptimeSeconds)))
	}),
	newFamily("meter_info", "1, with what the meter is.", gauge, []string{"id", "header", "format"}, func(b *Box, is tell) {
		if m := &b.Status.Meter; m.Seq > 0 {
			is(telegram.Of(1), m.ID, m.Header, m.Format)
		}
	}),
	ofMeter("meter_up", "Whether the meter is heard: its values are fresh.", gauge, func(m *api.Meter) telegram.Value { return yes(m.Level == api.OK) }),
	ofMeter("meter_age_seconds", "Age of the values of the moment.", gauge, func(m *api.Meter) telegram.Value { return m.AgeSeconds.Value }),
	ofMeter("meter_limit_seconds", "Age past which they are not fresh.", gauge, func(m *api.Meter) telegram.Value { return m.LimitSeconds.Value }),
	ofMeter("meter_period_seconds", "Time expected between two of them.", gauge, func(m *api.Meter) telegram.Value { return m.PeriodSeconds.Value }),
	ofMeter("meter_telegrams_total", "Good telegrams.", counter, func(m *api.Meter) telegram.Value { return count(m.Telegrams) }),
	ofMeter("meter_frames_total", "Frames with a right check sequence.", counter, func(m *api.Meter) telegram.Value { return count(m.Stages.Frames) }),
	ofMeter("meter_received_bytes_total", "Octets received from the meter.", counter, func(m *api.Meter) telegram.Value { return count(m.Stages.Octets) }),
	ofMeter("meter_noise_bytes_total", "Octets of them that belong to no telegram.", counter, func(m *api.Meter) telegram.Value { return count(m.Stages.Noise) }),
	newFamily("meter_errors_total", "Telegrams that were lost, by why, and failures of the source.", counter, []string{"class"}, func(b *Box, is tell) {
		for class, n := range b.Status.Meter.Errors {
			is(count(n), class)
		}
	}),

	ofModbus("modbus_clients", "Clients connected now, by the row of Modbus.Servers.", gauge, func(m *api.Modbus) telegram.Value { return telegram.Of(float64(m.Clients)) }),
	ofModbus("modbus_requests_total", "Requests answered, exceptions included.", counter, func(m *api.Modbus) telegram.Value { return count(m.Requests) }),
	newFamily("modbus_exceptions_total", "Exceptions answered, by their code.", counter, []string{"server", "code"}, func(b *Box, is tell) {
		for i := range b.Status.Modbus {
			for code, n := range b.Status.Modbus[i].Exceptions {
				is(count(n), strconv.Itoa(i+1), code)
			}
		}
	}),

	ofBroker("broker_clients", "Clients connected to the broker in the box.", gauge, func(b *api.Broker) telegram.Value { return telegram.Of(float64(b.Clients)) }),
	ofBroker("broker_messages_total", "Messages handed to them.", counter, func(b *api.Broker) telegram.Value { return count(b.Messages) }),
	ofBroker("broker_dropped_total", "Messages that one of them had no room for.", counter, func(b *api.Broker) telegram.Value { return count(b.Dropped) }),
	ofBroker("broker_refused_total", "Logins refused.", counter, func(b *api.Broker) telegram.Value { return count(b.Refused) }),

	ofUplink("uplink_connected", "Whether the broker outside is connected.", gauge, func(m *api.MQTT) telegram.Value { return yes(m.State == api.OK) }),
	ofUplink("uplink_sent_total", "Messages that it has acknowledged.", counter, func(m *api.MQTT) telegram.Value { return count(m.Sent) }),
	ofUplink("uplink_waiting", "Messages that wait for it.", gauge, func(m *api.MQTT) telegram.Value { return count(m.Waiting) }),
	ofUplink("uplink_dropped_total", "Messages there was no room for.", counter, func(m *api.MQTT) telegram.Value { return count(m.Dropped) }),
}

func ofMeter(name, help string, kind prometheus.ValueType, value func(*api.Meter) telegram.Value) family {
	return newFamily(name, help, kind, nil, func(b *Box, is tell) { is(value(&b.Status.Meter)) })
}

func ofModbus(name, help string, kind prometheus.ValueType, value func(*api.Modbus) telegram.Value) family {
	return newFamily(name, help, kind, []string{"server"}, func(b *Box, is tell) {
		for i := range b.Status.Modbus {
			is(value(&b.Status.Modbus[i]), strconv.Itoa(i+1))
		}
	})
}

func ofBroker(name, help string, kind prometheus.ValueType, value func(*api.Broker) telegram.Value) family {
	return newFamily(name, help, kind, nil, func(b *Box, is tell) {
		if b.Status.Broker.State != api.Off {
			is(value(&b.Status.Broker))
		}
	})
}

func ofUplink(name, help string, kind prometheus.ValueType, value func(*api.MQTT) telegram.Value) family {
	return newFamily(name, help, kind, nil, func(b *Box, is tell) {
		if b.Status.MQTT.State != api.Off {
			is(value(&b.Status.MQTT))
		}
	})
}

func count(n uint64) telegram.Value { return telegram.Of(float64(n)) }

func yes(is bool) telegram.Value {
	if is {
		return telegram.Of(1)
	}
	return telegram.Of(0)
}
