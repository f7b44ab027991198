package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"smartconnect/telegram"
)

// Binary lists the simulated meters whose telegrams are no text: those that
// push lists of DLMS, and those that encrypt the text of P1. The keys of those
// that encrypt are [Key] and [AuthKey].
var Binary = []Meter{
	e450, sealed(e450, "e450-encrypted", authenticated, e450Device.title),
	e450Extended, sealed(e450Extended, "e450-extended-encrypted", authenticated, extendedDevice.title),
	smartme, sealed(smartme, "smart-me-encrypted", authenticated, smartmeDevice.title),
	e360, sealed(e360, "e360-encrypted", authenticated, e360Device.title),
	am550, sealed(am550, "am550-encrypted", encrypted, am550Device.title),
	lausanne, sealed(lausanne, "lausanne-encrypted", encrypted, lausanneDevice.title),
	flexy, sealed(flexy, "flexy-encrypted", authenticated, flexyDevice.title),
	sealed(kaifa, "at-mbus", encrypted, systemTitle("KFM", 0x6750000042)), kaifa, kaifaNorway,
	sealed(plainText("smarty-plain"), "smarty", authenticated, systemTitle("SAG", 0x6700000042)),
	sealed(plainText("at-plain"), "at-p1", authenticated, systemTitle("SAG", 0x3500000043)),
}

// sealed returns the meter with its encryption switched on.
func sealed(m Meter, name string, control byte, title [8]byte) Meter {
	key, err := parseKey(Key)
	auth, err2 := parseKey(AuthKey)
	if err != nil || err2 != nil {
		panic(fmt.Sprintf("sim: the published keys: %v, %v", err, err2))
	}
	m.Name, m.seal = name, &seal{title: title, control: control, key: key, auth: auth}
	return m
}

// plainText returns the meter of [All] of that name.
func plainText(name string) Meter {
	return All[slices.IndexFunc(All, func(m Meter) bool { return m.Name == name })]
}

// systemTitle is that of a manufacturer without a rule for the rest.
func systemTitle(manufacturer string, rest uint64) [8]byte {
	var title [8]byte
	binary.BigEndian.PutUint64(title[:], rest)
	copy(title[:], manufacturer)
	return title
}

// device is a meter's identity by the rules of IDIS: its logical device name,
// and the system title that says the same.
type device struct {
	name  string
	title [8]byte
}

// idis returns the identity of a polyphase meter of package 2 (type 103) with
// the functions (1 disconnector, 2 load management, 4 multi-utility).
func idis(manufacturer string, functions, serial uint32) device {
	return device{
		name:  fmt.Sprintf("%s103%02d%08d", manufacturer, functions, serial),
		title: systemTitle(manufacturer, 103<<32|uint64(functions)<<28|uint64(serial)),
	}
}

var (
	e450Device     = idis("LGZ", 6, 50004501)
	e360Device     = idis("LGZ", 1, 50003601)
	am550Device    = idis("ISK", 7, 50005501)
	lausanneDevice = idis("ISK", 7, 50005502)
)

// The line of the wired M-Bus.
var mbusLine = telegram.Line{Baud: 2400, DataBits: 8, Parity: telegram.EvenParity, StopBits: 1}

// The links, with addresses and sizes as these meters were seen to use them.
var (
	e450Link  = hdlc{addresses: "\xCE\xFF\x03", info: 129}
	e360Link  = hdlc{addresses: "\xCF\x03", info: 2000} // all in one frame
	am550Link = hdlc{addresses: "\xCF\x02\x23", info: 154}
)

// The steps of the numbers in a list. Only lists in triples say so themselves;
// for the others the reader must know the meter.
var (
	stepWh   = form{9, 0, "Wh", 0}
	stepVarh = form{9, 0, "varh", 0}
	stepW    = form{9, 0, "W", 0}
	stepVar  = form{9, 0, "var", 0}
	step1V   = form{3, 0, "V", 0}
	step01V  = form{3, 1, "V", 0}
	step10mA = form{2, 2, "A", 0}
	step1000 = form{1, 3, "", 0}
)

// totalEnergies are the registers of the billing channel.
var totalEnergies = registers(tagLong,
	number("1-1:1.8.0", telegram.ActiveEnergyImport, stepWh),
	number("1-1:2.8.0", telegram.ActiveEnergyExport, stepWh),
	number("1-1:3.8.0", telegram.ReactiveEnergyImport, stepVarh),
	number("1-1:4.8.0", telegram.ReactiveEnergyExport, stepVarh),
)

// e450 is a Landis+Gyr E450 on the wired M-Bus with the list of 2026: volts and
// hundredths of an ampere, and a clock that leaves its zone to the reader.
var e450 = Meter{
	Name: "e450", Line: mbusLine, Interval: 5 * time.Second, Phases: 3, ID: "5004501",
	push: &push{
		body: (*list).capture, zone: silent, carry: e450Link.blocks,
		lists: []list{{every: 1, setup: "0-8:25.9.0", items: slices.Concat(
			[]item{setupName("0-8:25.9.0"), data("0-0:42.0.0", e450Device.name), data("0-0:96.1.1", "5004501"), clockObject(flagged)},
			totalEnergies, registers(tagLong, powers(stepW)...),
			registers(tagShort, volts(step1V)...), registers(tagShort, amps(step10mA)...),
		)}},
	},
}

// e360 is a Landis+Gyr E360 on P1: tenths of a volt, and L3 before L2.
var e360 = Meter{
	Name: "e360", Line: fast, Interval: 5 * time.Second, Phases: 3, ID: e360Device.name,
	push: &push{
		body: (*list).capture, zone: zoned, carry: e360Link.segments,
		lists: []list{{every: 1, setup: "0-6:25.9.0", items: slices.Concat(
			[]item{data("0-0:42.0.0", e360Device.name)},
			totalEnergies, registers(tagLong, powers(stepW)...),
			registers(tagShort, volts(step01V)[0], volts(step01V)[2], volts(step01V)[1]),
			registers(tagShort, amps(step10mA)...),
		)}},
	},
}

// am550 is an Iskraemeco AM550 on P1, which sends its power on the billing
// channel.
var am550 = Meter{
	Name: "am550", Line: fast, Interval: 5 * time.Second, Phases: 3, ID: am550Device.name,
	push: &push{
		body: (*list).capture, zone: zoned, carry: am550Link.segments,
		lists: []list{{every: 1, setup: "0-6:25.9.0", items: slices.Concat(
			[]item{data("0-0:42.0.0", am550Device.name)},
			totalEnergies, registers(tagLong,
				number("1-1:1.7.0", telegram.ActivePowerImport, stepW),
				number("1-1:2.7.0", telegram.ActivePowerExport, stepW)),
			registers(tagShort, volts(step01V)...), registers(tagShort, amps(step10mA)...),
		)}},
	},
}

// lausanne is an AM550 as Services industriels de Lausanne set it up: the
// consumer message with the counters at the start of each minute, consumer
// information 1 with the moment every 5 s. Rate 1 is the low one.
var lausanne = Meter{
	Name: "lausanne", Line: fast, Interval: 5 * time.Second, Phases: 3, ID: "5005502",
	push: &push{
		body: (*list).capture, zone: zoned, carry: am550Link.segments,
		lists: []list{{every: 12, setup: "0-6:25.9.0", items: slices.Concat(
			[]item{data("0-0:96.1.1", "5005502"), clockObject(zoned), data("0-0:96.13.0", "A message to the customer")},
			registers(tagLong,
				number("1-1:1.8.1", telegram.ActiveEnergyImportT1, stepWh),
				number("1-1:1.8.2", telegram.ActiveEnergyImportT2, stepWh),
				number("1-1:2.8.1", telegram.ActiveEnergyExportT1, stepWh),
				number("1-1:2.8.2", telegram.ActiveEnergyExportT2, stepWh),
				number("1-1:3.8.1", telegram.ReactiveEnergyImportT1, stepVarh),
				number("1-1:3.8.2", telegram.ReactiveEnergyImportT2, stepVarh),
				number("1-1:4.8.1", telegram.ReactiveEnergyExportT1, stepVarh),
				number("1-1:4.8.2", telegram.ReactiveEnergyExportT2, stepVarh)),
			totalEnergies,
		)}, {every: 1, setup: "0-6:25.9.0", items: slices.Concat(
			[]item{data("0-0:96.1.1", "5005502")},
			registers(tagLong, powers(stepW)...),
			registers(tagLong, reactivePowers(stepVar)...),
			registers(tagShort, volts(step01V)...), registers(tagShort, amps(step10mA)...),
			registers(tagShort, number("1-0:91.7.0", telegram.CurrentNeutral, step10mA)),
			registers(tagLong, phaseImport(stepW)...), registers(tagLong, phaseExport(stepW)...),
			registers(tagLong, phaseReactiveImport(stepVar)...), registers(tagLong, phaseReactiveExport(stepVar)...),
		)}},
	},
}

// kaifa is a Kaifa MA309 as Lower Austria has it, with scalers and units in the
// telegram, and phases that count apart.
var kaifa = Meter{
	Name: "at-mbus-plain", Line: mbusLine, Interval: 5 * time.Second, Phases: 3, ID: "181220000042",
	wiring: apart,
	push: &push{
		body: (*list).triples, zone: zoned, flags: 0x80000000, carry: mbusFrames,
		lists: []list{{every: 1, serial: "181220000042", items: slices.Concat(
			registers(tagLong,
				number("1-0:1.8.0", telegram.ActiveEnergyImport, stepWh),
				number("1-0:2.8.0", telegram.ActiveEnergyExport, stepWh)),
			registers(tagLong, powers(stepW)...),
			registers(tagShort, volts(step01V)...), registers(tagShort, amps(step10mA)...),
			registers(tagShort, number("1-0:13.7.0", telegram.PowerFactor, step1000)),
		)}},
	},
}

func reactivePowers(f form) []object {
	return []object{
		number("1-0:3.7.0", telegram.ReactivePowerImport, f),
		number("1-0:4.7.0", telegram.ReactivePowerExport, f),
	}
}
