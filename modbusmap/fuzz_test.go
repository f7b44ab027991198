package modbusmap

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"
	"testing"
)

// oracle answers a stream the slow way, from the texts alone: MODBUS
// Application Protocol V1.1b3, the messaging guide, and the registers of the
// conformance file. It shares no code with the product.
type oracle struct {
	words map[int]uint16 // what is not in it, but in a range, is 0
}

var oracleRanges = [][2]int{{0x100, 0x101}, {300, 346}, {0x1A0, 0x1AF}, {0x8000, 0x8057}, {0x8100, 0x8117}}

func newOracle(t testing.TB) oracle {
	o := oracle{map[int]uint16{}}
	float := func(addr int, v float64) {
		bits := math.Float32bits(float32(v))
		o.words[addr], o.words[addr+1] = uint16(bits), uint16(bits>>16)
	}
	for hex, v := range readConformance(t).Values {
		addr, err := strconv.ParseInt(hex, 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		float(int(addr), v)
		if addr >= 0x8100 {
			float(int(addr)+12, v) // the resettable copy
		}
	}
	for addr, text := range map[int]string{300: "EEM-MA371\x00", 308: "2908307\x00", 316: "1234567\x00"} {
		for i := 0; i < len(text); i += 2 {
			o.words[addr+i/2] = uint16(text[i]) | uint16(text[i+1])<<8
		}
	}
	o.words[342], o.words[343] = 1234567&0xFFFF, 1234567>>16
	o.words[256], o.words[257] = 0x0402, 0x0001
	return o
}

func (o oracle) answer(stream []byte) (answers []byte) {
	for len(stream) >= 6 {
		length := int(stream[4])*256 + int(stream[5])
		if length < 2 || length > 254 || len(stream) < 6+length {
			return answers
		}
		frame := stream[:6+length]
		stream = stream[6+length:]
		if frame[2] != 0 || frame[3] != 0 {
			continue
		}
		reply := o.pdu(frame[7:])
		answers = append(answers, frame[0], frame[1], 0, 0, 0, byte(1+len(reply)), frame[6])
		answers = append(answers, reply...)
	}
	return answers
}

func (o oracle) pdu(request []byte) []byte {
	exception := func(code byte) []byte { return []byte{request[0] | 0x80, code} }
	if request[0] != 3 && request[0] != 4 {
		return exception(1)
	}
	if len(request) != 5 {
		return exception(3)
	}
	addr, quantity := int(binary.BigEndian.Uint16(request[1:])), int(binary.BigEndian.Uint16(request[3:]))
	if quantity == 0 || quantity > 125 {
		return exception(3)
	}
	for _, r := range oracleRanges {
		if addr >= r[0] && addr+quantity-1 <= r[1] {
			reply := []byte{request[0], byte(2 * quantity)}
			for a := addr; a < addr+quantity; a++ {
				reply = binary.BigEndian.AppendUint16(reply, o.words[a])
			}
			return reply
		}
	}
	return exception(2)
}

// FuzzMBAP sends any octets, in chunks of any size: the server never panics, and
// answers what the oracle does, however they are chunked.
func FuzzMBAP(f *testing.F) {
	for _, c := range readConformance(f).Cases {
		var stream []byte
		for _, chunk := range c.Send {
			stream = append(stream, unhex(f, chunk)...)
		}
		f.Add(stream, uint8(c.ID))
	}
	f.Add(bytes.Repeat(request(1, 3, 0x8000, 88), 500), uint8(200))
	f.Add(request(9, 4, 316, 9), uint8(1))
	f.Add(request(9, 4, 0x100, 2), uint8(0))
	h := newHouse()
	h.tell(fixture(f).telegram())
	r := registers(f, h, Settings{WhenStale: StaleHold, Serial: "1234567", Version: "1.4.2"})
	var log bytes.Buffer
	s := NewServer(r, slog.New(slog.NewTextHandler(&log, nil)))
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		want := o.answer(stream)
		for _, chunk := range []int{len(stream), 1, int(size) + 1} {
			var chunks [][]byte
			for rest := stream; len(rest) > 0; {
				n := min(max(chunk, 1), len(rest))
				chunks = append(chunks, rest[:n:n])
				rest = rest[n:]
			}
			conn := &tape{chunks: chunks}
			s.newClient(conn).serve()
			if log.Len() > 0 { // serve survives a panic, and says so
				t.Fatal(log.String())
			}
			if !bytes.Equal(conn.answer, want) {
				t.Fatalf("in chunks of %d: % x\nwant % x", chunk, conn.answer, want)
			}
		}
	})
}
