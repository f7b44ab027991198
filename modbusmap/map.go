package modbusmap

import (
	"fmt"
	"strings"

	"smartconnect/telegram"
)

// Map is the register map of one type of meter.
type Map struct {
	Name         string // as MeterType in the configuration
	Functions    []byte // function codes that read it; all of them read the same registers
	LowWordFirst bool   // order of the words of a number of 32 bits
	LowByteFirst bool   // order of the characters within a register of text
	Blocks       []Block
	Entries      []Entry
}

// Block is a run of registers that can be read. A request must lie wholly in
// one block; a register in it that no entry describes reads 0.
type Block struct{ First, Last uint16 }

// Entry is one value of a map.
type Entry struct {
	Addr  uint16
	Name  string // as in the table of the meter's maker
	Type  Type   // the zero Type is Float32
	Words int    // length of a Text in registers; the other types know their own
	Kind  Kind   // the zero Kind is Instantaneous
	Scale float64

	// Of returns the value in the base unit of its quantity; the register holds
	// it times Scale, where Scale is not 0. A missing value reads 0. Of is nil
	// where no utility meter says it.
	Of func(*Source) telegram.Value
	// Vital says that a missing value must not pass for 0.
	Vital bool
	// Text returns the value of a Text.
	Text func(*Source) string
}

// Kind says how a register lives when the meter falls silent.
type Kind uint8

// The kinds of registers.
const (
	Instantaneous Kind = iota // true for a few seconds: WhenStale decides
	Counter                   // true until the next one: never blinks to 0
	Constant                  // who the device is: always answers
)

// known names every map that can be served.
var known = []*Map{&empro}

// Names returns the names of all maps.
func Names() []string {
	names := make([]string, len(known))
	for i, m := range known {
		names[i] = m.Name
	}
	return names
}

// ByName returns the map of that name.
func ByName(name string) (*Map, error) {
	for _, m := range known {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("modbusmap: MeterType %q: want %s", name, strings.Join(Names(), " or "))
}

// words returns how many registers the entry fills.
func (e *Entry) words() int {
	if e.Type == Text {
		return e.Words
	}
	return forms[e.Type].words
}

// registers returns how many registers the map has.
func (m *Map) registers() int {
	n := 0
	for _, b := range m.Blocks {
		n += b.len()
	}
	return n
}

func (b Block) len() int { return int(b.Last) - int(b.First) + 1 }

// place returns where the n registers from addr stand when the blocks are laid
// end to end; ok is false unless one block holds them all.
func (m *Map) place(addr uint16, n int) (at int, ok bool) {
	for _, b := range m.Blocks {
		if b.First <= addr && int(addr)+n-1 <= int(b.Last) {
			return at + int(addr-b.First), true
		}
		at += b.len()
	}
	return 0, false
}

// check reports an entry outside the blocks or on top of another one.
func (m *Map) check() error {
	owner := make([]string, m.registers())
	for i := range m.Entries {
		e := &m.Entries[i]
		at, ok := m.place(e.Addr, e.words())
		if !ok || e.words() == 0 {
			return fmt.Errorf("modbusmap: %s: %s at %#04x, %d registers: in no block", m.Name, e.Name, e.Addr, e.words())
		}
		for j := at; j < at+e.words(); j++ {
			if owner[j] != "" {
				return fmt.Errorf("modbusmap: %s: %s at %#04x overlaps %s", m.Name, e.Name, e.Addr, owner[j])
			}
			owner[j] = e.Name
		}
	}
	return nil
}
