package sim

import (
	"slices"

	"smartconnect/telegram"
)

// The forms most meters share: DSMR F9(3,3), F5(3,3), F4(1,1), F3(0,0).
var (
	kWh   = form{6, 3, "kWh", 3}
	kvarh = form{6, 3, "kvarh", 3}
	kW    = form{2, 3, "kW", 3}
	kvar  = form{2, 3, "kvar", 3}
	kVA   = form{2, 3, "kVA", 3}
	volt  = form{3, 1, "V", 0}
	amp   = form{3, 0, "A", 0}
	plain = form{4, 0, "", 0}
)

// failures are the power failures the simulated meters remember.
const failures = "(2)(0-0:96.7.19)(230412093015S)(0000000412*s)(210117065912W)(0000002606*s)"

// energies are the tariff registers of a meter without totals.
func energies(f form) []object {
	return []object{
		number("1-0:1.8.1", telegram.ActiveEnergyImportT1, f),
		number("1-0:1.8.2", telegram.ActiveEnergyImportT2, f),
		number("1-0:2.8.1", telegram.ActiveEnergyExportT1, f),
		number("1-0:2.8.2", telegram.ActiveEnergyExportT2, f),
	}
}

var tariff = number("0-0:96.14.0", telegram.Tariff, plain)

// powers are the totals, import and export.
func powers(f form) []object {
	return []object{
		number("1-0:1.7.0", telegram.ActivePowerImport, f),
		number("1-0:2.7.0", telegram.ActivePowerExport, f),
	}
}

// byPhase gives three phases the codes C+0, C+20 and C+40 of one kind of value.
func byPhase(codes [3]string, first telegram.Quantity, f form) []object {
	objects := make([]object, len(codes))
	for i, code := range codes {
		objects[i] = number(code, first+telegram.Quantity(i), f)
	}
	return objects
}

func volts(f form) []object {
	return byPhase([3]string{"1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"}, telegram.VoltageL1, f)
}

func amps(f form) []object {
	return byPhase([3]string{"1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"}, telegram.CurrentL1, f)
}

func phaseImport(f form) []object {
	return byPhase([3]string{"1-0:21.7.0", "1-0:41.7.0", "1-0:61.7.0"}, telegram.ActivePowerImportL1, f)
}

func phaseExport(f form) []object {
	return byPhase([3]string{"1-0:22.7.0", "1-0:42.7.0", "1-0:62.7.0"}, telegram.ActivePowerExportL1, f)
}

func phaseReactiveImport(f form) []object {
	return byPhase([3]string{"1-0:23.7.0", "1-0:43.7.0", "1-0:63.7.0"}, telegram.ReactivePowerImportL1, f)
}

func phaseReactiveExport(f form) []object {
	return byPhase([3]string{"1-0:24.7.0", "1-0:44.7.0", "1-0:64.7.0"}, telegram.ReactivePowerExportL1, f)
}

// What DSMR 4 and 5 meters send of their phases.
var (
	threePhasesNoVolts = slices.Concat(
		sags("1-0:32.32.0", "1-0:52.32.0", "1-0:72.32.0", "1-0:32.36.0", "1-0:52.36.0", "1-0:72.36.0"),
		[]object{text("0-0:96.13.1", "()"), text("0-0:96.13.0", "()")},
		amps(amp), phaseImport(kW), phaseExport(kW))
	threePhases = slices.Concat(
		sags("1-0:32.32.0", "1-0:52.32.0", "1-0:72.32.0", "1-0:32.36.0", "1-0:52.36.0", "1-0:72.36.0"),
		[]object{text("0-0:96.13.0", "()")},
		volts(volt), amps(amp), phaseImport(kW), phaseExport(kW))
	onePhase = slices.Concat(
		sags("1-0:32.32.0", "1-0:32.36.0"),
		[]object{text("0-0:96.13.0", "()")},
		volts(volt)[:1], amps(amp)[:1], phaseImport(kW)[:1], phaseExport(kW)[:1])
)

// sags are the counters of voltage sags and swells.
func sags(codes ...string) []object {
	objects := make([]object, len(codes))
	for i, code := range codes {
		objects[i] = text(code, "(00001)")
	}
	return objects
}

// dutch is the list of DSMR 4.2 and 5.0 (P1 companion 5.0.2, section 6.12).
func dutch(version, ident string, phases []object, failures string) []object {
	return slices.Concat(
		[]object{text("1-3:0.2.8", "("+version+")"), clock, id("0-0:96.1.1", ident)},
		energies(kWh), []object{tariff}, powers(kW),
		[]object{text("0-0:96.7.21", "(00006)"), text("0-0:96.7.9", "(00002)"), text("1-0:99.97.0", failures)},
		phases)
}

// oldDutch is the list of DSMR 2 and 3: powers in steps of 10 W, no clock.
func oldDutch(ident string) []object {
	return slices.Concat(
		[]object{id("0-0:96.1.1", ident)},
		energies(form{5, 3, "kWh", 3}), []object{tariff}, powers(form{4, 2, "kW", 3}),
		[]object{
			text("0-0:17.0.0", "(0999.00*kW)"), text("0-0:96.3.10", "(1)"),
			text("0-0:96.13.1", "()"), text("0-0:96.13.0", "()"),
		})
}

// belgian is the list of E-MUCS 50217.
func belgian(ident string) []object {
	return slices.Concat(
		[]object{text("0-0:96.1.4", "(50217)"), id("0-0:96.1.1", ident), clock},
		energies(kWh),
		[]object{number("1-0:1.4.0", telegram.ActiveDemand, kW), monthPeak, monthPeaks, tariff},
		powers(kW), phaseImport(kW), phaseExport(kW), volts(volt), amps(form{3, 2, "A", 0}),
		[]object{
			text("0-0:96.3.10", "(1)"), text("0-0:17.0.0", "(999.9*kW)"),
			text("1-0:31.4.0", "(999*A)"), text("0-0:96.13.0", "()"),
		})
}

// luxembourg is the list of a Smarty whose encryption is switched off.
func luxembourg(ident string) []object {
	return slices.Concat(
		[]object{
			text("1-3:0.2.8", "(42)"), clock, id("0-0:42.0.0", ident),
			number("1-0:1.8.0", telegram.ActiveEnergyImport, kWh),
			number("1-0:2.8.0", telegram.ActiveEnergyExport, kWh),
			number("1-0:3.8.0", telegram.ReactiveEnergyImport, kvarh),
			number("1-0:4.8.0", telegram.ReactiveEnergyExport, kvarh),
		},
		powers(kW),
		[]object{
			number("1-0:3.7.0", telegram.ReactivePowerImport, kvar),
			number("1-0:4.7.0", telegram.ReactivePowerExport, kvar),
			text("0-0:17.0.0", "(27.600*kVA)"),
			number("1-0:9.7.0", telegram.ApparentPowerImport, kVA),
			number("1-0:10.7.0", telegram.ApparentPowerExport, kVA),
			text("1-1:34.4.0", "(200*A)(-200*A)"),
			text("0-0:96.3.10", "(1)"), text("0-1:96.3.10", "(0)"), text("0-2:96.3.10", "(0)"),
			text("0-0:96.7.21", "(00006)"),
		},
		sags("0-0:32.32.0", "0-0:52.32.0", "0-0:72.32.0", "0-0:32.36.0", "0-0:52.36.0", "0-0:72.36.0"),
		[]object{
			text("0-0:96.13.0", "()"), text("0-0:96.13.2", "()"), text("0-0:96.13.3", "()"),
			text("0-0:96.13.4", "()"), text("0-0:96.13.5", "()"),
		},
		volts(volt), amps(amp),
		phaseImport(kW), phaseExport(kW), phaseReactiveImport(kvar), phaseReactiveExport(kvar))
}

// swedish is the list of the Swedish HAN/H1 recommendation.
func swedish() []object {
	var (
		energy         = form{8, 3, "kWh", 3}
		reactiveEnergy = form{8, 3, "kVArh", 3}
		power          = form{4, 3, "kW", 3}
		reactive       = form{4, 3, "kVAr", 3}
	)
	return slices.Concat(
		[]object{
			clock,
			number("1-0:1.8.0", telegram.ActiveEnergyImport, energy),
			number("1-0:2.8.0", telegram.ActiveEnergyExport, energy),
			number("1-0:3.8.0", telegram.ReactiveEnergyImport, reactiveEnergy),
			number("1-0:4.8.0", telegram.ReactiveEnergyExport, reactiveEnergy),
		},
		powers(power),
		[]object{
			number("1-0:3.7.0", telegram.ReactivePowerImport, reactive),
			number("1-0:4.7.0", telegram.ReactivePowerExport, reactive),
		},
		phaseImport(power), phaseExport(power),
		phaseReactiveImport(reactive), phaseReactiveExport(reactive),
		volts(volt), amps(form{3, 1, "A", 0}))
}

// austrian is the list of the T210-D-r: Wh and W without a point, no phases.
func austrian() []object {
	var (
		wh   = form{9, 0, "Wh", 0}
		w    = form{9, 0, "W", 0}
		varh = form{9, 0, "varh", 0}
		vr   = form{9, 0, "var", 0}
	)
	return []object{
		text("1-3:0.2.8", "(50)"),
		clock,
		number("1-0:1.8.0", telegram.ActiveEnergyImport, wh),
		number("1-0:1.8.1", telegram.ActiveEnergyImportT1, wh),
		number("1-0:1.8.2", telegram.ActiveEnergyImportT2, wh),
		number("1-0:1.7.0", telegram.ActivePowerImport, w),
		number("1-0:2.8.0", telegram.ActiveEnergyExport, wh),
		number("1-0:2.8.1", telegram.ActiveEnergyExportT1, wh),
		number("1-0:2.8.2", telegram.ActiveEnergyExportT2, wh),
		number("1-0:2.7.0", telegram.ActivePowerExport, w),
		number("1-0:3.8.0", telegram.ReactiveEnergyImport, varh),
		number("1-0:3.8.1", telegram.ReactiveEnergyImportT1, varh),
		number("1-0:3.8.2", telegram.ReactiveEnergyImportT2, varh),
		number("1-0:3.7.0", telegram.ReactivePowerImport, vr),
		number("1-0:4.8.0", telegram.ReactiveEnergyExport, varh),
		number("1-0:4.8.1", telegram.ReactiveEnergyExportT1, varh),
		number("1-0:4.8.2", telegram.ReactiveEnergyExportT2, varh),
		number("1-0:4.7.0", telegram.ReactivePowerExport, vr),
	}
}

// hungarian is the list of the Sanxing SX631: four tariffs, quadrants, power
// factors, no power of the phases.
func hungarian(ident string) []object {
	factor := form{1, 3, "", 0}
	return slices.Concat(
		[]object{
			clock, id("0-0:42.0.0", "SAG"+ident[2:]), id("0-0:96.1.0", ident), tariff,
			text("0-0:96.3.10", "(1)"), text("0-0:17.0.0", "(90.000*kW)"),
			number("1-0:1.8.0", telegram.ActiveEnergyImport, kWh),
			number("1-0:1.8.1", telegram.ActiveEnergyImportT1, kWh),
			number("1-0:1.8.2", telegram.ActiveEnergyImportT2, kWh),
			number("1-0:1.8.3", telegram.ActiveEnergyImportT3, kWh),
			number("1-0:1.8.4", telegram.ActiveEnergyImportT4, kWh),
			number("1-0:2.8.0", telegram.ActiveEnergyExport, kWh),
			number("1-0:2.8.1", telegram.ActiveEnergyExportT1, kWh),
			number("1-0:2.8.2", telegram.ActiveEnergyExportT2, kWh),
			number("1-0:2.8.3", telegram.ActiveEnergyExportT3, kWh),
			number("1-0:2.8.4", telegram.ActiveEnergyExportT4, kWh),
			number("1-0:3.8.0", telegram.ReactiveEnergyImport, kvarh),
			number("1-0:4.8.0", telegram.ReactiveEnergyExport, kvarh),
			number("1-0:5.8.0", telegram.ReactiveEnergyQ1, kvarh),
			number("1-0:6.8.0", telegram.ReactiveEnergyQ2, kvarh),
			number("1-0:7.8.0", telegram.ReactiveEnergyQ3, kvarh),
			number("1-0:8.8.0", telegram.ReactiveEnergyQ4, kvarh),
			bothWays,
		},
		volts(volt), amps(amp),
		[]object{
			number("1-0:13.7.0", telegram.PowerFactor, factor),
			number("1-0:33.7.0", telegram.PowerFactorL1, factor),
			number("1-0:53.7.0", telegram.PowerFactorL2, factor),
			number("1-0:73.7.0", telegram.PowerFactorL3, factor),
			number("1-0:14.7.0", telegram.Frequency, form{2, 2, "Hz", 0}),
		},
		powers(kW),
		[]object{
			number("1-0:5.7.0", telegram.ReactivePowerQ1, kvar),
			number("1-0:6.7.0", telegram.ReactivePowerQ2, kvar),
			number("1-0:7.7.0", telegram.ReactivePowerQ3, kvar),
			number("1-0:8.7.0", telegram.ReactivePowerQ4, kvar),
			text("1-0:31.4.0", "(200.00*A)"), text("1-0:51.4.0", "(200.00*A)"), text("1-0:71.4.0", "(200.00*A)"),
			monthCopy, text("0-0:96.13.0", "()"),
		})
}

// easyMeter is the list of the EasyMeter Q3D on its D0 interface: codes with
// *255, watts, one signed power.
func easyMeter(ident string) []object {
	energy, power := form{8, 7, "kWh", 3}, form{6, 2, "W", 0}
	return []object{
		text("1-0:0.0.0*255", "(0000000000003)"),
		number("1-0:1.8.0*255", telegram.ActiveEnergyImport, energy),
		number("1-0:2.8.0*255", telegram.ActiveEnergyExport, energy),
		number("1-0:21.7.0*255", telegram.ActivePowerImportL1, power),
		number("1-0:41.7.0*255", telegram.ActivePowerImportL2, power),
		number("1-0:61.7.0*255", telegram.ActivePowerImportL3, power),
		number("1-0:1.7.0*255", telegram.ActivePowerImport, power),
		text("1-0:96.5.5*255", "(80)"),
		text("0-0:96.1.255*255", "("+ident+")"),
	}
}
