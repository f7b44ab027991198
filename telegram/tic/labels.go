package tic

import (
	"strings"

	"smartconnect/telegram"
)

// label says what a label of TIC means here.
type label struct {
	quantity telegram.Quantity
	means    meaning
}

// meaning is what is done with a label.
type meaning uint8

const (
	nothing  meaning = iota // kept as text alone
	quantity                // a number
	meter                   // who speaks
	version                 // of the standard mode
	clock                   // the time, in its horodate
	tariff                  // the tariff in force, by a name of historique
	flags                   // the status word of standard
	drawn                   // a number, in place of SINSTS: pilot Linkys with one phase
)

func number(q telegram.Quantity) label { return label{q, quantity} }

// labels are those that mean something here (sections 7.2 and 7.3 of the
// reference). Every other one is kept as a text.
var labels = map[string]label{
	// historique
	"ADCO":    {means: meter},
	"BASE":    number(telegram.ActiveEnergyImport),
	"HCHC":    number(telegram.ActiveEnergyImportT1),
	"HCHP":    number(telegram.ActiveEnergyImportT2),
	"EJPHN":   number(telegram.ActiveEnergyImportT1),
	"EJPHPM":  number(telegram.ActiveEnergyImportT2),
	"BBRHCJB": number(telegram.ActiveEnergyImportT1),
	"BBRHPJB": number(telegram.ActiveEnergyImportT2),
	"BBRHCJW": number(telegram.ActiveEnergyImportT3),
	"BBRHPJW": number(telegram.ActiveEnergyImportT4),
	"BBRHCJR": number(telegram.ActiveEnergyImportT5),
	"BBRHPJR": number(telegram.ActiveEnergyImportT6),
	"PTEC":    {means: tariff},
	"IINST":   number(telegram.CurrentL1),
	"IINST1":  number(telegram.CurrentL1),
	"IINST2":  number(telegram.CurrentL2),
	"IINST3":  number(telegram.CurrentL3),
	"PAPP":    number(telegram.ApparentPowerImport),

	// standard
	"ADSC":    {means: meter},
	"VTIC":    {means: version},
	"DATE":    {means: clock},
	"EAST":    number(telegram.ActiveEnergyImport),
	"EASF01":  number(telegram.ActiveEnergyImportT1),
	"EASF02":  number(telegram.ActiveEnergyImportT2),
	"EASF03":  number(telegram.ActiveEnergyImportT3),
	"EASF04":  number(telegram.ActiveEnergyImportT4),
	"EASF05":  number(telegram.ActiveEnergyImportT5),
	"EASF06":  number(telegram.ActiveEnergyImportT6),
	"EASF07":  number(telegram.ActiveEnergyImportT7),
	"EASF08":  number(telegram.ActiveEnergyImportT8),
	"EASF09":  number(telegram.ActiveEnergyImportT9),
	"EASF10":  number(telegram.ActiveEnergyImportT10),
	"EAIT":    number(telegram.ActiveEnergyExport),
	"ERQ1":    number(telegram.ReactiveEnergyQ1),
	"ERQ2":    number(telegram.ReactiveEnergyQ2),
	"ERQ3":    number(telegram.ReactiveEnergyQ3),
	"ERQ4":    number(telegram.ReactiveEnergyQ4),
	"IRMS1":   number(telegram.CurrentL1),
	"IRMS2":   number(telegram.CurrentL2),
	"IRMS3":   number(telegram.CurrentL3),
	"URMS1":   number(telegram.VoltageL1),
	"URMS2":   number(telegram.VoltageL2),
	"URMS3":   number(telegram.VoltageL3),
	"SINSTS":  number(telegram.ApparentPowerImport),
	"SINST1":  {quantity: telegram.ApparentPowerImport, means: drawn},
	"SINSTS1": number(telegram.ApparentPowerImportL1),
	"SINSTS2": number(telegram.ApparentPowerImportL2),
	"SINSTS3": number(telegram.ApparentPowerImportL3),
	"SINSTI":  number(telegram.ApparentPowerExport),
	"NTARF":   number(telegram.Tariff),
	"STGE":    {means: flags},
}

// others are the labels that are kept as a text: a group that is lost with one of
// them costs nothing else.
var others = func() map[string]bool {
	set := map[string]bool{}
	for _, label := range strings.Fields(`
		OPTARIF ISOUSC PEJP DEMAIN ADPS ADIR1 ADIR2 ADIR3 IMAX IMAX1 IMAX2 IMAX3 PMAX
		HHPHC MOTDETAT PPOT
		NGTF LTARF EASD01 EASD02 EASD03 EASD04 PREF PCOUP SMAXN
		SMAXSN SMAXSN1 SMAXSN2 SMAXSN3 SMAXSN-1 SMAXSN1-1 SMAXSN2-1 SMAXSN3-1
		SMAXIN SMAXIN-1 CCASN CCASN-1 CCAIN CCAIN-1 UMOY1 UMOY2 UMOY3
		DPM1 DPM2 DPM3 FPM1 FPM2 FPM3 MSG1 MSG2 PRM RELAIS NJOURF NJOURF+1 PJOURF+1
		PPOINTE`) {
		set[label] = true
	}
	return set
}()

// tariffs are the tariffs in force of historique (PTEC), by the index that counts
// in them.
var tariffs = map[string]float64{
	"TH..": 1,
	"HC..": 1, "HP..": 2,
	"HN..": 1, "PM..": 2,
	"HCJB": 1, "HPJB": 2, "HCJW": 3, "HPJW": 4, "HCJR": 5, "HPJR": 6,
}

// exporting is bit 9 of the status word: the sign of the active energy.
const exporting = 1 << 9
