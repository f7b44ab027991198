package modbusmap

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// says is what a telegram carries.
type says map[telegram.Quantity]float64

// and returns a telegram that carries more, too.
func (s says) and(more says) says {
	both := maps.Clone(s)
	maps.Copy(both, more)
	return both
}

func (s says) telegram() telegram.Measurement {
	var m telegram.Measurement
	for q, v := range s {
		m.Set(q, telegram.Of(v))
	}
	m.Complete(&telegram.Options{})
	return m
}

// house is a meter and the snapshots of its telegrams.
type house struct {
	*snapshot.Store
	merge  telegram.Merge
	rhythm telegram.Rhythm
	period time.Duration // nominal
}

func newHouse() *house {
	seq := uint64(0)
	return &house{Store: snapshot.NewStore(func() uint64 { seq++; return seq }), period: time.Second}
}

// tell publishes a telegram received now, as the meter task does.
func (h *house) tell(m telegram.Measurement) {
	now := time.Now()
	if m.Refreshes() {
		h.rhythm.Beat(now)
	}
	h.Publish(h.merge.Add(m, now), now, h.rhythm.Period(h.period))
}

// conformance is testdata/modbus/conformance.json.
type conformance struct {
	Values map[string]float64
	Cases  []struct {
		ID        int
		Name      string
		Send      []string
		PauseMS   int  `json:"pause_ms"`
		HalfClose bool `json:"half_close"`
		Reply     string
		Then      string
	}
	Rules []struct {
		ID   int
		Name string
		Rule string
	}
}

func readConformance(t testing.TB) conformance {
	t.Helper()
	b, err := os.ReadFile("../testdata/modbus/conformance.json")
	if err != nil {
		t.Fatal(err)
	}
	var c conformance
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// registerOf names the registers of the fixture in our words.
var registerOf = map[string]telegram.Quantity{
	"0x8006": telegram.VoltageL1, "0x8008": telegram.VoltageL2, "0x800a": telegram.VoltageL3,
	"0x800e": telegram.CurrentL1, "0x8010": telegram.CurrentL2, "0x8012": telegram.CurrentL3,
	"0x8016": telegram.ActivePower,
	"0x801e": telegram.ActivePowerL1, "0x8020": telegram.ActivePowerL2, "0x8022": telegram.ActivePowerL3,
	"0x8100": telegram.ActiveEnergyImport, "0x8106": telegram.ActiveEnergyExport,
}

// fixture is the telegram that the conformance cases assume.
func fixture(t testing.TB) says {
	t.Helper()
	s := says{}
	for addr, v := range readConformance(t).Values {
		q, ok := registerOf[addr]
		if !ok {
			t.Fatalf("conformance.json: no quantity for register %s", addr)
		}
		s[q] = v
	}
	return s
}

// long keeps a fixture fresh for as long as a test takes.
var long = Settings{StaleAfter: time.Hour}

func registers(t testing.TB, h *house, s Settings) *Registers {
	t.Helper()
	m, err := ByName("PhoenixContact-EMPro")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(m, s, h.Latest)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// running is a Server in service.
type running struct {
	*Server
	addr string
	stop func() error // ends Serve, waits for it and returns what it returned
}

// start serves r on a loopback port until the test ends.
func start(t testing.TB, r Responder, change ...func(*Server)) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, ln, r, change...)
}

func startOn(t testing.TB, ln net.Listener, r Responder, change ...func(*Server)) *running {
	t.Helper()
	s := NewServer(r, quiet())
	for _, c := range change {
		c(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	stopped, result := false, error(nil)
	run := &running{Server: s, addr: ln.Addr().String(), stop: func() error {
		if !stopped {
			stopped = true
			cancel()
			result = <-ended
		}
		return result
	}}
	t.Cleanup(func() {
		if err := run.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return run
}

// serveFixture serves the fixture's telegram.
func serveFixture(t testing.TB, change ...func(*Server)) *running {
	t.Helper()
	h := newHouse()
	h.tell(fixture(t).telegram())
	return start(t, registers(t, h, long), change...)
}

// dial connects from the loopback address host; nothing the test does on the
// connection lasts longer than ten seconds.
func dial(t testing.TB, host, addr string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}, Timeout: 5 * time.Second}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

const (
	here  = "127.0.0.1"
	there = "127.0.0.2" // another client on the same machine
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request is the frame that reads n registers from addr.
func request(transaction uint16, function byte, addr, n uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, transaction)
	b = append(b, 0, 0, 0, 6, 1, function)
	b = binary.BigEndian.AppendUint16(b, addr)
	return binary.BigEndian.AppendUint16(b, n)
}

// readFrame reads one framed answer.
func readFrame(conn io.Reader) ([]byte, error) {
	head := make([]byte, lengthEnd)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, err
	}
	frame := append(head, make([]byte, binary.BigEndian.Uint16(head[4:]))...)
	_, err := io.ReadFull(conn, frame[lengthEnd:])
	return frame, err
}

// power is the request for total power, and minus1234 its answer in the fixture.
var (
	power     = request(0x7e57, 3, 0x8016, 2)
	minus1234 = []byte{0x7e, 0x57, 0, 0, 0, 7, 1, 3, 4, 0x40, 0x00, 0xc4, 0x9a}
)

// served reports whether conn answers the request for power as the fixture does.
func served(conn net.Conn) bool {
	if _, err := conn.Write(power); err != nil {
		return false
	}
	reply, err := readFrame(conn)
	return err == nil && bytes.Equal(reply, minus1234)
}

// closedSoon reports whether the server ends the connection, without another byte.
func closedSoon(conn net.Conn) bool {
	n, err := conn.Read(make([]byte, 1))
	return n == 0 && err != nil && !os.IsTimeout(err)
}

// get asks r for n registers without a network and returns the answer's data,
// or the exception code.
func get(r Responder, function byte, addr, n uint16) (data []byte, code byte) {
	reply := r.Answer(nil, request(0, function, addr, n)[headerLen:])
	if reply[0]&0x80 != 0 {
		return nil, reply[1]
	}
	return reply[2:], 0
}

// shows returns what a client sees in the Float32 at addr: a number, "NaN", or
// an exception code as "0B".
func shows(r Responder, addr uint16) string {
	data, code := get(r, 3, addr, 2)
	if code != 0 {
		return strings.ToUpper(hex.EncodeToString([]byte{code}))
	}
	return strconv.FormatFloat(float64(float32At(data)), 'g', -1, 32)
}

// float32At reads a Float32 with the low word first.
func float32At(b []byte) float32 {
	return math.Float32frombits(uint32(binary.BigEndian.Uint16(b)) | uint32(binary.BigEndian.Uint16(b[2:]))<<16)
}

// witness returns the path of an outside program. Without it the test is
// skipped, and fails where every witness is required.
func witness(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("%s is required: %v", program, err)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}
