package modbusmap

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/simonvetter/modbus"
)

// startLibrary serves r by the library's server and returns its address.
func startLibrary(t testing.TB, r *Registers, clients uint) string {
	t.Helper()
	var err error
	for range 5 { // it takes no listener, so the port may be gone again
		ln, e := net.Listen("tcp", "127.0.0.1:0")
		if e != nil {
			t.Fatal(e)
		}
		addr := ln.Addr().String()
		ln.Close()
		var server *modbus.ModbusServer
		if server, err = modbus.NewServer(&modbus.ServerConfiguration{
			URL: "tcp://" + addr, MaxClients: clients, Logger: log.New(io.Discard, "", 0),
		}, r); err != nil {
			t.Fatal(err)
		}
		if err = server.Start(); err == nil {
			t.Cleanup(func() { server.Stop() })
			return addr
		}
	}
	t.Fatal(err)
	return ""
}

// answerTo sends one frame over a new connection and returns what comes back
// before the answer to a read of power that follows it, and whether the
// connection was closed instead of answering that.
func answerTo(t *testing.T, addr string, frame []byte) (reply string, closed bool) {
	t.Helper()
	conn := dial(t, here, addr)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	conn.Write(frame)
	conn.Write(power)
	for {
		got, err := readFrame(conn)
		switch {
		case err != nil:
			return reply, true
		case bytes.Equal(got, minus1234):
			return reply, false
		}
		reply += hex.EncodeToString(got)
	}
}

// The same bytes to the library's server and to ours, with the same handler
// behind both. Where they differ the difference is one of these:
//   - quantity 0 or above 125, and a request of the wrong length: the library
//     hangs up, we answer exception 03 as the specification says;
//   - a function it knows and we do not, in a form it does not like: the
//     library hangs up, or answers 02 to an address past FFFF; we answer
//     exception 01;
//   - another protocol: the library hangs up, we drop the frame.
func TestSameAsTheLibrarysServer(t *testing.T) {
	h := newHouse()
	h.tell(fixture(t).telegram())
	r := registers(t, h, Settings{StaleAfter: time.Hour, Serial: "1234567"})
	ours, library := start(t, r).addr, startLibrary(t, r, 10)

	var frames [][]byte
	for _, c := range readConformance(t).Cases {
		if len(c.Send) == 1 {
			frames = append(frames, unhex(t, c.Send[0]))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	edges := []uint16{0, 0x00FF, 0x0100, 0x012C, 0x013C, 0x015A, 0x015B, 0x01A0, 0x7FFF, 0x8000, 0x8006, 0x8036, 0x8037, 0x8057, 0x8058, 0x8100, 0x8117, 0x8118, 0xFFFF}
	quantities := []uint16{0, 1, 2, 3, 9, 30, 57, 88, 89, 125, 126, 0x0103, 0xFFFF}
	functions := []byte{3, 4, 3, 4, 3, 4, 1, 2, 5, 6, 15, 16, 22, 23, 43, 127, 0x83}
	for range 400 {
		f := request(uint16(random.Uint32()), functions[random.IntN(len(functions))],
			edges[random.IntN(len(edges))]+uint16(random.IntN(3)), quantities[random.IntN(len(quantities))])
		f[6] = byte(random.Uint32()) // unit
		switch random.IntN(8) {
		case 0: // longer or shorter than it should be
			f = append(f[:8+random.IntN(5)], make([]byte, random.IntN(8))...)
			binary.BigEndian.PutUint16(f[4:], uint16(len(f)-lengthEnd))
		case 1: // another protocol
			f[3] = 1
		}
		frames = append(frames, f)
	}

	same, allowed := 0, map[string]int{}
	for _, f := range frames {
		want, wantClosed := answerTo(t, library, f)
		got, gotClosed := answerTo(t, ours, f)
		if got == want && gotClosed == wantClosed {
			same++
			continue
		}
		difference := ""
		if !gotClosed && len(f) >= 8 {
			switch function := f[7]; {
			case !wantClosed && function != 3 && function != 4 && strings.HasSuffix(want, fmt.Sprintf("%02x02", function|0x80)) && strings.HasSuffix(got, fmt.Sprintf("%02x01", function|0x80)):
				difference = "exception 01 before 02"
			case !wantClosed:
			case f[2] != 0 || f[3] != 0:
				difference = "another protocol is dropped"
			case want == "" && strings.HasSuffix(got, fmt.Sprintf("%02x03", function|0x80)) && (function == 3 || function == 4):
				difference = "exception 03"
			case want == "" && strings.HasSuffix(got, fmt.Sprintf("%02x01", function|0x80)):
				difference = "exception 01"
			}
		}
		if difference == "" {
			t.Errorf("% x: ours %q (closed: %v), the library's %q (closed: %v)", f, got, gotClosed, want, wantClosed)
		}
		allowed[difference]++
	}
	t.Logf("%d frames: %d the same, allowed differences %v", len(frames), same, allowed)
	if same < len(frames)/2 || len(allowed) < 3 {
		t.Error("the frames do not show what they should")
	}
}

func TestLibrarysClientReads(t *testing.T) {
	server := serveFixture(t)
	client, err := modbus.NewClient(&modbus.ClientConfiguration{URL: "tcp://" + server.addr, Timeout: 5 * time.Second, Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Open(); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetEncoding(modbus.BIG_ENDIAN, modbus.LOW_WORD_FIRST)
	got, err := client.ReadFloat32s(0x8006, 15, modbus.INPUT_REGISTER)
	if want := "[230.1 229.8 231.4 0 2 0 5.37 0 -1234 0 0 0 -460.5 0 -773.5]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v (%v), want %s", got, err, want)
	}
	if _, err := client.ReadRegister(0x8058, modbus.HOLDING_REGISTER); err != modbus.ErrIllegalDataAddress {
		t.Errorf("0x8058: %v, want %v", err, modbus.ErrIllegalDataAddress)
	}
	if err := client.WriteRegister(0x8006, 1); err != modbus.ErrIllegalFunction {
		t.Errorf("write: %v, want %v", err, modbus.ErrIllegalFunction)
	}
}

// An independent witness: mbpoll reads the same floats in its default word
// order, as holding and as input registers.
func TestMbpollReadsTheSame(t *testing.T) {
	mbpoll := witness(t, "mbpoll")
	server := serveFixture(t)
	_, port, err := net.SplitHostPort(server.addr)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{32774: "230.1", 32776: "229.8", 32778: "231.4", 32780: "0", 32782: "2", 32784: "0", 32786: "5.37", 32788: "0",
		32790: "-1234", 32792: "0", 32794: "0", 32796: "0", 32798: "-460.5", 32800: "0", 32802: "-773.5"}
	line := regexp.MustCompile(`(?m)^\[(\d+)\]:\s+(\S+)`)
	for _, kind := range []string{"4:float", "3:float"} {
		out, err := exec.Command(mbpoll, "-m", "tcp", "-0", "-a", "1", "-r", "32774", "-c", "15", "-t", kind, "-1", "-p", port, here).CombinedOutput()
		if err != nil {
			t.Fatalf("mbpoll: %v\n%s", err, out)
		}
		found := 0
		for _, m := range line.FindAllStringSubmatch(string(out), -1) {
			addr, _ := strconv.Atoi(m[1])
			if m[2] != want[addr] {
				t.Errorf("-t %s: [%s] reads %s, want %s", kind, m[1], m[2], want[addr])
			}
			found++
		}
		if found != len(want) {
			t.Errorf("-t %s: mbpoll read %d values, want %d:\n%s", kind, found, len(want), out)
		}
	}
}
