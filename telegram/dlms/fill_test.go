package dlms

import (
	"testing"
	"time"

	"smartconnect/telegram"
)

func TestQuantities(t *testing.T) {
	list := func(objects ...pushed) []byte { return plainPush(cip(append([]pushed{listItself}, objects...)...)) }
	reg := func(code string, n uint32) pushed { return pushed{3, code, 2, u32(n)} }
	for _, c := range []struct {
		name string
		in   []byte
		q    telegram.Quantity
		want float64 // below zero: missing
	}{
		{"billing energies are on channel 1, it wins", list(reg("0101010800FF", 5), reg("0100010800FF", 6)), telegram.ActiveEnergyImport, 5},
		{"in either order", list(reg("0100010800FF", 6), reg("0101010800FF", 5)), telegram.ActiveEnergyImport, 5},
		{"powers are on channel 0, it wins", list(reg("0101010700FF", 5), reg("0100010700FF", 6)), telegram.ActivePowerImport, 6},
		{"channel 1 alone", list(reg("0101010700FF", 5)), telegram.ActivePowerImport, 5},
		{"another channel", list(reg("0141010800FF", 5)), telegram.ActiveEnergyImport, -1},
		{"a value of the past", list(reg("010101080001", 5)), telegram.ActiveEnergyImport, -1},
		{"quadrants make reactive import", list(reg("0101050800FF", 5), reg("0101060800FF", 6)), telegram.ReactiveEnergyImport, 11},
		{"and export", list(reg("0101070800FF", 5), reg("0101080800FF", 6)), telegram.ReactiveEnergyExport, 11},
		{"not one quadrant alone", list(reg("0101050800FF", 5)), telegram.ReactiveEnergyImport, -1},
		{"a total that was sent stays", list(reg("0101030800FF", 3), reg("0101050800FF", 5), reg("0101060800FF", 6)), telegram.ReactiveEnergyImport, 3},
		{"the magnitude of the reactive power", list(reg("0100820700FF", 579)), telegram.ReactivePower, 579},
		{"not beside the real one", list(reg("0100820700FF", 579), reg("0100030700FF", 1), reg("0100040700FF", 580)), telegram.ReactivePower, -1},
		{"tariffs make the total", list(reg("0101010801FF", 5), reg("0101010802FF", 6)), telegram.ActiveEnergyImport, 11},
		{"a tariff as a number", list(pushed{1, "0000600E00FF", 2, octets("11 02")}), telegram.Tariff, 2},
		{"a tariff as text", list(pushed{1, "0000600E00FF", 2, text("RATE12\x00")}), telegram.Tariff, 12},
		{"a tariff as an octet", list(pushed{1, "0000600E00FF", 2, octets("09 01 03")}), telegram.Tariff, 3},
		{"a tariff that says nothing", list(pushed{1, "0000600E00FF", 2, text("RATE")}), telegram.Tariff, -1},
		{"a unit that does not fit", list(reg("0100010700FF", 5), pushed{3, "0100010700FF", 3, octets("02 02 0F 00 16 23")}), telegram.ActivePowerImport, -1},
		{"a scaler that nothing counts in", list(reg("0100010700FF", 5), pushed{3, "0100010700FF", 3, octets("02 02 0F 7F 16 1B")}), telegram.ActivePowerImport, -1},
		{"an import that the meter cannot say is not nothing", list(pushed{3, "0100010700FF", 2, []byte{0}}, reg("0100020700FF", 0)), telegram.ActivePower, -1},
		{"an export that it cannot say, while it imports nothing", list(reg("0100010700FF", 0), pushed{3, "0100020700FF", 2, []byte{0}}), telegram.ActivePower, -1},
		{"nothing flows at all", list(reg("0100010700FF", 0), pushed{3, "0100020700FF", 2, []byte{0}}, reg("01001F0700FF", 0)), telegram.ActivePower, 0},
		{"an export that it does not have", list(reg("0100010700FF", 500), pushed{3, "0100020700FF", 2, []byte{0}}), telegram.ActivePower, 500},
		{"null on one channel, good on the other", list(reg("0101010700FF", 500), pushed{3, "0100010700FF", 2, []byte{0}}), telegram.ActivePower, 500},
		{"net power of a phase", list(reg("0100380700FF", 56)), telegram.ActivePowerL2, 56},
		{"unreadable on one channel, good on the other", list(pushed{3, "0101010700FF", 2, text("?")}, reg("0100010700FF", 4000)), telegram.ActivePower, 4000},
		{"not a number", list(pushed{3, "0100010700FF", 2, octets("17 7FC00000")}), telegram.ActivePowerImport, -1},
		{"a float", list(pushed{3, "0100010700FF", 2, octets("17 42480000")}), telegram.ActivePowerImport, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := one(t, Format, c.in, telegram.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.want >= 0 {
				same(t, &m, c.q, c.want)
			} else if v, ok := m.Get(c.q).Get(); ok && v >= 0 {
				t.Errorf("%s is %v", c.q, v)
			}
		})
	}
}

// A charger reads 0 A where the meter has no such phase: not where it has one, and
// cannot say what flows there.
func TestNullCurrent(t *testing.T) {
	reg := func(code string, n uint32) pushed { return pushed{3, code, 2, u32(n)} }
	null := func(code string) pushed { return pushed{3, code, 2, []byte{0}} }
	m, err := one(t, Format, plainPush(cip(listItself, reg("0100010700FF", 900),
		reg("0100200700FF", 230), null("01001F0700FF"), null("0100340700FF"), null("0100330700FF"),
		reg("0100480700FF", 230), reg("0100470700FF", 4))), telegram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[telegram.Quantity]bool{telegram.CurrentL1: true, telegram.CurrentL2: false, telegram.CurrentL3: false} {
		if m.Unreadable(q) != want {
			t.Errorf("%s: unreadable %t, want %t", q, !want, want)
		}
	}
}

func TestChannels(t *testing.T) {
	in := plainPush(cip(pushed{40, "000B190900FF", 2, nil},
		pushed{72, "0001180100FF", 6, u32(24521662)}, pushed{72, "0001180100FF", 9, octets("11 07")},
		pushed{4, "0001180201FF", 2, octets("05 00007751")}, pushed{4, "0001180201FF", 3, octets("02 02 0F FD 16 0D")},
		pushed{1, "0002600100FF", 2, text("98765")}, pushed{4, "0002180201FF", 2, octets("05 00000001")},
		pushed{1, "0003600100FF", 2, octets("09 01 00")}, pushed{4, "0003180201FF", 2, octets("05 00000000")}, pushed{72, "0004180100FF", 6, u32(0)}))
	m, err := one(t, Format, in, telegram.Options{UTCOffset: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	water := telegram.Channel{Device: 7, ID: telegram.TextOf("24521662"), Time: m.Time, Value: telegram.Of(30.545), Unit: telegram.CubicMetre}
	other := telegram.Channel{Device: 15, ID: telegram.TextOf("98765"), Time: m.Time, Value: telegram.Of(1)}
	if m.Channels[0] != water || m.Channels[1] != other || m.Channels[2] != (telegram.Channel{}) || m.Channels[3] != (telegram.Channel{}) || m.Time.IsZero() {
		t.Errorf("channels %+v", m.Channels)
	}
	if m.Refreshes() {
		t.Error("a list of sub-meters makes no power new")
	}
}
