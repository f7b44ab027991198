package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"smartconnect/telegram"
)

// The lists of the Swiss papers beside those in binary.go: the CIP lists of
// Landis+Gyr (basic and extended), those of smart-me that came before, and the
// list of Norway whose power comes oftener than the rest.

// basic is the basic CIP list behind its push setup: who it is, the counters, the
// tariff, and the moment.
func basic(device string, volt form) []item {
	return slices.Concat(
		[]item{data("0-0:42.0.0", device)},
		totalEnergies, []item{tariffItem}, registers(tagLong, powers(stepW)...),
		registers(tagShort, volts(volt)...), registers(tagShort, amps(step10mA)...),
	)
}

// tariffItem is the tariff in force, a number of one octet.
var tariffItem = item{object: number("0-0:96.14.0", telegram.Tariff, form{1, 0, "", 0}), name: logicalName("0-0:96.14.0"), class: classData, attribute: 2, tag: tagOctet}

// extended is what the extended CIP list adds: the phases, and a text.
func extended() []item {
	return slices.Concat(
		registers(tagLong, phaseImport(stepW)...), registers(tagLong, phaseExport(stepW)...),
		registers(tagLong, phaseReactiveImport(stepVar)...), registers(tagLong, phaseReactiveExport(stepVar)...),
		[]item{data("0-0:96.13.0", "A message to the customer")},
	)
}

var (
	extendedDevice = idis("LGZ", 6, 50004502)
	smartmeDevice  = idis("LGZ", 6, 50004503)
	flexyDevice    = idis("LOG", 3, 50006601)
)

// e450Extended is a Landis+Gyr E450 with the whole CIP list, 28 elements.
var e450Extended = Meter{
	Name: "e450-extended", Line: mbusLine, Interval: 5 * time.Second, Phases: 3, ID: extendedDevice.name,
	push: &push{
		body: (*list).capture, zone: silent, carry: e450Link.blocks,
		lists: []list{{every: 1, setup: "0-8:25.9.0", items: slices.Concat(basic(extendedDevice.name, step1V), extended())}},
	},
}

// flexy is a Meter&Control FLEXY F2 on P1 with the basic list. No telegram of one
// has been published: its link and its steps are taken to be those of the AM550.
var flexy = Meter{
	Name: "flexy", Line: fast, Interval: 5 * time.Second, Phases: 3, ID: flexyDevice.name,
	push: &push{
		body: (*list).capture, zone: zoned, carry: am550Link.segments,
		lists: []list{{every: 1, setup: "0-6:25.9.0", items: basic(flexyDevice.name, step01V)}},
	},
}

// smartme is a Landis+Gyr E450 as it was set up for the dongle of smart-me:
// consumer information 1 every 5 s, without voltages and with reactive energies by
// quadrants; the tariffs every minute, and the meters behind it every quarter of
// an hour.
var smartme = Meter{
	Name: "smart-me", Line: mbusLine, Interval: 5 * time.Second, Phases: 3, ID: "5004503",
	push: &push{
		body: (*list).capture, zone: silent, carry: e450Link.blocks,
		lists: []list{{every: 1, setup: "0-8:25.9.0", items: slices.Concat(
			[]item{setupName("0-8:25.9.0"), data("0-0:96.1.0", "5004503")},
			registers(tagLong, powers(stepW)...),
			registers(tagLong,
				number("1-1:1.8.0", telegram.ActiveEnergyImport, stepWh),
				number("1-1:2.8.0", telegram.ActiveEnergyExport, stepWh),
				number("1-1:5.8.0", telegram.ReactiveEnergyQ1, stepVarh),
				number("1-1:6.8.0", telegram.ReactiveEnergyQ2, stepVarh),
				number("1-1:7.8.0", telegram.ReactiveEnergyQ3, stepVarh),
				number("1-1:8.8.0", telegram.ReactiveEnergyQ4, stepVarh),
				number("1-0:130.7.0", telegram.ReactivePower, stepVar)),
			registers(tagShort, amps(step10mA)...),
		)}, {every: 12, setup: "0-9:25.9.0", items: slices.Concat(
			[]item{setupName("0-9:25.9.0")},
			registers(tagLong,
				number("1-1:1.8.1", telegram.ActiveEnergyImportT1, stepWh),
				number("1-1:1.8.2", telegram.ActiveEnergyImportT2, stepWh),
				number("1-1:2.8.1", telegram.ActiveEnergyExportT1, stepWh),
				number("1-1:2.8.2", telegram.ActiveEnergyExportT2, stepWh)),
		)}, {every: 180, setup: "0-11:25.9.0", items: slices.Concat(
			[]item{setupName("0-11:25.9.0")}, clients(smartmeChannels[:], 3),
		), channels: smartmeChannels[:]}},
	},
}

// smartmeChannels are the meters behind it; a third place is free.
var smartmeChannels = [...]channel{
	{number: 1, device: gas, id: "20000001", sample: gasNow, form: form{9, 3, "m3", 0}, unit: telegram.CubicMetre},
	{number: 2, device: water, id: "20000002", sample: waterNow, form: form{9, 3, "m3", 0}, unit: telegram.CubicMetre},
}

// clients are the elements of n M-Bus clients (class 72) and their readings, by
// kinds: identification, value, device type, scaler with unit. Those without a
// meter say 0.
func clients(channels []channel, n int) []item {
	const classClient, classExtended = 72, 4
	const cubicMetre = 13 // of IEC 62056-6-2, table 4
	kinds := [...]struct {
		code             string
		class, attribute byte
		says             func(dst []byte, c *channel, r *reading) []byte
	}{
		{"24.1.0", classClient, 6, func(dst []byte, c *channel, _ *reading) []byte {
			return appendNumber(dst, tagLong, int64(c.serial()))
		}},
		{"24.2.1", classExtended, 2, func(dst []byte, c *channel, r *reading) []byte {
			if c.sample == nil {
				return appendNumber(dst, tagLong, 0)
			}
			return appendNumber(dst, tagLong, c.form.steps(c.sample(r.State).Value))
		}},
		{"24.1.0", classClient, 9, func(dst []byte, c *channel, _ *reading) []byte {
			return appendNumber(dst, tagOctet, int64(c.device))
		}},
		{"24.2.1", classExtended, 3, func(dst []byte, c *channel, _ *reading) []byte {
			return append(dst, tagStructure, 2, tagInteger, byte(-c.form.decimals), tagEnum, cubicMetre)
		}},
	}
	var items []item
	for _, kind := range kinds {
		for i := range n {
			c := &channel{number: i + 1}
			if i < len(channels) {
				c = &channels[i]
			}
			code := "0-" + string(rune('0'+c.number)) + ":" + kind.code
			items = append(items, item{
				object: object{code: code, text: func(dst []byte, r *reading) []byte { return kind.says(dst, c, r) }},
				name:   logicalName(code), class: kind.class, attribute: kind.attribute,
			})
		}
	}
	return items
}

// kaifaNorway is a Kaifa MA304H3E: its power alone every 2.5 s (list 1), all
// phases every 10 s (list 2), and the counters with them every hour (list 3), as
// values without names.
var kaifaNorway = Meter{
	Name: "kaifa-no", Line: mbusLine, Interval: 2500 * time.Millisecond, Phases: 3, ID: "6970630000000042",
	push: &push{
		body: (*list).positional, zone: silent, tagged: true, flags: 0x40000000, carry: kaifaLink.segments,
		lists: []list{
			{every: 1, except: 4, items: registers(tagLong, powers(stepW)[0])},
			{every: 4, except: 1440, items: kaifaMoment},
			{every: 1440, items: slices.Concat(kaifaMoment, []item{clockObject(flagged)}, registers(tagLong,
				number("1-0:1.8.0", telegram.ActiveEnergyImport, stepWh),
				number("1-0:2.8.0", telegram.ActiveEnergyExport, stepWh),
				number("1-0:3.8.0", telegram.ReactiveEnergyImport, stepVarh),
				number("1-0:4.8.0", telegram.ReactiveEnergyExport, stepVarh)))},
		},
	},
}

var (
	kaifaLink   = hdlc{addresses: "\x01\x02\x01", info: 2000}
	step1mA     = form{6, 3, "A", 0}
	kaifaMoment = slices.Concat(
		[]item{data("1-1:0.2.129", "KFM_001"), data("0-0:96.1.0", "6970630000000042"), data("0-0:96.1.7", "MA304H3E")},
		registers(tagLong, powers(stepW)...), registers(tagLong, reactivePowers(stepVar)...),
		registers(tagLong, amps(step1mA)...), registers(tagLong, volts(step01V)...),
	)
)

// positional is a body of values alone: who reads it knows their order.
func (l *list) positional(dst []byte, r *reading) []byte {
	dst = append(dst, tagStructure, byte(len(l.items)))
	for i := range l.items {
		dst = l.items[i].value(dst, r)
	}
	return dst
}

// serial is the identification of the channel as a number.
func (c *channel) serial() (n uint32) {
	for _, digit := range c.id {
		n = 10*n + uint32(digit-'0')
	}
	return n
}

// invoke appends the head of a data-notification: the long-invoke-id and the time,
// which Kaifa sends as an octet-string with its tag (a deviation of its own).
func (p *push) invoke(dst []byte, counter uint32, when []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, 0x0F), p.flags|counter&0xFFFFFF)
	if p.tagged {
		dst = append(dst, tagOctets)
	}
	return appendCounted(dst, when)
}
