package sim

import (
	"time"

	"smartconnect/telegram"
)

// All lists the simulated meters. The first is the one to show.
var All = []Meter{
	{
		Name: "dsmr50", Line: fast, Interval: time.Second, Phases: 3, check: crc,
		Header: `ISK5\2M550T-1012`, ID: "E0000000000000050",
		objects:  dutch("50", "E0000000000000050", threePhases, failures),
		channels: []channel{gasChannel(gasNow, dutchChannel), waterChannel(dutchChannel)},
	}, {
		Name: "dsmr50-1ph", Line: fast, Interval: time.Second, Phases: 1, check: crc,
		Header: `ISK5\2M550E-1012`, ID: "E0000000000000051",
		objects:  dutch("50", "E0000000000000051", onePhase, failures),
		channels: []channel{gasChannel(gasNow, dutchChannel), waterChannel(dutchChannel)},
	}, {
		Name: "dsmr42", Line: fast, Interval: 10 * time.Second, Phases: 3, check: crc,
		Header: "KFM5KAIFA-METER", ID: "E0000000000000042",
		objects:  dutch("42", "E0000000000000042", threePhasesNoVolts, failures),
		channels: []channel{gasChannel(gasHourly, dutchChannel)},
	}, {
		Name: "dsmr22", Line: slow, Interval: 10 * time.Second, Phases: 3,
		Header: `ISk5\2MT382-1000`, ID: "E000000000000022",
		objects:  oldDutch("E000000000000022"),
		channels: []channel{gasChannel(gasHourly, oldDutchChannel)},
	}, {
		Name: "emucs", Line: fast, Interval: time.Second, Phases: 3, check: crc,
		Header: `FLU5\253769484_A`, ID: "1SAG0000000217",
		calendar: calendar{belgian: true},
		objects:  belgian("1SAG0000000217"),
		channels: []channel{gasChannel(gasNow, belgianChannel), waterChannel(belgianChannel)},
	}, {
		Name: "emucs-delta", Line: fast, Interval: time.Second, Phases: 3, check: crc,
		Header: `FLU5\253769484_A`, ID: "1SAG0000000230",
		wiring: delta, calendar: calendar{belgian: true},
		objects: belgian("1SAG0000000230"),
	}, {
		Name: "smarty-plain", Line: fast, Interval: 10 * time.Second, Phases: 3, check: crc,
		Header: `Lux5\253694471_M`, ID: "SAG0000000000042",
		objects:  luxembourg("SAG0000000000042"),
		channels: []channel{gasChannel(gasHourly, dutchChannel)},
	}, {
		Name: "han-se", Line: fast, Interval: 10 * time.Second, Phases: 3, check: crc,
		Header: "ADN9 6534", calendar: calendar{winterOnly: true},
		objects: swedish(),
	}, {
		Name: "at-plain", Line: fast, Interval: 5 * time.Second, Phases: 3, check: crc,
		Header: `EST5\253710000_A`, wiring: apart,
		objects: austrian(),
	}, {
		Name: "hu", Line: fast, Interval: 10 * time.Second, Phases: 3, check: crc,
		Header: "SAG5SAG-METER", ID: "890000000000036",
		objects: hungarian("890000000000036"),
	}, {
		Name: "q3d", Line: slow, Interval: 2 * time.Second, Phases: 3,
		Header: "ESY5Q3DB1024 V3.04", ID: "1ESY1000000003", wiring: net,
		objects: easyMeter("1ESY1000000003"),
	}, {
		Name: "warmtelink", Line: fast, Interval: 10 * time.Second, Phases: 3, check: shortCRC,
		Header: "NWA-WARMTELINK", ID: "ADC0000000000004",
		objects: []object{
			text("1-3:0.2.8", "(50)"),
			clock,
			text("0-0:96.1.1", "(ADC0000000000004)"),
			text("0-0:96.13.1", "()"),
			text("0-0:96.13.0", "()"),
		},
		channels: []channel{{number: 1, device: heat, id: "000000012D2C0B0C", sample: heatNow,
			form: form{3, 3, "GJ", 0}, unit: telegram.GigaJoule, lines: heatLines}},
	},
}

var (
	fast = telegram.Line{Baud: 115200, DataBits: 8, Parity: telegram.NoParity, StopBits: 1}
	slow = telegram.Line{Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}
)
