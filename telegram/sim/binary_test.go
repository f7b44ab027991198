package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/telegram"
)

// binaryMeters says how each meter is read, and what a reader must know of it.
var binaryMeters = map[string]struct {
	read    func(*testing.T, []byte) [][]byte // nil: P1 in a wrapper
	control byte                              // 0: in the clear
	volts   int                               // scaler of voltages; currents are in steps of 10 mA, those of Norway of 1 mA
	sizes   []int                             // of the frames of a telegram on the minute
}{
	"e450":                    {fromBlocks, 0, 0, []int{134, 127, 141, 102}},
	"e450-encrypted":          {fromBlocks, 0x30, 0, []int{141, 141, 141, 111}},
	"e450-extended":           {fromBlocks, 0, 0, []int{134, 127, 127, 127, 141, 141, 20}},
	"e450-extended-encrypted": {fromBlocks, 0x30, 0, []int{141, 141, 141, 141, 141, 123}},
	"smart-me":                {fromBlocks, 0, 0, []int{134, 127, 141, 40, 134, 65}},
	"smart-me-encrypted":      {fromBlocks, 0x30, 0, []int{141, 141, 141, 49, 141, 87}},
	"flexy":                   {fromSegments, 0, -1, []int{166, 166, 67}},
	"flexy-encrypted":         {fromSegments, 0x30, -1, []int{166, 166, 97}},
	"kaifa-no":                {fromSegments, 0, -1, []int{123}},
	"e360":                    {fromSegments, 0, -1, []int{354}},
	"e360-encrypted":          {fromSegments, 0x30, -1, []int{384}},
	"am550":                   {fromSegments, 0, -1, []int{166, 166, 47}},
	"am550-encrypted":         {fromSegments, 0x20, -1, []int{166, 166, 65}},
	"lausanne":                {fromSegments, 0, -1, []int{166, 166, 127, 166, 166, 166, 135}},
	"lausanne-encrypted":      {fromSegments, 0x20, -1, []int{166, 166, 145, 166, 166, 166, 153}},
	"at-mbus-plain":           {fromMBus, 0, -1, []int{254}},
	"at-mbus":                 {fromMBus, 0x20, -1, []int{256, 26}},
	"smarty":                  {nil, 0x30, 0, []int{1224}},
	"at-p1":                   {nil, 0x30, 0, []int{511}},
}

// each runs a test for every binary meter, and fails for one nobody knows.
func each(t *testing.T, test func(t *testing.T, m Meter)) {
	for _, m := range Binary {
		t.Run(m.Name, func(t *testing.T) {
			if _, known := binaryMeters[m.Name]; !known {
				t.Fatal("no test knows this meter")
			}
			test(t, m)
		})
	}
}

// unsealed is what a telegram says under its seal, and its counter.
type unsealed struct {
	octets  []byte
	counter uint32
	title   [8]byte
}

// read returns the telegrams in raw, whose tags are verified.
func read(t *testing.T, m Meter, raw []byte) (telegrams []unsealed) {
	t.Helper()
	known := binaryMeters[m.Name]
	apdus := [][]byte{raw}
	if known.read != nil {
		apdus = known.read(t, raw)
	}
	for _, apdu := range apdus {
		if known.control == 0 {
			telegrams = append(telegrams, unsealed{octets: apdu})
			continue
		}
		c := opened(t, apdu, Key, AuthKey)
		if c.control != known.control {
			t.Errorf("security control %02X, want %02X", c.control, known.control)
		}
		telegrams = append(telegrams, unsealed{c.plain, c.counter, c.title})
	}
	return telegrams
}

// The sizes these meters were seen to send: the E450 with the list of 2026 in
// blocks of 0x70, 0x6C, 0x7A and 0x53 octets, the E360 in one frame, the AM550
// in segments of 154, Austria in frames of 250 octets and the rest.
func TestSizes(t *testing.T) {
	minute := noon.Truncate(time.Minute)
	each(t, func(t *testing.T, m Meter) {
		raw := m.Encode(nil, m.House(1, minute).Look(minute), minute)
		var sizes []int
		for rest := raw; len(rest) > 0; rest = rest[sizes[len(sizes)-1]:] {
			switch rest[0] {
			case 0x7E:
				sizes = append(sizes, int(rest[1]&7)<<8+int(rest[2])+2)
			case 0x68:
				sizes = append(sizes, int(rest[1])+6)
			default:
				sizes = append(sizes, len(rest))
			}
		}
		if want := binaryMeters[m.Name].sizes; !slices.Equal(sizes, want) {
			t.Errorf("frames of %d octets, want %d", sizes, want)
		}
	})
}

// A meter of Landis+Gyr starts a block with a whole definition while there are
// any, as long as nobody encrypts them.
func TestBlocksKeepDefinitionsWhole(t *testing.T) {
	m := meter(t, "e450")
	frames := hdlcFrames(t, m.Encode(nil, m.House(1, noon).Look(noon), noon))
	for _, f := range frames[1:3] {
		if !bytes.HasPrefix(f.info[7:], []byte("\x02\x04\x12\x00")) {
			t.Errorf("a block starts with % X", f.info[7:15])
		}
	}
}

// The elements of each list as the operators' papers have them, in the order
// they are sent: code, and attribute where it is not the value.
func TestLists(t *testing.T) {
	const (
		energies = " 1-1:1.8.0 1-1:2.8.0 1-1:3.8.0 1-1:4.8.0"
		powers   = " 1-0:1.7.0 1-0:2.7.0"
		amps     = " 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0"
		volts    = " 1-0:32.7.0 1-0:52.7.0 1-0:72.7.0"
	)
	for name, want := range map[string][]string{
		"e450":  {"0-8:25.9.0 0-8:25.9.0;1 0-0:42.0.0 0-0:96.1.1 0-0:1.0.0" + energies + powers + volts + amps},
		"e360":  {"0-6:25.9.0 0-0:42.0.0" + energies + powers + " 1-0:32.7.0 1-0:72.7.0 1-0:52.7.0" + amps},
		"am550": {"0-6:25.9.0 0-0:42.0.0" + energies + " 1-1:1.7.0 1-1:2.7.0" + volts + amps},
		"flexy": {"0-6:25.9.0 0-0:42.0.0" + energies + " 0-0:96.14.0" + powers + volts + amps},
		"e450-extended": {"0-8:25.9.0 0-0:42.0.0" + energies + " 0-0:96.14.0" + powers + volts + amps +
			" 1-0:21.7.0 1-0:41.7.0 1-0:61.7.0 1-0:22.7.0 1-0:42.7.0 1-0:62.7.0" +
			" 1-0:23.7.0 1-0:43.7.0 1-0:63.7.0 1-0:24.7.0 1-0:44.7.0 1-0:64.7.0 0-0:96.13.0"},
		"smart-me": {
			"0-8:25.9.0 0-8:25.9.0;1 0-0:96.1.0" + powers + " 1-1:1.8.0 1-1:2.8.0 1-1:5.8.0 1-1:6.8.0 1-1:7.8.0 1-1:8.8.0 1-0:130.7.0" + amps,
			"0-9:25.9.0 0-9:25.9.0;1 1-1:1.8.1 1-1:1.8.2 1-1:2.8.1 1-1:2.8.2",
			"0-11:25.9.0 0-11:25.9.0;1 0-1:24.1.0;6 0-2:24.1.0;6 0-3:24.1.0;6 0-1:24.2.1 0-2:24.2.1 0-3:24.2.1" +
				" 0-1:24.1.0;9 0-2:24.1.0;9 0-3:24.1.0;9 0-1:24.2.1;3 0-2:24.2.1;3 0-3:24.2.1;3",
		},
		"lausanne": {
			"0-6:25.9.0 0-0:96.1.1 0-0:1.0.0 0-0:96.13.0 1-1:1.8.1 1-1:1.8.2 1-1:2.8.1 1-1:2.8.2 1-1:3.8.1 1-1:3.8.2 1-1:4.8.1 1-1:4.8.2" + energies,
			"0-6:25.9.0 0-0:96.1.1" + powers + " 1-0:3.7.0 1-0:4.7.0" + volts + amps + " 1-0:91.7.0" +
				" 1-0:21.7.0 1-0:41.7.0 1-0:61.7.0 1-0:22.7.0 1-0:42.7.0 1-0:62.7.0" +
				" 1-0:23.7.0 1-0:43.7.0 1-0:63.7.0 1-0:24.7.0 1-0:44.7.0 1-0:64.7.0",
		},
	} {
		m, quarter := meter(t, name), noon.Truncate(15*time.Minute)
		telegrams := read(t, m, m.Encode(nil, m.House(1, quarter).Look(quarter), quarter))
		if len(telegrams) != len(want) {
			t.Errorf("%s: %d lists, want %d", name, len(telegrams), len(want))
			continue
		}
		for i, p := range telegrams {
			var got strings.Builder
			for _, d := range notification(t, p.octets).body.inside[0].inside {
				n := d.inside[1].octets
				fmt.Fprintf(&got, " %d-%d:%d.%d.%d", n[0], n[1], n[2], n[3], n[4])
				if a := d.inside[2].number; a != 2 {
					fmt.Fprintf(&got, ";%d", a)
				}
				class := map[bool]int64{true: 3, false: 1}[n[0] == 1]
				switch n[2] {
				case 25:
					class = 40
				case 1:
					class = map[byte]int64{0: 8, 1: 3}[n[0]]
				case 24: // M-Bus client and extended register
					if n[0] == 0 {
						class = map[byte]int64{1: 72, 2: 4}[n[3]]
					}
				}
				if c := d.inside[0].number; c != class {
					t.Errorf("%s: % X is of class %d, want %d", name, n, c, class)
				}
			}
			if got.String()[1:] != want[i] {
				t.Errorf("%s: list %d is\n%s, want\n %s", name, i+1, &got, want[i])
			}
		}
	}
}

// The low three octets of the long-invoke-id count with the telegrams; Austria
// sets the bit of a high priority above them.
func TestInvokeID(t *testing.T) {
	for name, flags := range map[string]uint32{"e450-encrypted": 0, "am550-encrypted": 0, "at-mbus": 0x80000000} {
		m := meter(t, name)
		p := read(t, m, m.Encode(nil, m.House(1, noon).Look(noon), noon))[0]
		if id := notification(t, p.octets).id; id != flags|p.counter&0xFFFFFF {
			t.Errorf("%s: long-invoke-id %08X with counter %08X", name, id, p.counter)
		}
	}
}

// listed reads the numbers of a notification, as a reader who knows that this
// meter says volts in steps of 10^scaler.
func listed(t *testing.T, n notified, scaler int, found map[telegram.Quantity]float64) (texts map[string][]byte) {
	t.Helper()
	texts = map[string][]byte{}
	note := func(name []byte, e element, scaler int) {
		code := fmt.Sprintf("%d-%d:%d.%d.%d", name[0], name[1], name[2], name[3], name[4])
		q, known := quantityOf[strings.Replace(code, "1-1:", "1-0:", 1)]
		if !known {
			texts[code] = e.octets
			return
		}
		if _, twice := found[q]; twice {
			t.Errorf("%s is sent twice", code)
		}
		v := new(big.Rat).SetInt64(e.number)
		for range -scaler {
			v.Quo(v, big.NewRat(10, 1))
		}
		found[q], _ = v.Float64()
	}
	elements := n.body.inside
	if names, ok := norway[len(elements)]; ok {
		for i, name := range names {
			var at [5]byte
			if _, err := fmt.Sscanf(name, "%d-%d:%d.%d.%d", &at[0], &at[1], &at[2], &at[3], &at[4]); err != nil {
				t.Fatal(err)
			}
			note(at[:], elements[i], map[byte]int{32: scaler, 52: scaler, 72: scaler, 31: -3, 51: -3, 71: -3}[at[2]])
		}
		return texts
	}
	if definitions := elements[0].inside; definitions != nil {
		if len(definitions) != len(elements) {
			t.Fatalf("%d definitions of %d elements", len(definitions), len(elements))
		}
		for i, d := range definitions[1:] {
			class, name, attribute, index := d.inside[0].number, d.inside[1].octets, d.inside[2].number, d.inside[3].number
			if len(name) != 6 || name[5] != 255 || index != 0 || class == 3 && attribute != 2 {
				t.Errorf("definition % X of class %d, attribute %d, index %d", name, class, attribute, index)
			}
			by := map[byte]int{32: scaler, 52: scaler, 72: scaler, 31: -2, 51: -2, 71: -2, 91: -2}[name[2]]
			note(name, elements[i+1], by)
		}
		return texts
	}
	for i := 1; i+1 < len(elements); i += 3 { // the first is the time
		unit := elements[i+2].inside
		if want := map[byte]int64{1: 27, 2: 27, 32: 35, 52: 35, 72: 35, 31: 33, 51: 33, 71: 33, 13: 255}[elements[i].octets[2]]; unit[1].number != want &&
			(elements[i].octets[3] != 8 || unit[1].number != 30) {
			t.Errorf("% X has unit %d", elements[i].octets, unit[1].number)
		}
		note(elements[i].octets, elements[i+1], int(unit[0].number))
	}
	texts["serial"] = elements[len(elements)-1].octets
	return texts
}

// norway are the names of the lists of the Norwegian Kaifa, by their length (NVE,
// Kaifa KFM_001).
var norway = map[int][]string{
	1:  {"1-0:1.7.0"},
	13: norwegian[:13],
	18: norwegian,
}

var norwegian = strings.Fields("1-1:0.2.129 0-0:96.1.0 0-0:96.1.7 1-0:1.7.0 1-0:2.7.0 1-0:3.7.0 1-0:4.7.0 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0" +
	" 1-0:32.7.0 1-0:52.7.0 1-0:72.7.0 0-0:1.0.0 1-0:1.8.0 1-0:2.8.0 1-0:3.8.0 1-0:4.8.0")

// What Truth says is what an independent reader finds, through the night when
// the clocks change, minutes in which the counters come included.
func TestBinaryTruth(t *testing.T) {
	start := time.Date(2025, 10, 25, 23, 58, 0, 0, time.UTC)
	each(t, func(t *testing.T, m Meter) {
		house := m.House(7, start)
		house.Lively = true
		most := 0
		for i := range 400 {
			at := start.Add(time.Duration(i) * 19 * time.Second)
			s := house.Look(at)
			got, want := map[telegram.Quantity]float64{}, m.Truth(s, at)
			for _, p := range read(t, m, m.Encode(nil, s, at)) {
				if m.push == nil {
					got = said(t, p.octets)
					continue
				}
				n := notification(t, p.octets)
				texts := listed(t, n, binaryMeters[m.Name].volts, got)
				summer := m.push.zone == silent && summerTime(at)
				if read := moment(t, n.time, summer); !read.Equal(m.Clock(at)) {
					t.Errorf("time %v, want %v", read, m.Clock(at))
				}
				if clock, sent := texts["0-0:1.0.0"]; sent && !moment(t, clock, false).Equal(m.Clock(at)) {
					t.Errorf("clock % X, want %v", clock, m.Clock(at))
				}
				if id := cmpOr(texts["0-0:96.1.1"], texts["0-0:96.1.0"], texts["serial"], texts["0-0:42.0.0"], []byte(m.ID)); string(id) != m.ID {
					t.Errorf("meter %q, want %q", id, m.ID)
				}
			}
			for q, v := range want {
				if read, ok := got[q]; !ok || read != v {
					t.Fatalf("%v: %s is %v, sent %v (%v)", at, q, v, read, ok)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%v: %d numbers sent, %d meant", at, len(got), len(want))
			}
			most = max(most, len(want))
		}
		if most < 10 {
			t.Errorf("says %d numbers at most", most)
		}
	})
}

func cmpOr(of ...[]byte) []byte {
	return of[slices.IndexFunc(of, func(b []byte) bool { return b != nil })]
}

// The counters of a day's minute are a telegram of their own; every other slot
// has the moment alone.
func TestLausanneInterleaves(t *testing.T) {
	m := meter(t, "lausanne-encrypted")
	start := noon.Truncate(time.Hour)
	var counters []uint32
	sizes := map[int]int{}
	for i := range 24 {
		at := start.Add(time.Duration(i) * m.Interval)
		telegrams := read(t, m, m.Encode(nil, m.House(1, at).Look(at), at))
		if want := map[bool]int{true: 2, false: 1}[at.Second() == 0]; len(telegrams) != want {
			t.Errorf("%v: %d telegrams, want %d", at, len(telegrams), want)
		}
		for _, p := range telegrams {
			counters = append(counters, p.counter)
			sizes[len(notification(t, p.octets).body.inside)]++
		}
	}
	if len(sizes) != 2 || sizes[16] != 2 || sizes[25] != 24 {
		t.Errorf("lists by number of elements: %v, want 2 of 16 and 24 of 25", sizes)
	}
	checkSteps(t, counters)
}

// checkSteps wants every counter to be one more than that before.
func checkSteps(t *testing.T, counters []uint32) {
	t.Helper()
	for i := 1; i < len(counters); i++ {
		if counters[i] != counters[i-1]+1 {
			t.Fatalf("counters %d", counters)
		}
	}
}

func TestSameTimeSameOctets(t *testing.T) {
	each(t, func(t *testing.T, m Meter) {
		s := m.House(1, noon).Look(noon)
		first := m.Encode([]byte("before"), s, noon)
		if !bytes.HasPrefix(first, []byte("before")) {
			t.Fatal("Encode does not append")
		}
		if again := m.Encode(nil, s, noon); !bytes.Equal(again, first[6:]) {
			t.Error("the same state and time, other octets")
		}
		if later := m.Encode(nil, s, noon.Add(m.Interval)); bytes.Equal(later, first[6:]) {
			t.Error("the next telegram has the same octets")
		}
	})
}

// However fast a meter is played, whatever its clock says of the moment, its
// counters grow by one a telegram; and after a restart they go on above.
func TestCounters(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Millisecond, 90 * time.Millisecond, time.Minute} {
		each(t, func(t *testing.T, m Meter) {
			if !m.Encrypts() {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				first := counters(t, m, interval)
				time.Sleep(max(interval, m.Interval))
				again := counters(t, m, interval)
				checkSteps(t, first)
				checkSteps(t, again)
				if len(first) < 30 || again[0] <= first[len(first)-1] {
					t.Errorf("every %v: counters %d, after a restart %d", interval, first, again)
				}
			})
		})
	}
}

// counters plays 30 slots of a meter whose clock wavers.
func counters(t *testing.T, m Meter, interval time.Duration) (counters []uint32) {
	t.Helper()
	var waver time.Duration
	player := NewPlayer(m, Play{Interval: interval, Count: 30, Now: func() time.Time {
		waver = (waver + 700*time.Microsecond) % (2 * time.Millisecond)
		return time.Now().Add(waver)
	}})
	for {
		raw, err := player.Next(t.Context())
		if err == io.EOF {
			return counters
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range read(t, m, raw) {
			counters = append(counters, p.counter)
		}
	}
}

// A reader who comes late misses telegrams, and their counters.
func TestCountersOfALateReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter(t, "e450-encrypted")
		player := NewPlayer(m, Play{})
		var counters []uint32
		for range 3 {
			raw, err := player.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counters = append(counters, read(t, m, raw)[0].counter)
			time.Sleep(m.Interval*5/2 + time.Millisecond)
		}
		if counters[1] != counters[0]+2 || counters[2] != counters[1]+3 {
			t.Errorf("counters %d, want steps of 2 and 3", counters)
		}
	})
}

// The identity a meter has by IDIS stands in its system title, too.
func TestSystemTitles(t *testing.T) {
	each(t, func(t *testing.T, m Meter) {
		if !m.Encrypts() {
			return
		}
		p := read(t, m, m.Encode(nil, m.House(1, noon).Look(noon), noon))[0]
		for _, c := range p.title[:3] {
			if c < 'A' || 'Z' < c {
				t.Errorf("title % X", p.title)
			}
		}
		name := bytes.Index(p.octets, p.title[:3])
		if m.push == nil || name < 0 {
			return
		}
		rest := binary.BigEndian.Uint32(p.title[4:])
		if want := fmt.Sprintf("%s%d%02d%08d", p.title[:3], p.title[3], rest>>28, rest&0x0FFFFFFF); want != string(p.octets[name:name+16]) {
			t.Errorf("title % X is %s, the list says %s", p.title, want, p.octets[name:name+16])
		}
	})
}

func TestWithKeys(t *testing.T) {
	const key, auth = "00112233445566778899aabbccddeeff", "FF EE DD CC BB AA 99 88 77 66 55 44 33 22 11 00"
	e450 := meter(t, "e450-encrypted")
	for _, c := range []struct {
		m               Meter
		key, auth, want string
	}{
		{meter(t, "e450"), key, auth, "e450 does not encrypt"},
		{meter(t, "dsmr50"), key, "", "dsmr50 does not encrypt"},
		{e450, "0011", auth, "key of e450-encrypted: telegram: key has 4"},
		{e450, "", "xyz", "authentication key of e450-encrypted"},
	} {
		if _, err := c.m.WithKeys(c.key, c.auth); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q and %q: error %v, want %q in it", c.m.Name, c.key, c.auth, err, c.want)
		}
	}
	s := e450.House(1, noon).Look(noon)
	for _, c := range []struct{ key, auth, opensKey, opensAuth string }{
		{"", "", Key, AuthKey},
		{key, "", key, AuthKey},
		{"", auth, Key, strings.ReplaceAll(auth, " ", "")},
		{key, auth, key, strings.ReplaceAll(auth, " ", "")},
	} {
		m, err := e450.WithKeys(c.key, c.auth)
		if err != nil {
			t.Fatal(err)
		}
		opened(t, fromBlocks(t, m.Encode(nil, s, noon))[0], c.opensKey, c.opensAuth)
	}
	opened(t, fromBlocks(t, e450.Encode(nil, s, noon))[0], Key, AuthKey) // the one it came from is as it was
}

// The neutral carries what the phases leave over: all of one phase alone, and
// nothing of three that are equal.
func TestNeutral(t *testing.T) {
	for _, c := range []struct {
		power [3]float64
		want  float64
	}{
		{[3]float64{}, 0},
		{[3]float64{2300, 0, 0}, 10},
		{[3]float64{0, -2300, 0}, 10},
		{[3]float64{2300, 2300, 2300}, 0},
		{[3]float64{2300, 2300, 0}, 10},
		{[3]float64{2300, -2300, 0}, 17.320508},
	} {
		s := State{Power: c.power, Voltage: [3]float64{230, 230, 230}}
		if got := s.neutral(); got < c.want-1e-6 || got > c.want+1e-6 {
			t.Errorf("%v W: %v A, want %v", c.power, got, c.want)
		}
	}
}

func BenchmarkEncodeEncrypted(b *testing.B) {
	m, err := ByName("e450-encrypted")
	if err != nil {
		b.Fatal(err)
	}
	s := m.House(1, noon).Look(noon)
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		buf = m.Encode(buf[:0], s, noon)
	}
}
