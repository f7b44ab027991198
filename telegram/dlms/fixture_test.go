package dlms

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"smartconnect/telegram"
)

// What the tests send is made here, octet by octet after the standard, and by
// nothing that the decoder uses.

// octets reads hex digits with blanks between them.
func octets(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func crcX25(b []byte) []byte {
	r := uint16(0xFFFF)
	for _, c := range b {
		r ^= uint16(c)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ 0x8408
			} else {
				r >>= 1
			}
		}
	}
	r = ^r
	return []byte{byte(r), byte(r >> 8)}
}

// Addresses as they stand on the wire.
var (
	toE450  = octets("CE FF 03 13")
	toE570  = octets("CE 9B 03 13")
	toE360  = octets("CF 03 13")
	toAM550 = octets("CF 02 23 13")
	toKaifa = octets("01 02 01 10")
)

// hdlcFrame is one frame between its flags.
func hdlcFrame(address, info []byte, segmented bool) []byte {
	length := 2 + len(address) + 2 + len(info) + 2
	format := uint16(0xA000 | length)
	if segmented {
		format |= 0x0800
	}
	b := append(binary.BigEndian.AppendUint16(nil, format), address...)
	b = append(b, crcX25(b)...)
	b = append(b, info...)
	b = append(b, crcX25(b)...)
	return join([]byte{0x7E}, b, []byte{0x7E})
}

// controlFrame is a frame without information, which has no HCS.
func controlFrame() []byte {
	b := octets("A0 08 CE FF 03 93")
	return join([]byte{0x7E}, b, crcX25(b), []byte{0x7E})
}

var llc = octets("E6 E7 00")

// inBlocks sends an APDU by general-block-transfer, one frame for each block.
func inBlocks(address, apdu []byte, size int) (frames [][]byte) {
	for n := 1; len(apdu) > 0; n++ {
		data := apdu[:min(size, len(apdu))]
		apdu = apdu[len(data):]
		control := byte(0x40)
		if len(apdu) == 0 {
			control = 0xC0
		}
		b := join([]byte{0xE0, control, byte(n >> 8), byte(n), 0, 0}, berLength(len(data)), data)
		if n == 1 {
			b = join(llc, b)
		}
		frames = append(frames, hdlcFrame(address, b, false))
	}
	return frames
}

// inSegments sends an APDU with the S bit.
func inSegments(address, apdu []byte, size int) (frames [][]byte) {
	for b := join(llc, apdu); len(b) > 0; {
		info := b[:min(size, len(b))]
		b = b[len(info):]
		frames = append(frames, hdlcFrame(address, info, len(b) > 0))
	}
	return frames
}

// overMbus sends an APDU in M-Bus transport segments.
func overMbus(apdu []byte, size int) (frames [][]byte) {
	for n := 0; len(apdu) > 0; n++ {
		data := apdu[:min(size, len(apdu))]
		apdu = apdu[len(data):]
		ci := byte(n % 16)
		if len(apdu) == 0 {
			ci |= 0x10
		}
		frames = append(frames, mbusFrame(ci, join(octets("01 67"), data)))
	}
	return frames
}

func mbusFrame(ci byte, data []byte) []byte {
	body := join([]byte{0x53, 0xFF, ci}, data)
	sum := byte(0)
	for _, c := range body {
		sum += c
	}
	l := byte(len(body))
	return join([]byte{0x68, l, l, 0x68}, body, []byte{sum, 0x16})
}

func berLength(n int) []byte {
	switch {
	case n < 0x80:
		return []byte{byte(n)}
	case n < 0x100:
		return []byte{0x81, byte(n)}
	}
	return []byte{0x82, byte(n >> 8), byte(n)}
}

const (
	testKey  = "000102030405060708090a0b0c0d0e0f"
	testAuth = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
)

var (
	sealKey  = telegram.NewSecret(testKey)
	sealAuth = telegram.NewSecret(testAuth)
	title    = octets("4C475A67 74206295") // LGZ 103 07 69231253
)

// sealedBy wraps a plaintext in general-glo-ciphering.
func sealedBy(control byte, counter uint32, plaintext []byte) []byte {
	block, err := aes.NewCipher(octets(testKey))
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		panic(err)
	}
	header := binary.BigEndian.AppendUint32([]byte{control}, counter)
	iv := join(title, header[1:])
	content := gcm.Seal(nil, iv, plaintext, join([]byte{control}, octets(testAuth)))
	if control&0x10 == 0 {
		content = content[:len(plaintext)]
	}
	if control&0x20 == 0 {
		content = plaintext
	}
	return join([]byte{0xDB, 8}, title, berLength(len(header)+len(content)), header, content)
}

// notified is a data-notification of 2026-01-17 12:34:56 local time.
func notified(body []byte) []byte {
	return join(octets("0F 00000007 0C"), noon, body)
}

var noon = octets("07EA 01 11 06 0C 22 38 FF 8000 00")

// An object of a CIP list: its definition and its value.
type pushed struct {
	class uint16
	code  string // hex of the logical name
	attr  byte
	value []byte
}

// cip is a list that begins with its definitions.
func cip(objects ...pushed) []byte {
	b := []byte{0x02}
	b = append(b, berLength(len(objects))...)
	b = append(b, 0x01)
	b = append(b, berLength(len(objects))...)
	for _, o := range objects {
		b = join(b, octets("02 04 12"), binary.BigEndian.AppendUint16(nil, o.class),
			octets("09 06"), octets(o.code), []byte{0x0F, o.attr}, octets("12 0000"))
	}
	for _, o := range objects[1:] {
		b = append(b, o.value...)
	}
	return b
}

func u16(n uint16) []byte { return binary.BigEndian.AppendUint16([]byte{0x12}, n) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x06}, n) }
func text(s string) []byte {
	return join([]byte{0x09}, berLength(len(s)), []byte(s))
}

var (
	listItself = pushed{40, "0008190900FF", 2, nil}
	device     = pushed{1, "00002A0000FF", 2, text("LGZ1030699999999")}
)

// e450List is a basic list with the energies, powers, voltages and currents of
// an E450.
func e450List() []byte {
	return cip(listItself, pushed{40, "0008190900FF", 1, octets("09 06 0008190900FF")}, device,
		pushed{1, "0000600101FF", 2, text("7654321")},
		pushed{8, "0000010000FF", 2, join(octets("09 0C"), noon)},
		pushed{3, "0101010800FF", 2, u32(1234567)},
		pushed{3, "0101020800FF", 2, u32(89)},
		pushed{3, "0101030800FF", 2, u32(3456)},
		pushed{3, "0101040800FF", 2, u32(7)},
		pushed{3, "0100010700FF", 2, u32(2500)},
		pushed{3, "0100020700FF", 2, u32(0)},
		pushed{3, "0100200700FF", 2, u16(231)},
		pushed{3, "0100340700FF", 2, u16(229)},
		pushed{3, "0100480700FF", 2, u16(233)},
		pushed{3, "01001F0700FF", 2, u16(512)},
		pushed{3, "0100330700FF", 2, u16(333)},
		pushed{3, "0100470700FF", 2, u16(244)})
}

// plainPush is an unprotected list in one frame to an E450.
func plainPush(list []byte) []byte { return hdlcFrame(toE450, join(llc, notified(list)), false) }

// sealedPush is e450List, authenticated and encrypted, as an E450 sends it.
func sealedPush() []byte {
	return join(inBlocks(toE450, sealedBy(0x30, 77, notified(e450List())), 0x7A)...)
}

// one decodes a stream that holds one telegram.
func one(t testing.TB, f telegram.Format, b []byte, o telegram.Options) (telegram.Measurement, error) {
	t.Helper()
	var m telegram.Measurement
	var err error
	n := 0
	telegram.Telegrams(b, f, func(e telegram.Event) {
		if e.Lost.Err != nil {
			n, err = n+1, e.Lost.Err
		}
		if e.Raw != nil {
			n++
			m, err = f.Decode(e.Raw, o, func(telegram.Object) {})
		}
	})
	if n != 1 {
		t.Fatalf("%d telegrams, want 1", n)
	}
	return m, err
}

func same(t testing.TB, m *telegram.Measurement, q telegram.Quantity, want float64) {
	t.Helper()
	if v, ok := m.Get(q).Get(); !ok || v != want {
		t.Errorf("%s is %v (present %t), want %v", q, v, ok, want)
	}
}
