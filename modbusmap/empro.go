package modbusmap

import "smartconnect/telegram"

// empro is the EMpro energy meter of Phoenix Contact (EEM-MA370, EEM-MA371),
// which the Smart Connect emulates (manual section 5.3). That manual lists ten
// values; the rest is the maker's register table 1.6.0. Energy management
// systems read straight through what the manual leaves out (OpenEMS takes 57
// registers from 0x8006 and 8 from 0x8100), so the meter is served whole, and
// what a utility meter does not say is 0.0.
//
// An EMpro's currents are r.m.s. values without a sign. Energies are in Wh,
// which a Float32 resolves to 1 Wh up to 16 777 kWh, then to 2, 4, ...
var empro = Map{
	Name:         "PhoenixContact-EMPro",
	Functions:    []byte{0x03, 0x04},
	LowWordFirst: true,
	LowByteFirst: true,
	// The measured blocks come first, being read the most.
	Blocks: []Block{{0x8000, 0x8057}, {0x8100, 0x8117}, {0x012C, 0x015A}, {0x0100, 0x0101}, {0x01A0, 0x01AF}},
	Entries: []Entry{
		{Addr: 0x0100, Name: "FW_REV_32BIT", Type: Uint32, Kind: Constant, Of: revision},
		{Addr: 0x012C, Name: "NAME", Type: Text, Words: 8, Kind: Constant, Text: text("EEM-MA371")},
		{Addr: 0x0134, Name: "ORDER_NO", Type: Text, Words: 8, Kind: Constant, Text: text("2908307")},
		{Addr: 0x013C, Name: "SERIAL_NO_STR", Type: Text, Words: 9, Kind: Constant, Text: serial},
		{Addr: 0x0145, Name: "UUID", Type: Text, Words: 8, Kind: Constant},
		{Addr: 0x0150, Name: "PROD_TS_DAY", Type: Uint16, Kind: Constant},
		{Addr: 0x0151, Name: "PROD_TS_MONTH", Type: Uint16, Kind: Constant},
		{Addr: 0x0152, Name: "PROD_TS_YEAR", Type: Uint16, Kind: Constant},
		{Addr: 0x0153, Name: "PROD_TS_HOUR", Type: Uint16, Kind: Constant},
		{Addr: 0x0154, Name: "PROD_TS_MIN", Type: Uint16, Kind: Constant},
		{Addr: 0x0155, Name: "PROD_TS_SEC", Type: Uint16, Kind: Constant},
		{Addr: 0x0156, Name: "SERIAL_NO", Type: Uint32, Kind: Constant, Of: serialNumber},
		{Addr: 0x015A, Name: "HW_REV", Type: Uint16, Kind: Constant},
		{Addr: 0x01A0, Name: "BL_REV_STR", Type: Text, Words: 16, Kind: Constant},

		{Addr: 0x8000, Name: "U12"},
		{Addr: 0x8002, Name: "U23"},
		{Addr: 0x8004, Name: "U31"},
		{Addr: 0x8006, Name: "U1", Of: ofPhase(telegram.VoltageL1, 1)},
		{Addr: 0x8008, Name: "U2", Of: ofPhase(telegram.VoltageL1, 2)},
		{Addr: 0x800A, Name: "U3", Of: ofPhase(telegram.VoltageL1, 3)},
		{Addr: 0x800C, Name: "F", Of: value(telegram.Frequency)},
		{Addr: 0x800E, Name: "I1", Of: current(1), Vital: true},
		{Addr: 0x8010, Name: "I2", Of: current(2), Vital: true},
		{Addr: 0x8012, Name: "I3", Of: current(3), Vital: true},
		{Addr: 0x8014, Name: "IN", Of: value(telegram.CurrentNeutral)},
		{Addr: 0x8016, Name: "P", Of: value(telegram.ActivePower), Vital: true},
		{Addr: 0x8018, Name: "Q", Of: value(telegram.ReactivePower)},
		{Addr: 0x801A, Name: "S", Of: apparent},
		{Addr: 0x801C, Name: "PF", Of: value(telegram.PowerFactor)},
		{Addr: 0x801E, Name: "P1", Of: phasePower(1), Vital: true},
		{Addr: 0x8020, Name: "P2", Of: phasePower(2), Vital: true},
		{Addr: 0x8022, Name: "P3", Of: phasePower(3), Vital: true},
		{Addr: 0x8024, Name: "Q1", Of: ofPhase(telegram.ReactivePowerL1, 1)},
		{Addr: 0x8026, Name: "Q2", Of: ofPhase(telegram.ReactivePowerL1, 2)},
		{Addr: 0x8028, Name: "Q3", Of: ofPhase(telegram.ReactivePowerL1, 3)},
		{Addr: 0x802A, Name: "S1"},
		{Addr: 0x802C, Name: "S2"},
		{Addr: 0x802E, Name: "S3"},
		{Addr: 0x8030, Name: "PF1", Of: ofPhase(telegram.PowerFactorL1, 1)},
		{Addr: 0x8032, Name: "PF2", Of: ofPhase(telegram.PowerFactorL1, 2)},
		{Addr: 0x8034, Name: "PF3", Of: ofPhase(telegram.PowerFactorL1, 3)},
		// Three single registers: from here on the pairs begin at odd addresses.
		{Addr: 0x8036, Name: "PFIndCap1", Type: Int16},
		{Addr: 0x8037, Name: "PFIndCap2", Type: Int16},
		{Addr: 0x8038, Name: "PFIndCap3", Type: Int16},
		{Addr: 0x8039, Name: "Isys"},
		{Addr: 0x803B, Name: "UsysLL"},
		{Addr: 0x803D, Name: "UsysLN"},
		{Addr: 0x803F, Name: "Qa"},
		{Addr: 0x8041, Name: "Sa"},
		{Addr: 0x8043, Name: "PFa"},
		{Addr: 0x8045, Name: "PHI_UI1"},
		{Addr: 0x8047, Name: "PHI_UI2"},
		{Addr: 0x8049, Name: "PHI_UI3"},
		{Addr: 0x804B, Name: "COS_PHI_1"},
		{Addr: 0x804D, Name: "COS_PHI_2"},
		{Addr: 0x804F, Name: "COS_PHI_3"},
		{Addr: 0x8051, Name: "PHI_U1"},
		{Addr: 0x8053, Name: "PHI_U2"},
		{Addr: 0x8055, Name: "PHI_U3"},
		{Addr: 0x8057, Name: "Drehfeld", Type: Int16},

		{Addr: 0x8100, Name: "Ea+t", Kind: Counter, Of: energy(telegram.ActiveEnergyImport), Vital: true},
		{Addr: 0x8102, Name: "Er+t", Kind: Counter, Of: energy(telegram.ReactiveEnergyImport), Vital: true},
		{Addr: 0x8104, Name: "Est", Kind: Counter},
		{Addr: 0x8106, Name: "Ea-t", Kind: Counter, Of: energy(telegram.ActiveEnergyExport), Vital: true},
		{Addr: 0x8108, Name: "Er-t", Kind: Counter, Of: energy(telegram.ReactiveEnergyExport), Vital: true},
		{Addr: 0x810A, Name: "ErAbs-t", Kind: Counter},
		// The counters an EMpro lets its owner reset. A utility meter has no
		// such thing: they never were.
		{Addr: 0x810C, Name: "Ea+", Kind: Counter, Of: energy(telegram.ActiveEnergyImport), Vital: true},
		{Addr: 0x810E, Name: "Er+", Kind: Counter, Of: energy(telegram.ReactiveEnergyImport), Vital: true},
		{Addr: 0x8110, Name: "Es", Kind: Counter},
		{Addr: 0x8112, Name: "Ea-", Kind: Counter, Of: energy(telegram.ActiveEnergyExport), Vital: true},
		{Addr: 0x8114, Name: "Er-", Kind: Counter, Of: energy(telegram.ReactiveEnergyExport), Vital: true},
		{Addr: 0x8116, Name: "ErAbs", Kind: Counter},
	},
}
