package sim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"testing"
	"time"
)

// What these tests read telegrams with shares nothing with what writes them.

// x25 divides as the standard draws it: bits in the order of the line, by the
// polynomial the right way round.
func x25(b []byte) (sum uint16) {
	sum = 0xFFFF
	for _, c := range b {
		sum ^= uint16(bits.Reverse8(c)) << 8
		for range 8 {
			carry := sum >> 15
			sum = sum<<1 ^ carry*0x1021
		}
	}
	return bits.Reverse16(sum)
}

func TestX25(t *testing.T) {
	for in, want := range map[string]uint16{
		"":                         0,
		"123456789":                0x906E, // the check value
		"\xA0\x76\xCE\xFF\x03\x13": 0x023C, // headers of two meters
		"\xA8\xA4\xCF\x02\x23\x03": 0x9699,
	} {
		if got := crcX25([]byte(in)); got != want || ^x25([]byte(in)) != want {
			t.Errorf("%X: written with %04X, read with %04X, want %04X", in, got, ^x25([]byte(in)), want)
		}
	}
}

type frame struct {
	size      int // on the line
	header    string
	segmented bool
	info      []byte
}

// hdlcFrames reads frames back to back, each with its own two flags.
func hdlcFrames(t *testing.T, raw []byte) (frames []frame) {
	t.Helper()
	for len(raw) > 0 {
		if len(raw) < 9 || raw[0] != 0x7E || raw[1]>>4 != 0xA {
			t.Fatalf("no frame: % X", raw[:min(len(raw), 16)])
		}
		n := int(raw[1]&7)<<8 | int(raw[2])
		if len(raw) < n+2 || raw[n+1] != 0x7E {
			t.Fatalf("no flag %d octets on", n)
		}
		body, head := raw[1:n+1], 3
		for ends := 0; ends < 2; head++ { // an address ends with the octet whose last bit is set
			ends += int(body[head-1] & 1)
		}
		if sum := x25(body); sum != 0xF0B8 {
			t.Errorf("FCS leaves %04X", sum)
		}
		if sum := x25(body[:head+2]); sum != 0xF0B8 {
			t.Errorf("HCS leaves %04X", sum)
		}
		frames = append(frames, frame{n + 2, string(body[2:head]), body[0]&8 != 0, body[head+2 : n-2]})
		raw = raw[n+2:]
	}
	return frames
}

// fromSegments joins telegrams of segmented frames.
func fromSegments(t *testing.T, raw []byte) (apdus [][]byte) {
	t.Helper()
	var open []byte
	for _, f := range hdlcFrames(t, raw) {
		want := byte(0x13)
		if f.segmented {
			want = 0x03
		}
		if c := f.header[len(f.header)-1]; c != want {
			t.Errorf("segmented %v with control %02X", f.segmented, c)
		}
		if open = append(open, f.info...); f.segmented {
			continue
		}
		apdus, open = append(apdus, withoutLLC(t, open)), nil
	}
	if open != nil {
		t.Error("the last frame says that more follows")
	}
	return apdus
}

func withoutLLC(t *testing.T, info []byte) []byte {
	t.Helper()
	rest, ok := bytes.CutPrefix(info, []byte{0xE6, 0xE7, 0x00})
	if !ok {
		t.Fatalf("no LLC: % X", info[:min(len(info), 8)])
	}
	return rest
}

// fromBlocks joins telegrams of general-block-transfer.
func fromBlocks(t *testing.T, raw []byte) (apdus [][]byte) {
	t.Helper()
	var apdu []byte
	block := 0
	for _, f := range hdlcFrames(t, raw) {
		b := f.info
		if block == 0 {
			b = withoutLLC(t, b)
		}
		block++
		control := b[1]
		want := []byte{0xE0, control, 0, byte(block), 0, 0, byte(len(b) - 7)}
		if control != 0x40 && control != 0xC0 || f.segmented || len(b) > 0x7F+7 || !bytes.Equal(b[:7], want) {
			t.Fatalf("block %d: % X, want % X", block, b[:7], want)
		}
		if apdu = append(apdu, b[7:]...); control == 0xC0 {
			apdus, apdu, block = append(apdus, apdu), nil, 0
		}
	}
	if block != 0 {
		t.Error("the last block says that more follows")
	}
	return apdus
}

// fromMBus joins one telegram of long frames.
func fromMBus(t *testing.T, raw []byte) (apdus [][]byte) {
	t.Helper()
	var apdu []byte
	for n := 0; len(raw) > 0; n++ {
		l := int(raw[1])
		if raw[0] != 0x68 || raw[2] != raw[1] || raw[3] != 0x68 || l < 5 || len(raw) < l+6 || raw[l+5] != 0x16 {
			t.Fatalf("frame %d: % X", n+1, raw[:min(len(raw), 12)])
		}
		sum := 0
		for _, c := range raw[4 : 4+l] {
			sum += int(c)
		}
		if byte(sum) != raw[4+l] {
			t.Errorf("frame %d: sum %02X, sent %02X", n+1, byte(sum), raw[4+l])
		}
		ci := byte(n % 16)
		if len(raw) == l+6 {
			ci += 16
		}
		if want := []byte{0x53, 0xFF, ci, 0x01, 0x67}; !bytes.Equal(raw[4:9], want) {
			t.Errorf("frame %d: % X, want % X", n+1, raw[4:9], want)
		}
		apdu = append(apdu, raw[9:4+l]...)
		raw = raw[l+6:]
	}
	return [][]byte{apdu}
}

// Every length comes whole through every carrier.
func TestCarriers(t *testing.T) {
	for name, c := range map[string]struct {
		carry func(dst, apdu []byte, definitions int) []byte
		read  func(*testing.T, []byte) [][]byte
	}{
		"blocks":    {e450Link.blocks, fromBlocks},
		"one frame": {e360Link.segments, fromSegments},
		"segments":  {am550Link.segments, fromSegments},
		"M-Bus":     {mbusFrames, fromMBus},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; n < 1900; n += 1 + n/300 {
				apdu := bytes.Repeat([]byte{0x7E, 0x16, 0x68, 0xA0, byte(n)}, n/5+1)[:n]
				if got := c.read(t, c.carry(nil, apdu, 0)); len(got) != 1 || !bytes.Equal(got[0], apdu) {
					t.Fatalf("%d octets: got %d APDUs, % X", n, len(got), got)
				}
			}
		})
	}
}

// At the edges: an APDU that just fits, and one octet more.
func TestCarriersAtTheEdge(t *testing.T) {
	for _, c := range []struct {
		name  string
		carry func(dst, apdu []byte, definitions int) []byte
		n     int
		one   int // octets on the line
		two   int // of one octet more
	}{
		{"blocks", e450Link.blocks, 119, 119 + 3 + 7 + 12, 141 + 12 + 7 + 1},
		{"segments", am550Link.segments, 151, 166, 166 + 12 + 1},
		{"M-Bus", mbusFrames, 245, 256, 256 + 12},
	} {
		if one, two := len(c.carry(nil, make([]byte, c.n), 0)), len(c.carry(nil, make([]byte, c.n+1), 0)); one != c.one || two != c.two {
			t.Errorf("%s: %d octets make %d, one more makes %d, want %d and %d", c.name, c.n, one, two, c.one, c.two)
		}
	}
}

// The number of a segment has four bits and starts over after fifteen.
func TestManySegments(t *testing.T) {
	apdu := bytes.Repeat([]byte{0x68, 0x16}, 17*mbusInfo/2)
	if got := fromMBus(t, mbusFrames(nil, apdu, 0)); !bytes.Equal(got[0], apdu) {
		t.Errorf("%d octets of %d", len(got[0]), len(apdu))
	}
}

// ciphered is an opened general-glo-ciphering APDU.
type ciphered struct {
	title   [8]byte
	control byte
	counter uint32
	plain   []byte
}

// opened verifies and decrypts one; with its length it must end.
func opened(t *testing.T, apdu []byte, key, auth string) (c ciphered) {
	t.Helper()
	if len(apdu) < 30 || apdu[0] != 0xDB || apdu[1] != 8 {
		t.Fatalf("no general-glo-ciphering: % X", apdu[:min(len(apdu), 16)])
	}
	c.title = [8]byte(apdu[2:])
	n, rest := int(apdu[10]), apdu[11:]
	switch n {
	case 0x81:
		n, rest = int(rest[0]), rest[1:]
	case 0x82:
		n, rest = int(rest[0])<<8|int(rest[1]), rest[2:]
	}
	if n != len(rest) {
		t.Fatalf("length says %d octets, there are %d", n, len(rest))
	}
	c.control, c.counter = rest[0], binary.BigEndian.Uint32(rest[1:])
	nonce := append(append([]byte{}, c.title[:]...), rest[1:5]...)
	block, err := aes.NewCipher(unhex(t, key))
	if err != nil {
		t.Fatal(err)
	}
	body := rest[5:]
	if c.control == 0x20 {
		c.plain = make([]byte, len(body))
		cipher.NewCTR(block, append(nonce, 0, 0, 0, 2)).XORKeyStream(c.plain, body)
		return c
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		t.Fatal(err)
	}
	c.plain, err = gcm.Open(nil, nonce, body, append([]byte{c.control}, unhex(t, auth)...))
	if err != nil {
		t.Fatalf("tag: %v", err)
	}
	return c
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// element is a value of A-XDR.
type element struct {
	tag    byte
	number int64
	octets []byte
	inside []element
}

// axdr reads one value and returns what follows it.
func axdr(t *testing.T, b []byte) (e element, rest []byte) {
	t.Helper()
	e.tag, b = b[0], b[1:]
	switch e.tag {
	case 0x01, 0x02:
		n := b[0]
		b = b[1:]
		for range n {
			var in element
			in, b = axdr(t, b)
			e.inside = append(e.inside, in)
		}
	case 0x06:
		e.number, b = int64(binary.BigEndian.Uint32(b)), b[4:]
	case 0x09:
		e.octets, b = b[1:1+b[0]], b[1+b[0]:]
	case 0x0F:
		e.number, b = int64(int8(b[0])), b[1:]
	case 0x11:
		e.number, b = int64(b[0]), b[1:]
	case 0x12:
		e.number, b = int64(binary.BigEndian.Uint16(b)), b[2:]
	case 0x16:
		e.number, b = int64(b[0]), b[1:]
	default:
		t.Fatalf("type %02X", e.tag)
	}
	return e, b
}

// notified is a data-notification.
type notified struct {
	id   uint32
	time []byte
	body element
}

func notification(t *testing.T, apdu []byte) (n notified) {
	t.Helper()
	if len(apdu) > 6 && apdu[5] == 0x09 { // Kaifa in Norway
		apdu = append(append([]byte{}, apdu[:5]...), apdu[6:]...)
	}
	if len(apdu) < 20 || apdu[0] != 0x0F || apdu[5] != 12 {
		t.Fatalf("no data-notification with a time: % X", apdu[:min(len(apdu), 20)])
	}
	n.id, n.time = binary.BigEndian.Uint32(apdu[1:]), apdu[6:18]
	var rest []byte
	if n.body, rest = axdr(t, apdu[18:]); len(rest) > 0 {
		t.Errorf("%d octets after the body", len(rest))
	}
	return n
}

// moment reads a date-time. Without a deviation it is summer where the caller
// knows it, who then wants no word of it in the status, or where the status
// says so.
func moment(t *testing.T, b []byte, summer bool) time.Time {
	t.Helper()
	at := time.Date(int(b[0])<<8|int(b[1]), time.Month(b[2]), int(b[3]), int(b[5]), int(b[6]), int(b[7]), 0, time.UTC)
	if want := byte(at.AddDate(0, 0, -1).Weekday()) + 1; b[4] != want {
		t.Errorf("%v is day %d of the week, sent %d", at, want, b[4])
	}
	if deviation := int16(b[9])<<8 | int16(b[10]); deviation != -0x8000 {
		if status := b[11]; (status == 0x80) != (deviation == -120) || status&0x7F != 0 {
			t.Errorf("deviation %d with status %02X", deviation, status)
		}
		return at.Add(time.Duration(deviation) * time.Minute)
	}
	if summer && b[11] != 0 || b[11]&0x7F != 0 {
		t.Errorf("status %02X without a deviation", b[11])
	}
	if summer || b[11] == 0x80 {
		at = at.Add(-time.Hour)
	}
	return at.Add(-time.Hour)
}
