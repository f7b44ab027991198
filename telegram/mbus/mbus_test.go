package mbus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// frame makes a long frame, written without the code under test; l is what
// stands in both length octets.
func frame(l byte, body []byte) []byte {
	b := append([]byte{0x68, l, l, 0x68}, body...)
	sum := 0
	for _, c := range body {
		sum += int(c)
	}
	return append(b, byte(sum%256), 0x16)
}

func long(body []byte) []byte { return frame(byte(len(body)), body) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func segment(ci byte, data string) []byte {
	return append([]byte{0x53, 0xFF, ci, 0x01, 0x67}, data...)
}

func TestParseRefuses(t *testing.T) {
	good := long(segment(0x10, "what a meter says \x68 and \x16"))
	with := func(at int, c byte) []byte {
		b := bytes.Clone(good)
		b[at] = c
		return b
	}
	overflow := frame(0x01, segment(0x00, strings.Repeat("x", 252)))
	for _, c := range []struct {
		name   string
		in     []byte
		class  error
		detail string
	}{
		{"nothing", nil, ErrIncomplete, ""},
		{"another octet", []byte{0x10}, ErrNotFrame, "octet 0 is 10"},
		{"a start octet", unhex("68"), ErrIncomplete, ""},
		{"the second L is another", unhex("68 10 11"), ErrNotFrame, "L is 10, then 11"},
		{"no second start octet", unhex("68 10 10 67"), ErrNotFrame, "octet 3 is 67"},
		{"the header", unhex("68 10 10 68"), ErrIncomplete, ""},
		{"all but the stop octet", good[:len(good)-1], ErrIncomplete, ""},
		{"a bit of the data", with(12, good[12]^1), ErrChecksum, "computed"},
		{"a bit of the control field", with(4, good[4]^1), ErrChecksum, "computed"},
		{"a bit of the check sum", with(len(good)-2, good[len(good)-2]^1), ErrChecksum, "sent"},
		{"another stop octet", with(len(good)-1, 0x17), ErrNotFrame, "17 and not 16"},
		{"an octet lost", append(append(bytes.Clone(good[:12]), good[13:]...), good...), ErrNotFrame, "68 and not 16"},
		{"an address too few for a segment", long(unhex("53 FF 00 01")), ErrNotFrame, "no room"},
		{"L 01, 256 more, and a wrong check sum", append(bytes.Clone(overflow[:len(overflow)-2]), 0x00, 0x16), ErrChecksum, "sent 00"},
		{"L 01, 256 more, and no stop octet", append(bytes.Clone(overflow[:len(overflow)-1]), 0x00), ErrNotFrame, "not 16"},
		{"L 01, 256 more, not all of it there", overflow[:len(overflow)-1], ErrIncomplete, ""},
		{"L 01 taken at its word", unhex("68 01 01 68 53 53 16"), ErrIncomplete, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n, err := Parse(c.in)
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) {
				t.Fatalf("error %v, want %v that says %q", err, c.class, c.detail)
			}
			if c.class != ErrIncomplete && !strings.HasPrefix(err.Error(), "mbus: ") {
				t.Errorf("error %v does not say where", err)
			}
			if n != 0 || f.Data != nil {
				t.Errorf("with an error came %d octets and %+v", n, f)
			}
		})
	}
}

func TestParse(t *testing.T) {
	data := "anything, \x68 and \x16 too"
	for _, c := range []struct {
		name     string
		in       []byte
		want     Frame
		sequence int
		last, ok bool
	}{
		{"the only segment", long(segment(0x10, data)), Frame{0x53, 0xFF, 0x10, 0x01, 0x67, []byte(data)}, 0, true, true},
		{"the first of several", long(segment(0x00, data)), Frame{0x53, 0xFF, 0x00, 0x01, 0x67, []byte(data)}, 0, false, true},
		{"the second and last", long(segment(0x11, data)), Frame{0x53, 0xFF, 0x11, 0x01, 0x67, []byte(data)}, 1, true, true},
		{"the sixteenth", long(segment(0x0F, data)), Frame{0x53, 0xFF, 0x0F, 0x01, 0x67, []byte(data)}, 15, false, true},
		{"no data", long(segment(0x12, "")), Frame{0x53, 0xFF, 0x12, 0x01, 0x67, nil}, 2, true, true},
		{"the longest", long(segment(0x00, strings.Repeat("x", 250))), Frame{0x53, 0xFF, 0x00, 0x01, 0x67, bytes.Repeat([]byte("x"), 250)}, 0, false, true},
		{"L 01 for 257 octets", frame(0x01, segment(0x00, strings.Repeat("x", 252))), Frame{0x53, 0xFF, 0x00, 0x01, 0x67, bytes.Repeat([]byte("x"), 252)}, 0, false, true},
		{"L 00 for 256 octets", frame(0x00, segment(0x00, strings.Repeat("x", 251))), Frame{0x53, 0xFF, 0x00, 0x01, 0x67, bytes.Repeat([]byte("x"), 251)}, 0, false, true},
		{"CI 20 is no transport", long(unhex("73 FE 20 01 67")), Frame{0x73, 0xFE, 0x20, 0, 0, unhex("01 67")}, 0, false, false},
		{"the answer of a polled meter", long(unhex("08 01 72 11 22")), Frame{0x08, 0x01, 0x72, 0, 0, unhex("11 22")}, 0, false, false},
		{"the shortest", long(unhex("53 FE 50")), Frame{0x53, 0xFE, 0x50, 0, 0, nil}, 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n, err := Parse(append(bytes.Clone(c.in), 0x68, 0x55))
			if err != nil || n != len(c.in) {
				t.Fatalf("%d octets, error %v; want %d", n, err, len(c.in))
			}
			if !bytes.Equal(f.Data, c.want.Data) || f.Control != c.want.Control || f.Address != c.want.Address || f.CI != c.want.CI ||
				f.STSAP != c.want.STSAP || f.DTSAP != c.want.DTSAP {
				t.Errorf("%+v\nwant %+v", f, c.want)
			}
			if sequence, last, ok := f.Transport(); sequence != c.sequence || last != c.last || ok != c.ok {
				t.Errorf("segment %d, last %v, %v; want %d, %v, %v", sequence, last, ok, c.sequence, c.last, c.ok)
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
	one, two := long(segment(0x00, strings.Repeat("one", 60))), long(segment(0x11, "two"))
	damaged := bytes.Clone(one)
	damaged[30] ^= 1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name        string
		in          []byte
		frames, bad int
	}{
		{"one after the other", join(one, two, one), 3, 0},
		{"noise with false starts", join(unhex("68 68 68 FA 68 68 05 05 68"), one, unhex("16 00 68"), two), 2, 0},
		{"cut off, and the length reaches into the next", join(one[:50], two, two, one), 3, 0},
		{"damaged, then good", join(damaged, two), 1, 1},
		{"L 01 before and after good ones", join(two, frame(0x01, segment(0x00, strings.Repeat("x", 252))), two), 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, _, bad := find(c.in)
			if len(at) != c.frames || len(bad) != c.bad {
				t.Fatalf("%d frames at %v, %d damaged; want %d and %d", len(at), at, len(bad), c.frames, c.bad)
			}
		})
	}
}

func FuzzMBus(f *testing.F) {
	f.Add(long(segment(0x10, "data")))
	f.Add(frame(0x01, segment(0x00, strings.Repeat("x", 252))))
	f.Add(long(unhex("08 01 72 11 22")))
	f.Add(long(unhex("53 FF 00 01")))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Parse(b)
		for i := range b { // what is known of a beginning holds for the whole
			_, m, early := Parse(b[:i])
			if !errors.Is(early, ErrIncomplete) && ((early == nil) != (err == nil) || m != n) || errors.Is(early, ErrIncomplete) && err == nil && i >= n {
				t.Fatalf("%d octets give %d, %v; all of them %d, %v", i, m, early, n, err)
			}
		}
		if err != nil {
			if errors.Is(err, ErrIncomplete) && len(b) >= 264 {
				t.Fatalf("%d octets are still not enough", len(b))
			}
			return
		}
		sum := 0
		for _, c := range b[4 : n-2] {
			sum += int(c)
		}
		if byte(sum) != b[n-2] || b[n-1] != 0x16 || len(frame.Data) > n-9 {
			t.Fatalf("accepted %+v from % X", frame, b[:n])
		}
	})
}
