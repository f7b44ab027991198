package dlms

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"smartconnect/telegram"
)

// facts are what a push says about the meter that sent it.
type facts struct {
	link   link
	array  bool // the list is an array
	sealed bool
	title  [8]byte       // system title, of a sealed push
	device []byte        // logical device name 0-0:42.0.0
	setup  telegram.OBIS // of the push setup, 0-x:25.9.0; zero if not sent
	list   []byte        // version of the list, where a list names one
}

// model is a row of the table of meters.
type model struct {
	name    string        // maker and model
	profile string        // row of profiles.go
	period  time.Duration // nominal, between lists that carry power
	is      func(*facts) bool
}

// Addresses on HDLC as package hdlc reads them: 103 is the client of a consumer
// interface. CII pushes of Landis+Gyr go to 103 and a second number, which is
// 127 for the E450 and another for the E570 (three units seen).
const (
	consumer     = 103
	e450Address  = consumer<<7 | 127
	am550Source  = 1<<7 | 17
	kaifaSource  = 1 << 7
	aidonAddress = 0x41 >> 1
	aidonSource  = 0x08>>1<<7 | 0x83>>1
)

// models are the known meters (section 10.3 of the DLMS reference), the first
// that fits counts. The name of the list says most, then the maker by device
// name or system title, then the push setup and the addresses. Function digits
// in a device name do not tell models apart.
//
// The period is what the documents name: five seconds for a CII and in Austria,
// at least ten for P1 (VSE), ten for the lists of the north with all phases.
var models = []model{
	{"Kamstrup Omnipower", "kamstrup-nve", 10 * time.Second, func(f *facts) bool { return f.listIs("Kamstrup_") || f.makerIs("KAM") }},
	{"Aidon", generic, 10 * time.Second, func(f *facts) bool { return f.listIs("AIDON_") || f.array && f.hdlc(aidonAddress, aidonSource) }},
	{"Kaifa MA304", "kaifa-no", 10 * time.Second, func(f *facts) bool { return f.listIs("KFM_") || f.hdlc(0, kaifaSource) }},
	{"Kaifa MA309", generic, 5 * time.Second, func(f *facts) bool { return f.makerIs("KFM") }},
	{"Sagemcom T210-D", generic, 5 * time.Second, func(f *facts) bool { return f.makerIs("SAG") }},
	{"Iskraemeco AM550", "isk-am550", 10 * time.Second, func(f *facts) bool { return f.makerIs("ISK") || f.maker() == nil && f.hdlc(consumer, am550Source) }},
	{"Logarex FLEXY F2", "logarex-flexy", 10 * time.Second, func(f *facts) bool { return f.makerIs("LOG") }},
	{"Landis+Gyr E450", "lg-e450", 5 * time.Second, func(f *facts) bool { return f.landis() && f.hdlc(e450Address, 1) }},
	{"Landis+Gyr E570", "lg-e570", 5 * time.Second, func(f *facts) bool { return f.landis() && f.hdlcClient() }},
	{"Landis+Gyr E360", "lg-e360", 10 * time.Second, func(f *facts) bool { return f.landis() && (f.setup.B == 6 || f.hdlc(consumer, 1)) }},
	{"Landis+Gyr E450", "lg-e450", 5 * time.Second, func(f *facts) bool { return f.makerIs("LGZ") || f.landis() && 8 <= f.setup.B && f.setup.B <= 11 }},
}

// model finds the meter, nil if it is not known.
func (f *facts) model() *model {
	for i := range models {
		if models[i].is(f) {
			return &models[i]
		}
	}
	return nil
}

// makerIs reports whether the three letters (FLAG id) of the device name, or
// else of the system title, are id.
func (f *facts) makerIs(id string) bool { return string(f.maker()) == id }

func (f *facts) maker() []byte {
	switch {
	case len(f.device) >= 3:
		return f.device[:3]
	case f.sealed:
		return f.title[:3]
	}
	return nil
}

// landis reports whether nothing says that another maker than Landis+Gyr made
// the meter.
func (f *facts) landis() bool { return f.maker() == nil || f.makerIs("LGZ") }

func (f *facts) listIs(prefix string) bool { return bytes.HasPrefix(f.list, []byte(prefix)) }

func (f *facts) hdlc(dest, src uint32) bool {
	return !f.link.mbus && f.link.dest == dest && f.link.src == src
}

// hdlcClient reports whether the push goes to 103 and a second number.
func (f *facts) hdlcClient() bool {
	return !f.link.mbus && f.link.dest>>7 == consumer && f.link.src == 1
}

// version notes the version of the list, if v is one: KFM_001, AIDON_V0001,
// Kamstrup_V0001.
func (f *facts) version(v value) {
	if text, ok := v.text(); ok && bytes.Contains(text, []byte("_V0")) || bytes.HasPrefix(text, []byte("KFM_")) {
		f.list = text
	}
}

// identify fills facts and Meter from the objects.
func (d *decoder) identify() {
	var id candidate
	for i := range d.objects {
		o := &d.objects[i]
		text, isText := o.value.text()
		if i == 0 || o.code == listVersion {
			d.facts.version(o.value)
		}
		switch {
		case o.named && o.code.A == 0 && o.code.C == 25 && o.code.D == 9 && o.code.E == 0:
			d.facts.setup = o.code
		case o.named && o.code == deviceName && isText:
			d.facts.device = text
		}
		if n := o.idRank(); n > 0 && n < id.rank || id.rank == 0 {
			if t := o.id(); n > 0 && !t.Empty() {
				id = candidate{n, o.code.E, t}
			}
		}
	}
	switch setup := d.scratch[:0]; {
	case len(d.facts.list) > 0:
		d.m.Meter.Version = telegram.TextOf(d.facts.list)
	case d.facts.setup != (telegram.OBIS{}):
		setup = strconv.AppendInt(append(setup, "0-"...), int64(d.facts.setup.B), 10)
		d.m.Meter.Version = telegram.TextOf(append(setup, ":25.9.0"...))
	}
	if id.rank == 0 && d.facts.sealed {
		id.text = titleID(d.facts.title)
	}
	d.m.Meter.ID, d.m.Meter.IDKind = id.text, id.kind()
	d.m.Meter.Sender = d.facts.link.text(d.scratch[:0])
	if d.model = d.facts.model(); d.model != nil {
		d.m.Meter.Header = telegram.TextOf(d.model.name)
	}
}

// candidate is an identification and how good it is, 1 the best, 0 none. A list
// may have 1-0:0.0.0, and another list of the same meter 1-0:0.0.1.
type candidate struct {
	rank int
	e    uint8
	text telegram.Text
}

// kind tells identifications of different objects apart.
func (c candidate) kind() uint8 {
	if c.rank == 4 {
		return 16 + c.e%240
	}
	return uint8(c.rank)
}

var (
	deviceName  = telegram.OBIS{A: 0, B: 0, C: 42, D: 0, E: 0, F: 255}
	listVersion = telegram.OBIS{A: 1, B: 1, C: 0, D: 2, E: 129, F: 255}
)

// idRank says how good an identification of the meter the object is: serial
// numbers of the grid operator and of the maker, the device name, electricity
// identifiers 1-x:0.0.y, and the bare text that Austrian lists end with; 0 for
// anything else.
func (o *object) idRank() int {
	switch c := o.code; {
	case !o.named:
		return 5
	case o.attribute != 2:
		return 0
	case c.A == 0 && c.B == 0 && c.C == 96 && c.D == 1 && c.E <= 1:
		return 1 + int(c.E)
	case c == deviceName:
		return 3
	case c.A == 1 && c.C == 0 && c.D == 0:
		return 4
	}
	return 0
}

// id returns the identification in the object: printable text that is more than
// zeros, or a number.
func (o *object) id() telegram.Text {
	if text, ok := o.value.text(); ok && len(bytes.Trim(text, "0")) > 0 && !bytes.Contains(text, []byte("_V0")) {
		return telegram.TextOf(text)
	}
	if n, ok := o.value.integer(); ok && n > 0 && o.named {
		return telegram.TextOf(fmt.Append(nil, n))
	}
	return telegram.Text{}
}

// titleID returns an identification from a system title. Meters after IDIS
// (Landis+Gyr, Iskraemeco) count by a rule: three letters, the device type
// (103), function bits, and the serial number in 28 bits, which make up the
// logical device name LGZ 103 07 69231253. Others stay hex digits.
func titleID(title [8]byte) telegram.Text {
	maker := string(title[:3])
	if maker != "LGZ" && maker != "ISK" {
		return telegram.TextOf(fmt.Sprintf("%X", title))
	}
	serial := uint32(title[4]&0x0f)<<24 | uint32(title[5])<<16 | uint32(title[6])<<8 | uint32(title[7])
	return telegram.TextOf(fmt.Sprintf("%s%03d%02d%08d", maker, title[3], title[4]>>4, serial))
}
