package telegram

// Kind says how a quantity lives: what a telegram without it means for the
// value that was sent before.
type Kind uint8

const (
	Instantaneous Kind = iota // true at the moment of the telegram only
	Cumulative                // a counter: true until the next one
	Demand                    // quarter-hour averages and their peaks
	State                     // a setting such as the tariff in force
	NumKinds
)

// Quantity names one thing a meter can say.
type Quantity uint8

// The quantities, in the order they are printed. The four of a family (total,
// L1, L2, L3) and of an energy register (total, tariffs 1 to 4, or 10 of what is
// imported: French contracts have up to so many) follow each other, so that q+1 is
// L1 or tariff 1.
const (
	ActivePower Quantity = iota // net: import - export
	ActivePowerL1
	ActivePowerL2
	ActivePowerL3
	ActivePowerImport
	ActivePowerImportL1
	ActivePowerImportL2
	ActivePowerImportL3
	ActivePowerExport
	ActivePowerExportL1
	ActivePowerExportL2
	ActivePowerExportL3
	ReactivePower // net: import - export
	ReactivePowerL1
	ReactivePowerL2
	ReactivePowerL3
	ReactivePowerImport
	ReactivePowerImportL1
	ReactivePowerImportL2
	ReactivePowerImportL3
	ReactivePowerExport
	ReactivePowerExportL1
	ReactivePowerExportL2
	ReactivePowerExportL3
	ReactivePowerQ1
	ReactivePowerQ2
	ReactivePowerQ3
	ReactivePowerQ4
	ApparentPowerImport
	ApparentPowerImportL1
	ApparentPowerImportL2
	ApparentPowerImportL3
	ApparentPowerExport
	VoltageL1
	VoltageL2
	VoltageL3
	CurrentL1
	CurrentL2
	CurrentL3
	CurrentNeutral
	Frequency
	PowerFactor
	PowerFactorL1
	PowerFactorL2
	PowerFactorL3
	ActiveEnergyImport
	ActiveEnergyImportT1
	ActiveEnergyImportT2
	ActiveEnergyImportT3
	ActiveEnergyImportT4
	ActiveEnergyImportT5
	ActiveEnergyImportT6
	ActiveEnergyImportT7
	ActiveEnergyImportT8
	ActiveEnergyImportT9
	ActiveEnergyImportT10
	ActiveEnergyExport
	ActiveEnergyExportT1
	ActiveEnergyExportT2
	ActiveEnergyExportT3
	ActiveEnergyExportT4
	ReactiveEnergyImport
	ReactiveEnergyImportT1
	ReactiveEnergyImportT2
	ReactiveEnergyImportT3
	ReactiveEnergyImportT4
	ReactiveEnergyExport
	ReactiveEnergyExportT1
	ReactiveEnergyExportT2
	ReactiveEnergyExportT3
	ReactiveEnergyExportT4
	ReactiveEnergyQ1
	ReactiveEnergyQ2
	ReactiveEnergyQ3
	ReactiveEnergyQ4
	ActiveDemand          // average import of the running quarter-hour
	ActiveDemandMonthPeak // highest quarter-hour of the running month
	ActiveDemandForecast  // what the running quarter-hour ends at with the power of the moment
	ActiveDemandHeadroom  // what may be drawn beside that until its end without exceeding the cap
	Tariff
	NumQuantities
)

// quantities is the table behind every name, unit and key in the product.
var quantities = [NumQuantities]struct {
	name string
	unit Unit
	kind Kind
}{
	ActivePower:            {"active_power", Watt, Instantaneous},
	ActivePowerL1:          {"active_power_l1", Watt, Instantaneous},
	ActivePowerL2:          {"active_power_l2", Watt, Instantaneous},
	ActivePowerL3:          {"active_power_l3", Watt, Instantaneous},
	ActivePowerImport:      {"active_power_import", Watt, Instantaneous},
	ActivePowerImportL1:    {"active_power_import_l1", Watt, Instantaneous},
	ActivePowerImportL2:    {"active_power_import_l2", Watt, Instantaneous},
	ActivePowerImportL3:    {"active_power_import_l3", Watt, Instantaneous},
	ActivePowerExport:      {"active_power_export", Watt, Instantaneous},
	ActivePowerExportL1:    {"active_power_export_l1", Watt, Instantaneous},
	ActivePowerExportL2:    {"active_power_export_l2", Watt, Instantaneous},
	ActivePowerExportL3:    {"active_power_export_l3", Watt, Instantaneous},
	ReactivePower:          {"reactive_power", Var, Instantaneous},
	ReactivePowerL1:        {"reactive_power_l1", Var, Instantaneous},
	ReactivePowerL2:        {"reactive_power_l2", Var, Instantaneous},
	ReactivePowerL3:        {"reactive_power_l3", Var, Instantaneous},
	ReactivePowerImport:    {"reactive_power_import", Var, Instantaneous},
	ReactivePowerImportL1:  {"reactive_power_import_l1", Var, Instantaneous},
	ReactivePowerImportL2:  {"reactive_power_import_l2", Var, Instantaneous},
	ReactivePowerImportL3:  {"reactive_power_import_l3", Var, Instantaneous},
	ReactivePowerExport:    {"reactive_power_export", Var, Instantaneous},
	ReactivePowerExportL1:  {"reactive_power_export_l1", Var, Instantaneous},
	ReactivePowerExportL2:  {"reactive_power_export_l2", Var, Instantaneous},
	ReactivePowerExportL3:  {"reactive_power_export_l3", Var, Instantaneous},
	ReactivePowerQ1:        {"reactive_power_q1", Var, Instantaneous},
	ReactivePowerQ2:        {"reactive_power_q2", Var, Instantaneous},
	ReactivePowerQ3:        {"reactive_power_q3", Var, Instantaneous},
	ReactivePowerQ4:        {"reactive_power_q4", Var, Instantaneous},
	ApparentPowerImport:    {"apparent_power_import", VoltAmpere, Instantaneous},
	ApparentPowerImportL1:  {"apparent_power_import_l1", VoltAmpere, Instantaneous},
	ApparentPowerImportL2:  {"apparent_power_import_l2", VoltAmpere, Instantaneous},
	ApparentPowerImportL3:  {"apparent_power_import_l3", VoltAmpere, Instantaneous},
	ApparentPowerExport:    {"apparent_power_export", VoltAmpere, Instantaneous},
	VoltageL1:              {"voltage_l1", Volt, Instantaneous},
	VoltageL2:              {"voltage_l2", Volt, Instantaneous},
	VoltageL3:              {"voltage_l3", Volt, Instantaneous},
	CurrentL1:              {"current_l1", Ampere, Instantaneous},
	CurrentL2:              {"current_l2", Ampere, Instantaneous},
	CurrentL3:              {"current_l3", Ampere, Instantaneous},
	CurrentNeutral:         {"current_neutral", Ampere, Instantaneous},
	Frequency:              {"frequency", Hertz, Instantaneous},
	PowerFactor:            {"power_factor", NoUnit, Instantaneous},
	PowerFactorL1:          {"power_factor_l1", NoUnit, Instantaneous},
	PowerFactorL2:          {"power_factor_l2", NoUnit, Instantaneous},
	PowerFactorL3:          {"power_factor_l3", NoUnit, Instantaneous},
	ActiveEnergyImport:     {"active_energy_import", WattHour, Cumulative},
	ActiveEnergyImportT1:   {"active_energy_import_t1", WattHour, Cumulative},
	ActiveEnergyImportT2:   {"active_energy_import_t2", WattHour, Cumulative},
	ActiveEnergyImportT3:   {"active_energy_import_t3", WattHour, Cumulative},
	ActiveEnergyImportT4:   {"active_energy_import_t4", WattHour, Cumulative},
	ActiveEnergyImportT5:   {"active_energy_import_t5", WattHour, Cumulative},
	ActiveEnergyImportT6:   {"active_energy_import_t6", WattHour, Cumulative},
	ActiveEnergyImportT7:   {"active_energy_import_t7", WattHour, Cumulative},
	ActiveEnergyImportT8:   {"active_energy_import_t8", WattHour, Cumulative},
	ActiveEnergyImportT9:   {"active_energy_import_t9", WattHour, Cumulative},
	ActiveEnergyImportT10:  {"active_energy_import_t10", WattHour, Cumulative},
	ActiveEnergyExport:     {"active_energy_export", WattHour, Cumulative},
	ActiveEnergyExportT1:   {"active_energy_export_t1", WattHour, Cumulative},
	ActiveEnergyExportT2:   {"active_energy_export_t2", WattHour, Cumulative},
	ActiveEnergyExportT3:   {"active_energy_export_t3", WattHour, Cumulative},
	ActiveEnergyExportT4:   {"active_energy_export_t4", WattHour, Cumulative},
	ReactiveEnergyImport:   {"reactive_energy_import", VarHour, Cumulative},
	ReactiveEnergyImportT1: {"reactive_energy_import_t1", VarHour, Cumulative},
	ReactiveEnergyImportT2: {"reactive_energy_import_t2", VarHour, Cumulative},
	ReactiveEnergyImportT3: {"reactive_energy_import_t3", VarHour, Cumulative},
	ReactiveEnergyImportT4: {"reactive_energy_import_t4", VarHour, Cumulative},
	ReactiveEnergyExport:   {"reactive_energy_export", VarHour, Cumulative},
	ReactiveEnergyExportT1: {"reactive_energy_export_t1", VarHour, Cumulative},
	ReactiveEnergyExportT2: {"reactive_energy_export_t2", VarHour, Cumulative},
	ReactiveEnergyExportT3: {"reactive_energy_export_t3", VarHour, Cumulative},
	ReactiveEnergyExportT4: {"reactive_energy_export_t4", VarHour, Cumulative},
	ReactiveEnergyQ1:       {"reactive_energy_q1", VarHour, Cumulative},
	ReactiveEnergyQ2:       {"reactive_energy_q2", VarHour, Cumulative},
	ReactiveEnergyQ3:       {"reactive_energy_q3", VarHour, Cumulative},
	ReactiveEnergyQ4:       {"reactive_energy_q4", VarHour, Cumulative},
	ActiveDemand:           {"active_demand", Watt, Demand},
	ActiveDemandMonthPeak:  {"active_demand_month_peak", Watt, Demand},
	ActiveDemandForecast:   {"active_demand_forecast", Watt, Demand},
	ActiveDemandHeadroom:   {"active_demand_headroom", Watt, Demand},
	Tariff:                 {"tariff", NoUnit, State},
}

// String returns the name of the quantity as it stands in JSON and topics.
func (q Quantity) String() string { return quantities[q].name }

// Unit returns the base unit of the quantity.
func (q Quantity) Unit() Unit { return quantities[q].unit }

// Momentary reports whether the quantity is nothing without the power of the moment:
// the instantaneous ones, and of the demands all but the peak that has been. Who had
// the headroom of a dead meter would draw on it.
func (q Quantity) Momentary() bool {
	return q.Kind() == Instantaneous || q == ActiveDemand || q == ActiveDemandForecast || q == ActiveDemandHeadroom
}

// Kind returns how the quantity lives.
func (q Quantity) Kind() Kind { return quantities[q].kind }
