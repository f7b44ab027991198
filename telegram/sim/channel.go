package sim

import (
	"time"

	"smartconnect/telegram"
)

// Sample is one reading of a device on the M-Bus.
type Sample struct {
	Time  time.Time // when it was read
	Value float64   // m3, or GJ of heat
}

// channel is an M-Bus meter behind the electricity meter.
type channel struct {
	number int
	device telegram.Device
	id     string
	sample func(*State) Sample
	form   form
	unit   telegram.Unit
	lines  func(dst []byte, c *channel, r *reading) []byte
}

func (c *channel) print(dst []byte, r *reading) []byte { return c.lines(dst, c, r) }

// object appends the code of an object of this channel and what it says.
func (c *channel) object(dst []byte, code, says string) []byte {
	dst = append(dst, "0-"...)
	dst = appendPadded(dst, int64(c.number), 1)
	return append(append(append(dst, ':'), code...), says...)
}

// device types of EN 13757-3.
const (
	gas   telegram.Device = 3
	heat  telegram.Device = 4
	water telegram.Device = 7
)

func gasNow(s *State) Sample    { return s.Gas }
func gasHourly(s *State) Sample { return s.GasHourly }
func waterNow(s *State) Sample  { return s.Water }
func heatNow(s *State) Sample   { return s.Heat }

func gasChannel(sample func(*State) Sample, lines func([]byte, *channel, *reading) []byte) channel {
	return channel{number: 1, device: gas, id: "G0000000000000001", sample: sample, form: form{5, 3, "m3", 0}, unit: telegram.CubicMetre, lines: lines}
}

func waterChannel(lines func([]byte, *channel, *reading) []byte) channel {
	return channel{number: 2, device: water, id: "8SIM0000000002", sample: waterNow, form: form{5, 3, "m3", 0}, unit: telegram.CubicMetre, lines: lines}
}

// dutchChannel is a device as DSMR 4 and 5 send it.
func dutchChannel(dst []byte, c *channel, r *reading) []byte {
	dst = c.deviceType(dst)
	dst = c.object(dst, "96.1.0", "("+hexOf(c.id)+")\r\n")
	return c.reading(dst, "24.2.1", r)
}

// belgianChannel is a device as E-MUCS sends it: another code for the
// identifier and, for gas, the valve and the value without temperature
// correction.
func belgianChannel(dst []byte, c *channel, r *reading) []byte {
	dst = c.deviceType(dst)
	dst = c.object(dst, "96.1.1", "("+hexOf(c.id)+")\r\n")
	if c.device != gas {
		return c.reading(dst, "24.2.1", r)
	}
	dst = c.object(dst, "24.4.0", "(1)\r\n")
	return c.reading(dst, "24.2.3", r)
}

// oldDutchChannel is a device as DSMR 2 and 3 send it: the value stands on a
// line of its own, and its time has no sign for summer.
func oldDutchChannel(dst []byte, c *channel, r *reading) []byte {
	sample, value := c.sample(r.State), c.form
	value.unit = ""
	dst = c.object(dst, "24.1.0", "(3)\r\n")
	dst = c.object(dst, "96.1.0", "("+hexOf(c.id)+")\r\n")
	dst = c.object(dst, "24.3.0", "(")
	dst = r.calendar.stamp(dst, sample.Time, false)
	dst = c.object(append(dst, ")(00)(60)(1)("...), "24.2.1", ")(m3)\r\n")
	dst = value.print(dst, value.steps(sample.Value))
	return c.object(append(dst, "\r\n"...), "24.4.0", "(1)\r\n")
}

// heatLines is a device as WarmteLink sends it: its identifier is no text.
func heatLines(dst []byte, c *channel, r *reading) []byte {
	dst = c.deviceType(dst)
	dst = c.object(dst, "96.1.0", "("+c.id+")\r\n")
	return c.reading(dst, "24.2.1", r)
}

func (c *channel) deviceType(dst []byte) []byte {
	dst = c.object(dst, "24.1.0", "(")
	return append(appendPadded(dst, int64(c.device), 3), ")\r\n"...)
}

// reading appends the line with the time and the value.
func (c *channel) reading(dst []byte, code string, r *reading) []byte {
	sample := c.sample(r.State)
	dst = r.calendar.stamp(c.object(dst, code, "("), sample.Time, true)
	dst = c.form.print(append(dst, ')'), c.form.steps(sample.Value))
	return append(dst, "\r\n"...)
}
