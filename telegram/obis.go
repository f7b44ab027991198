package telegram

import (
	"fmt"
	"strconv"
)

// OBIS is an object code A-B:C.D.E*F (IEC 62056-61). F is 255 where none is
// printed.
type OBIS struct{ A, B, C, D, E, F uint8 }

// ParseOBIS reads a printed code. Meters have been seen to write ':' for '.'
// and '.' for ':' (the DSMR 4.0 text does so itself), so any separator goes
// where one is due; A-B may be absent. It returns how many octets it read.
func ParseOBIS(b []byte) (code OBIS, n int, err error) {
	code.F = 255
	var fields [6]uint8
	var seps [6]byte
	count := 0
	for count < len(fields) {
		start, v := n, 0
		for n < len(b) && '0' <= b[n] && b[n] <= '9' && v <= 255 {
			v = v*10 + int(b[n]-'0')
			n++
		}
		if n == start || v > 255 {
			return OBIS{}, n, fmt.Errorf("telegram: object code %q: want A-B:C.D.E, each 0 to 255", cut(b, 24))
		}
		fields[count] = uint8(v)
		count++
		if n == len(b) || b[n] == '(' {
			break
		}
		switch b[n] {
		case '-', ':', '.', '*':
			seps[count-1] = b[n]
			n++
		default:
			return OBIS{}, n, fmt.Errorf("telegram: object code %q: unexpected %q", cut(b, 24), b[n])
		}
	}
	f := fields[:count]
	if count >= 2 && seps[count-2] == '*' {
		code.F = f[count-1]
		f = f[:count-1]
	}
	switch len(f) {
	case 5:
		code.A, code.B, code.C, code.D, code.E = f[0], f[1], f[2], f[3], f[4]
	case 3:
		code.C, code.D, code.E = f[0], f[1], f[2]
	default:
		return OBIS{}, n, fmt.Errorf("telegram: object code %q has %d fields: want A-B:C.D.E", cut(b, 24), len(f))
	}
	return code, n, nil
}

func cut(b []byte, n int) []byte { return b[:min(n, len(b))] }

// String prints the code as A-B:C.D.E, with *F where F is not 255.
func (o OBIS) String() string {
	b := make([]byte, 0, 24)
	for _, f := range [...]struct {
		v   uint8
		sep byte
	}{{o.A, '-'}, {o.B, ':'}, {o.C, '.'}, {o.D, '.'}} {
		b = append(strconv.AppendUint(b, uint64(f.v), 10), f.sep)
	}
	b = strconv.AppendUint(b, uint64(o.E), 10)
	if o.F != 255 {
		b = strconv.AppendUint(append(b, '*'), uint64(o.F), 10)
	}
	return string(b)
}

// Quantity returns the quantity an electricity code stands for. B is not
// looked at where A is 1: some Sagemcom and Swiss lists send 1-1 for 1-0. A code
// with an F is a value of the past, as meters with a D0 head store one a month.
func (o OBIS) Quantity() (Quantity, bool) {
	if o.F != 255 {
		return 0, false
	}
	q, ok := byCode[uint32(o.A)<<24|uint32(o.C)<<16|uint32(o.D)<<8|uint32(o.E)]
	return q, ok
}

// codes says which electricity object is which quantity (section 4 of the P1
// reference, IEC 62056-61 tables).
var codes = map[string]Quantity{
	"1-0:16.7.0": ActivePower,
	"1-0:36.7.0": ActivePowerL1,
	"1-0:56.7.0": ActivePowerL2,
	"1-0:76.7.0": ActivePowerL3,
	"1-0:1.7.0":  ActivePowerImport,
	"1-0:21.7.0": ActivePowerImportL1,
	"1-0:41.7.0": ActivePowerImportL2,
	"1-0:61.7.0": ActivePowerImportL3,
	"1-0:2.7.0":  ActivePowerExport,
	"1-0:22.7.0": ActivePowerExportL1,
	"1-0:42.7.0": ActivePowerExportL2,
	"1-0:62.7.0": ActivePowerExportL3,
	"1-0:3.7.0":  ReactivePowerImport,
	"1-0:23.7.0": ReactivePowerImportL1,
	"1-0:43.7.0": ReactivePowerImportL2,
	"1-0:63.7.0": ReactivePowerImportL3,
	"1-0:4.7.0":  ReactivePowerExport,
	"1-0:24.7.0": ReactivePowerExportL1,
	"1-0:44.7.0": ReactivePowerExportL2,
	"1-0:64.7.0": ReactivePowerExportL3,
	"1-0:5.7.0":  ReactivePowerQ1,
	"1-0:6.7.0":  ReactivePowerQ2,
	"1-0:7.7.0":  ReactivePowerQ3,
	"1-0:8.7.0":  ReactivePowerQ4,
	"1-0:9.7.0":  ApparentPowerImport,
	"1-0:10.7.0": ApparentPowerExport,
	"1-0:32.7.0": VoltageL1,
	"1-0:52.7.0": VoltageL2,
	"1-0:72.7.0": VoltageL3,
	"1-0:31.7.0": CurrentL1,
	"1-0:51.7.0": CurrentL2,
	"1-0:71.7.0": CurrentL3,
	"1-0:91.7.0": CurrentNeutral,
	"1-0:14.7.0": Frequency,
	"1-0:13.7.0": PowerFactor,
	"1-0:33.7.0": PowerFactorL1,
	"1-0:53.7.0": PowerFactorL2,
	"1-0:73.7.0": PowerFactorL3,

	"1-0:1.8.0": ActiveEnergyImport,
	"1-0:1.8.1": ActiveEnergyImportT1,
	"1-0:1.8.2": ActiveEnergyImportT2,
	"1-0:1.8.3": ActiveEnergyImportT3,
	"1-0:1.8.4": ActiveEnergyImportT4,
	"1-0:2.8.0": ActiveEnergyExport,
	"1-0:2.8.1": ActiveEnergyExportT1,
	"1-0:2.8.2": ActiveEnergyExportT2,
	"1-0:2.8.3": ActiveEnergyExportT3,
	"1-0:2.8.4": ActiveEnergyExportT4,
	"1-0:3.8.0": ReactiveEnergyImport,
	"1-0:3.8.1": ReactiveEnergyImportT1,
	"1-0:3.8.2": ReactiveEnergyImportT2,
	"1-0:3.8.3": ReactiveEnergyImportT3,
	"1-0:3.8.4": ReactiveEnergyImportT4,
	"1-0:4.8.0": ReactiveEnergyExport,
	"1-0:4.8.1": ReactiveEnergyExportT1,
	"1-0:4.8.2": ReactiveEnergyExportT2,
	"1-0:4.8.3": ReactiveEnergyExportT3,
	"1-0:4.8.4": ReactiveEnergyExportT4,
	"1-0:5.8.0": ReactiveEnergyQ1,
	"1-0:6.8.0": ReactiveEnergyQ2,
	"1-0:7.8.0": ReactiveEnergyQ3,
	"1-0:8.8.0": ReactiveEnergyQ4,

	"1-0:1.4.0":   ActiveDemand,
	"1-0:1.6.0":   ActiveDemandMonthPeak,
	"0-0:96.14.0": Tariff,
}

// Code returns the code of the object that holds the quantity as it is printed,
// "1-0:1.7.0". What is computed and what other meters send under a label has none: "".
func (q Quantity) Code() string { return codeOf[q] }

var (
	byCode = indexCodes()
	codeOf = indexQuantities()
)

func indexQuantities() (index [NumQuantities]string) {
	for text, q := range codes {
		index[q] = text
	}
	return index
}

func indexCodes() map[uint32]Quantity {
	index := make(map[uint32]Quantity, len(codes))
	for text, q := range codes {
		o, _, err := ParseOBIS([]byte(text))
		if err != nil {
			panic(err) // the table above is wrong
		}
		index[uint32(o.A)<<24|uint32(o.C)<<16|uint32(o.D)<<8|uint32(o.E)] = q
	}
	return index
}
