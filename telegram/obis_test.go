package telegram

import "testing"

func TestCodeOfAQuantity(t *testing.T) {
	for q, want := range map[Quantity]string{
		ReactivePower:         "", // computed
		ActiveEnergyImportT10: "", // French meters send it under a label
		ActivePowerImport:     "1-0:1.7.0",
		Tariff:                "0-0:96.14.0",
	} {
		if got := q.Code(); got != want {
			t.Errorf("code of %s is %q, want %q", q, got, want)
		}
	}
	codes := 0
	for q := range NumQuantities {
		if q.Code() == "" {
			continue
		}
		codes++
		o, _, err := ParseOBIS([]byte(q.Code()))
		if back, ok := o.Quantity(); err != nil || !ok || back != q {
			t.Errorf("code %s of %s is read as %s (%t, %v)", q.Code(), q, back, ok, err)
		}
	}
	if codes != len(byCode) {
		t.Errorf("%d quantities have a code, %d codes a quantity: want one each", codes, len(byCode))
	}
}
