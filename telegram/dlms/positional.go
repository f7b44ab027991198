package dlms

import (
	"fmt"

	"smartconnect/telegram"
)

// layout is a list whose values stand without names, in an order that both
// sides know.
type layout struct {
	model  string // of the table in meter.go
	values []telegram.OBIS
}

// nameless stands for a value of a layout that nobody has identified.
var nameless telegram.OBIS

// layouts are the positional lists that are known (section 9.5 of the DLMS
// reference). A list of another meter or length is read, and not understood:
// Slovenian AM550 are known to send 9, 10, 12, 18 and 33 values of unknown
// meaning.
var layouts = []layout{
	{"Landis+Gyr E450", codes("1-0:1.8.0", "1-0:2.8.0")}, // optical port
	{"Landis+Gyr E450", burgenland(true)},
	{"Landis+Gyr E450", burgenland(false)},
	{"Kaifa MA304", codes("1-0:1.7.0")},
	{"Kaifa MA304", kaifa(false, false)},
	{"Kaifa MA304", kaifa(true, false)},
	{"Kaifa MA304", kaifa(false, true)},
	{"Kaifa MA304", kaifa(true, true)},
}

// burgenland is the list of Netz Burgenland; of the long form three values are
// not identified.
func burgenland(long bool) []telegram.OBIS {
	list := codes("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0", "1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0",
		"1-0:1.7.0", "1-0:2.7.0", "1-0:1.8.0", "1-0:2.8.0")
	if long {
		list = append(list, nameless, nameless, nameless)
	}
	return append(list, codes("0-0:96.1.0")...)
}

// kaifa is list 2 of the Norwegian meters, and list 3, which adds the hourly
// clock and energies.
func kaifa(three, hourly bool) []telegram.OBIS {
	list := codes("1-1:0.2.129", "0-0:96.1.0", "0-0:96.1.7", "1-0:1.7.0", "1-0:2.7.0", "1-0:3.7.0", "1-0:4.7.0")
	if three {
		list = append(list, codes("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0", "1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")...)
	} else {
		list = append(list, codes("1-0:31.7.0", "1-0:32.7.0")...)
	}
	if hourly {
		list = append(list, codes("0-0:1.0.0", "1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0")...)
	}
	return list
}

func codes(texts ...string) []telegram.OBIS {
	list := make([]telegram.OBIS, len(texts))
	for i, text := range texts {
		var err error
		if list[i], _, err = telegram.ParseOBIS([]byte(text)); err != nil {
			panic(err) // a table above is wrong
		}
	}
	return list
}

// layout returns the names of a list of n values without names, nil if nobody
// knows them. Those the owner has set win.
func (d *decoder) layout(n int) []telegram.OBIS {
	if len(d.o.List) == n {
		return d.o.List
	}
	model := d.facts.model()
	for i := range layouts {
		if l := &layouts[i]; model != nil && l.model == model.name && len(l.values) == n {
			return l.values
		}
	}
	return nil
}

// positions reads a list without names. The values are there for a visitor even
// where no layout fits.
func (d *decoder) positions(c cursor, n int) error {
	from := len(d.objects)
	for range n {
		d.add(object{attribute: 2, value: c.next()})
	}
	if n > 0 {
		d.facts.version(d.objects[from].value)
	}
	if names := d.layout(n); names != nil {
		for i, code := range names {
			o := &d.objects[from+i]
			o.code, o.named = code, code != nameless
		}
		return nil
	}
	who := "an unknown meter"
	if model := d.facts.model(); model != nil {
		who = model.name
	}
	return fmt.Errorf("dlms: %w: %d values without names from %s: %s", telegram.ErrListUnknown, n, who, printed(d.objects[from:]))
}

// printed lists values for the installer who has to say what they mean.
func printed(objects []object) string {
	const most = 20
	var b []byte
	for i := range objects {
		if i == most {
			return string(append(b, ", ..."...))
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		text := objects[i].print(0)
		b = append(b, text[:min(len(text), 40)]...)
	}
	return string(b)
}
