package appliance

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/run"
)

// box is a whole appliance in this process, on ports of its own.
type box struct {
	t                                testing.TB
	o                                Options
	label                            identity.Label // with the password of now
	printed                          string         // password of the label
	modbus, mqtt, mqtts, http, https string
	log                              *lines
	stop                             func()
}

// quick is the back-off of tests.
var quick = run.Backoff{First: 10 * time.Millisecond, Max: 40 * time.Millisecond}

// start runs a box that reads source, with patch applied to its configuration
// first, until the test ends.
func start(t testing.TB, source string, patch string) *box {
	t.Helper()
	b := &box{t: t, log: &lines{}, modbus: freePort(t), mqtt: freePort(t), mqtts: freePort(t), http: freePort(t), https: freePort(t)}
	b.o = Options{
		State: provision(t), Meter: source, Modbus: b.modbus, MQTT: b.mqtt, MQTTS: b.mqtts, HTTP: b.http, HTTPS: b.https,
		Backoff: quick, Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	who, err := identity.Open(b.o.State, b.o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if b.label, err = who.Label(); err != nil {
		t.Fatal(err)
	}
	b.printed = b.label.Password
	if patch != "" {
		l, err := begin(b.o, new(past))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (settings{l}).Patch([]byte(patch)); err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	return b
}

// run starts the box and waits until it answers.
func (b *box) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, b.o) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				b.t.Errorf("the box ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			b.t.Error("the box does not end")
		}
	})
	b.t.Cleanup(b.stop)
	eventually(b.t, 5*time.Second, "the API answers", func() bool {
		_, err := b.status()
		return err == nil
	})
}

// lines is a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		// Below those that the system gives out: the tests of other packages, which
		// run meanwhile, take theirs from there.
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10000+rand.IntN(20000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", limit, what)
}

// call asks the API and returns the status code and the body.
func (b *box) call(method, path, body string) (int, []byte, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(method, "https://"+b.https+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth(b.label.User, b.label.Password)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

func (b *box) status() (api.Status, error) {
	var s api.Status
	code, body, err := b.call("GET", "/api/v1/status", "")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%d: %s", code, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	return s, err
}

// meterState waits until the status says state and its detail has words.
func (b *box) meterState(state api.MeterState, words string) api.Status {
	b.t.Helper()
	var s api.Status
	eventually(b.t, 5*time.Second, fmt.Sprintf("meter state %s with %q", state, words), func() bool {
		var err error
		s, err = b.status()
		return err == nil && s.Meter.State == state && strings.Contains(s.Meter.Detail, words)
	})
	return s
}

// read reads registers over a raw socket of its own; code is the exception.
func (b *box) read(addr, quantity uint16) (words []byte, code byte, err error) {
	conn, err := net.DialTimeout("tcp", b.modbus, time.Second)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	return ask(conn, addr, quantity)
}

func ask(conn net.Conn, addr, quantity uint16) (words []byte, code byte, err error) {
	request := []byte{0, 1, 0, 0, 0, 6, 1, 3, byte(addr >> 8), byte(addr), byte(quantity >> 8), byte(quantity)}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write(request); err != nil {
		return nil, 0, err
	}
	var header [9]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, 0, err
	}
	if header[7]&0x80 != 0 {
		return nil, header[8], nil
	}
	words = make([]byte, header[8])
	_, err = io.ReadFull(conn, words)
	return words, 0, err
}

// The registers of the EMPro that a charger reads.
const (
	regU1, regI1, regP = 0x8006, 0x800E, 0x8016
	regBlock           = 0x8006
	blockWords         = 30
	gatewayNoAnswer    = 0x0B
)

// float reads one Float32, low word first.
func float(words []byte) float64 {
	return float64(math.Float32frombits(uint32(binary.BigEndian.Uint16(words)) | uint32(binary.BigEndian.Uint16(words[2:]))<<16))
}

// power reads the total power.
func (b *box) power() (float64, byte, error) {
	words, code, err := b.read(regP, 2)
	if err != nil || code != 0 {
		return 0, code, err
	}
	return float(words), 0, nil
}

// eventuallyPower waits until the total power reads want.
func (b *box) eventuallyPower(want float64) {
	b.t.Helper()
	eventually(b.t, 3*time.Second, fmt.Sprintf("%v W in the register", want), func() bool {
		got, code, err := b.power()
		return err == nil && code == 0 && got == want
	})
}

// feeder is a meter whose words the test chooses: a TCP server that says them
// to whoever reads.
type feeder struct {
	t  *testing.T
	ln net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

func newFeeder(t *testing.T) *feeder {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &feeder{t: t, ln: ln}
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done; f.hangUp() })
	return f
}

func (f *feeder) source() string { return "tcp://" + f.ln.Addr().String() }

// say waits for a reader and writes to it.
func (f *feeder) say(text string) {
	f.t.Helper()
	eventually(f.t, 3*time.Second, "somebody reads the meter", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.conns) > 0
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.conns[len(f.conns)-1].Write([]byte(text))
}

func (f *feeder) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

// telegramP1 makes a telegram with a checksum. The bitwise CRC is the test's own.
func telegramP1(lines ...string) string { return telegramOf("TST5box", lines...) }

// telegramOf makes a telegram under a header of its own.
func telegramOf(header string, lines ...string) string {
	s := "/" + header + "\r\n\r\n" + strings.Join(lines, "\r\n") + "\r\n!"
	var c uint16
	for _, b := range []byte(s) {
		c ^= uint16(b)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
	}
	return fmt.Sprintf("%s%04X\r\n", s, c)
}

// house is a telegram of a three-phase DSMR 5 meter that imports watts.
func house(watts int) string {
	return telegramP1("1-3:0.2.8(50)", "0-0:1.0.0(261121120000W)",
		fmt.Sprintf("1-0:1.7.0(%02d.%03d*kW)", watts/1000, watts%1000), "1-0:2.7.0(00.000*kW)",
		"1-0:32.7.0(230.1*V)", "1-0:52.7.0(229.8*V)", "1-0:72.7.0(231.4*V)",
		"1-0:31.7.0(002*A)", "1-0:51.7.0(000*A)", "1-0:71.7.0(005*A)",
		"1-0:1.8.1(000100.000*kWh)", "1-0:1.8.2(000200.000*kWh)")
}

// program returns the path of an outside program, or skips; where they are
// required (CI) its absence fails.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// settled waits until the goroutines are back to n.
func settled(t *testing.T, n int) {
	t.Helper()
	eventually(t, 3*time.Second, fmt.Sprintf("back to %d goroutines, now %d", n, runtime.NumGoroutine()), func() bool {
		return runtime.NumGoroutine() <= n
	})
}
