package hdlc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// frame makes a frame between two flags, written without the code under test.
func frame(format, header string, info []byte) []byte {
	var body []byte
	length := len(unhex(header)) + 2 + 2
	if len(info) > 0 {
		length += len(info) + 2
	}
	f := unhex(format)[0]
	body = append(body, f|byte(length>>8), byte(length))
	body = append(body, unhex(header)...)
	if len(info) > 0 {
		body = sequenced(body)
		body = append(body, info...)
	}
	body = sequenced(body)
	return append(append([]byte{0x7E}, body...), 0x7E)
}

func sequenced(b []byte) []byte {
	c := bitwise(b)
	return append(b, byte(c), byte(c>>8))
}

// bitwise is the check sequence bit by bit, as the standard draws it.
func bitwise(b []byte) uint16 {
	r := uint16(0xFFFF)
	for _, c := range b {
		for i := range 8 {
			bit := r&1 ^ uint16(c>>i)&1
			r >>= 1
			if bit != 0 {
				r ^= 0x8408
			}
		}
	}
	return r ^ 0xFFFF
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestCRC(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint16
	}{
		{hex.EncodeToString([]byte("123456789")), 0x906E},
		{"A0 76 CE FF 03 13", 0x023C},
		{"", 0},
	} {
		if got := CRC(unhex(c.in)); got != c.want {
			t.Errorf("CRC(%s) = %04X, want %04X", c.in, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 300)
	for n := range b {
		b[n] = byte(r.Uint32())
		if got, want := CRC(b[:n]), bitwise(b[:n]); got != want {
			t.Fatalf("%d octets: %04X, bit by bit %04X", n, got, want)
		}
		if got := register(start).over(sequenced(bytes.Clone(b[:n]))); got != 0xF0B8 {
			t.Fatalf("the register over octets and check sequence leaves %04X, want F0B8", uint16(got))
		}
	}
}

var text = []byte("every 7E \x7E inside, \x7D too, \xA0\x7E stays as it is")

func TestParseRefuses(t *testing.T) {
	good := frame("A0", "CE FF 03 13", text)
	header := len(unhex("7E A0 00 CE FF 03 13"))
	spoil := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x20
		return b
	}
	for _, c := range []struct {
		name   string
		in     []byte
		class  error
		detail string
	}{
		{"nothing", nil, ErrIncomplete, ""},
		{"no flag", []byte{0xA0}, ErrNotFrame, "A0 is no flag"},
		{"two flags in a row", unhex("7E 7E"), ErrNotFrame, "7E is no frame format"},
		{"frame format type 2", unhex("7E 90 76"), ErrNotFrame, "90 is no frame format"},
		{"a flag and the type", unhex("7E A0"), ErrIncomplete, ""},
		{"length 6", unhex("7E A0 06"), ErrNotFrame, "length 6"},
		{"length 0", unhex("7E A0 00"), ErrNotFrame, "length 0"},
		{"an address of three octets", unhex("7E A0 20 02 02 03"), ErrNotFrame, "address 02 02 03"},
		{"an address of five octets", unhex("7E A0 20 02 02 02 02 03"), ErrNotFrame, "address 02 02 02 02"},
		{"a source address of three octets", unhex("7E A0 20 03 02 02 03"), ErrNotFrame, "address 02 02 03"},
		{"addresses that fill the frame", unhex("7E A0 07 02 02 02 03 03 7E 7E 7E"), ErrNotFrame, "ends inside the header"},
		{"no room for the FCS", unhex("7E A0 09 02 02 02 03 03 13 00 00"), ErrNotFrame, "does not fit a header of 8"},
		{"room for half a check sequence", unhex("7E A0 08 03 03 13 00 00 00"), ErrNotFrame, "does not fit a header of 5"},
		{"room for an HCS and no information", unhex("7E A0 09 03 03 13 00 00 00 00"), ErrNotFrame, "does not fit a header of 5"},
		{"the HCS is wrong: known long before the frame has come", unhex("7E A7 FF 03 03 13 12 34"), ErrNotFrame, "HCS sent 3412"},
		{"half of the HCS", good[:header+1], ErrIncomplete, ""},
		{"the header and its HCS", good[:header+2], ErrIncomplete, ""},
		{"all but the last octet of the FCS", good[:len(good)-2], ErrIncomplete, ""},
		{"a bit of the length", spoil(2), ErrNotFrame, "HCS"},
		{"a bit of an address", spoil(4), ErrNotFrame, "HCS"},
		{"a bit of the control field", spoil(6), ErrNotFrame, "HCS"},
		{"a bit of the HCS", spoil(7), ErrNotFrame, "HCS"},
		{"a bit of the information", spoil(12), ErrChecksum, "FCS"},
		{"a bit of the FCS", spoil(len(good) - 2), ErrChecksum, "FCS"},
		{"an octet lost, the next frame behind it", append(append(bytes.Clone(good[:20]), good[21:]...), good...), ErrChecksum, "FCS"},
		{"no information, and a wrong FCS", unhex("7E A0 07 03 03 13 00 00 7E"), ErrChecksum, "FCS sent 0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n, err := Parse(c.in)
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) {
				t.Fatalf("error %v, want %v that says %q", err, c.class, c.detail)
			}
			if c.class != ErrIncomplete && !strings.HasPrefix(err.Error(), "hdlc: ") {
				t.Errorf("error %v does not say where", err)
			}
			if n != 0 || f.Info != nil {
				t.Errorf("with an error came %d octets and %+v", n, f)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want Frame
	}{
		{"one octet each", frame("A0", "CF 03 13", text), Frame{Dest: 103, Src: 1, Control: 0x13, Info: text}},
		{"two for the destination", frame("A0", "CE FF 03 13", text), Frame{Dest: 103<<7 | 127, Src: 1, Control: 0x13, Info: text}},
		{"two for the source", frame("A0", "CF 02 23 13", text), Frame{Dest: 103, Src: 1<<7 | 17, Control: 0x13, Info: text}},
		{"four for the source", frame("A0", "03 02 06 08 0B 13", text), Frame{Dest: 1, Src: 1<<21 | 3<<14 | 4<<7 | 5, Control: 0x13, Info: text}},
		{"four for both, all ones", frame("A0", "FE FE FE FF FE FE FE FF 10", text), Frame{Dest: 1<<28 - 1, Src: 1<<28 - 1, Control: 0x10, Info: text}},
		{"more to follow", frame("A8", "CF 02 23 03", text), Frame{Dest: 103, Src: 1<<7 | 17, Control: 0x03, Segmented: true, Info: text}},
		{"one octet of information", frame("A0", "CF 03 13", []byte{0}), Frame{Dest: 103, Src: 1, Control: 0x13, Info: []byte{0}}},
		{"no information, so no HCS", frame("A0", "CF 03 93", nil), Frame{Dest: 103, Src: 1, Control: 0x93}},
		{"the longest", frame("A0", "CF 03 13", make([]byte, 2047-9)), Frame{Dest: 103, Src: 1, Control: 0x13, Info: make([]byte, 2047-9)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n, err := Parse(c.in)
			if err != nil || n != len(c.in)-1 {
				t.Fatalf("%d octets, error %v; want %d", n, err, len(c.in)-1)
			}
			if !bytes.Equal(f.Info, c.want.Info) || f.Dest != c.want.Dest || f.Src != c.want.Src || f.Control != c.want.Control || f.Segmented != c.want.Segmented {
				t.Fatalf("%+v\nwant %+v", f, c.want)
			}
			// No octet behind n has a say, and none before it is enough.
			if _, m, err := Parse(append(bytes.Clone(c.in[:n]), 0x55)); err != nil || m != n {
				t.Errorf("without the closing flag: %d octets, error %v", m, err)
			}
			for i := range n {
				if _, _, err := Parse(c.in[:i]); !errors.Is(err, ErrIncomplete) {
					t.Fatalf("after %d octets of %d: %v", i, n, err)
				}
			}
		})
	}
}

// find reads every frame of a stream, stepping over an octet where none begins.
func find(b []byte) (at []int, frames []Frame, bad []int) {
	for i := 0; i < len(b); {
		f, n, err := Parse(b[i:])
		if err == nil {
			at, frames = append(at, i), append(frames, f)
			i += n
			continue
		}
		if errors.Is(err, ErrChecksum) {
			bad = append(bad, i)
		}
		i++
	}
	return at, frames, bad
}

func TestStream(t *testing.T) {
	one, two := frame("A0", "CF 03 13", text), frame("A8", "CE FF 03 13", text[:20])
	damaged := bytes.Clone(one)
	damaged[30] ^= 1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name        string
		in          []byte
		frames, bad int
	}{
		{"each between its own flags", join(one, two, one), 3, 0},
		{"one flag closes and opens", join(one[:len(one)-1], two[:len(two)-1], one), 3, 0},
		{"filled with flags", join(one, unhex("7E 7E 7E 7E"), two, unhex("7E")), 2, 0},
		{"the closing flag is lost", join(one[:len(one)-1], unhex("00"), two), 2, 0},
		{"noise with false starts", join(unhex("00 7E A0 11 7E A7 FF 03 7E A0"), one, unhex("7E 7E A0 76 CE FF"), two), 2, 0},
		{"cut off, and the length reaches into the next", join(one[:25], two, two, one), 3, 1},
		{"damaged, then good", join(damaged, two), 1, 1},
		{"begins inside", join(one[15:], two), 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, _, bad := find(c.in)
			if len(at) != c.frames || len(bad) != c.bad {
				t.Fatalf("%d frames at %v, %d damaged; want %d and %d", len(at), at, len(bad), c.frames, c.bad)
			}
		})
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	in := frame("A0", "CE FF 03 13", text)
	if got := testing.AllocsPerRun(100, func() {
		if _, _, err := Parse(in); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations per frame, want none", got)
	}
}

func FuzzHDLC(f *testing.F) {
	f.Add(frame("A0", "CE FF 03 13", text))
	f.Add(frame("A8", "CF 02 23 03", text))
	f.Add(frame("A0", "CF 03 93", nil))
	f.Add(unhex("7E A0 07 02 02 02 03 03 7E 7E 7E"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Parse(b)
		for i := range b { // what is known of a beginning holds for the whole
			_, m, early := Parse(b[:i])
			switch {
			case errors.Is(early, ErrIncomplete):
				if err == nil && i >= n {
					t.Fatalf("%d octets are a frame, %d are not", n, i)
				}
			case (early == nil) != (err == nil) || m != n || err != nil && early.Error() != err.Error():
				t.Fatalf("%d octets give %d, %v; all of them %d, %v", i, m, early, n, err)
			}
		}
		if err != nil {
			if errors.Is(err, ErrIncomplete) && len(b) >= 2049 {
				t.Fatalf("%d octets are still not enough", len(b))
			}
			return
		}
		body := b[1:n]
		if got := bitwise(body[:len(body)-2]); got != uint16(body[len(body)-2])|uint16(body[len(body)-1])<<8 {
			t.Fatalf("accepted with a wrong FCS: %+v", frame)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := frame("A0", "CE FF 03 13", make([]byte, 122))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}
