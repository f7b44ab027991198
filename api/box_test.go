package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/telegram"
)

// secrets must appear in no answer and no log line, whatever is asked.
var secrets = []string{rightPassword, "broker-password-7", "wifi-password-8", passphrase, newPassword}

const (
	rightPassword = "right-password-9"
	newPassword   = "new-password-10"
	passphrase    = "correct horse battery"
)

// box is a Server on loopback with an appliance made of fields.
type box struct {
	*Server
	t             *testing.T
	plain, secure string // addresses
	client        *http.Client
	log           *lines
	end           func() error // ends Serve and returns its error
	checks        []string     // user and password of every call of Check
	resets        chan struct{}
	factoryErr    error // of FactoryReset
	config        *fakeConfig
	credentials   fakeCredentials

	mu   sync.Mutex
	wait time.Duration // what Check answers when locked
}

type fakeConfig struct {
	mu      sync.Mutex
	public  string
	patches []string
	phrases []string // passphrases of exports and imports
	result  PatchResult
	err     error
}

func (c *fakeConfig) Public() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []byte(c.public)
}

func (c *fakeConfig) Patch(body []byte) (PatchResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patches = append(c.patches, string(body))
	if c.err == nil {
		c.public = fmt.Sprintf(`{"MQTT":{"Site":"site-%d"}}`, len(c.patches))
	}
	return c.result, c.err
}

type problems []Problem

func (p problems) Error() string       { return fmt.Sprintf("config: %d problems", len(p)) }
func (p problems) Problems() []Problem { return p }

// lines is a log that can be read while it is written.
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

// start starts a box; change, if not nil, sees its server before.
func start(t *testing.T, change func(*box)) *box {
	t.Helper()
	b := &box{t: t, log: &lines{}, resets: make(chan struct{}, 1), config: &fakeConfig{public: `{"MQTT":{"Site":"site-0","PasswordSet":true}}`}}
	authority, leaf := certificates(t)
	b.Server = &Server{
		Config:   b.config,
		Status:   exampleStatus,
		Firmware: func() Firmware { return Firmware{Version: "1.2.3", State: "idle"} },
		Support:  exampleSupport,
		Reset:    func() { b.resets <- struct{}{} },
		Telegrams: func(context.Context) (iter.Seq[Telegram], error) {
			return slices.Values([]Telegram{{"p1", []byte("/TST5\r\n!0000\r\n")}, {}, {"dlms", []byte{0x7E, 0xA0, 0x07}}}), nil
		},
		Reading: func(bool) Snapshot { return Snapshot{Seq: 7, JSON: []byte(`{"seq":7}`)} },
		Readings: func(context.Context, bool) iter.Seq[Snapshot] {
			return slices.Values([]Snapshot{{7, []byte(`{"seq":7}`)}, {}})
		},
		Metrics:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		History:   remembering(),
		ModbusLog: func() []ModbusRequest { return nil },
		Check: func(source, user, password string) (bool, time.Duration) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.checks = append(b.checks, source+" "+user+" "+password)
			if b.wait > 0 {
				return false, b.wait
			}
			return user == "user" && password == rightPassword, 0
		},
		SetCredentials: b.credentials.set,
		FactoryReset:   func() error { return b.factoryErr },
		Tokens:         &fakeTokens{names: []string{"grafana"}},

		TLS:     &tls.Config{Certificates: []tls.Certificate{leaf}},
		CA:      CA{PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), Fingerprint: fmt.Sprintf("%X", sha256.Sum256(authority.Raw))},
		Serial:  "A1B2C3D4E5F6",
		Version: "1.2.3",
		Limits:  DefaultLimits,
		Log:     slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(b)
	}
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	plain, secure := listen(), listen()
	b.plain, b.secure = plain.Addr().String(), secure.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, plain, secure) }()
	b.end = sync.OnceValue(func() error { cancel(); return <-ended })

	roots := x509.NewCertPool()
	roots.AddCert(authority)
	b.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		if err := b.end(); err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		b.noSecret("the log", b.log.String())
	})
	return b
}

func (b *box) noSecret(where, text string) {
	b.t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			b.t.Errorf("%s holds the secret %q:\n%s", where, s, text)
		}
	}
}

// request describes one request to a box; the zero value asks for the status
// with the right password.
type request struct {
	method, path string
	plain        bool   // to the plain listener
	host         string // Host header
	user, pass   string // "-": none
	header       http.Header
	body         string
}

func (q request) String() string { return q.method + " " + q.path }

func (b *box) do(q request) (*http.Response, string) {
	b.t.Helper()
	if q.method == "" {
		q.method = "GET"
	}
	if q.path == "" {
		q.path = "/api/v1/status"
	}
	url := "https://" + b.secure
	if q.plain {
		url = "http://" + b.plain
	}
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), q.method, url+q.path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range q.header {
		r.Header[k] = v
	}
	if q.host != "" {
		r.Host = q.host
	}
	if q.user == "" {
		q.user = "user"
	}
	if q.pass == "" {
		q.pass = rightPassword
	}
	if q.user != "-" && q.pass != "-" {
		r.SetBasicAuth(q.user, q.pass)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatalf("%s: %v", q, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatalf("%s: %v", q, err)
	}
	b.noSecret("the answer to "+q.String(), fmt.Sprint(answer.Header)+string(text))
	return answer, string(text)
}

// sentence returns the error of a JSON answer.
func sentence(t *testing.T, body string) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == "" {
		t.Errorf("answer is no JSON with an error: %s", body)
	}
	return e.Error
}

func mediaType(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

var asJSON = mediaType("application/json")

func exampleStatus() Status {
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	return Status{
		Serial: "A1B2C3D4E5F6", Version: "1.2.3", UptimeSeconds: 93784,
		Meter: Meter{
			State: MeterOK, Level: OK, Source: "/dev/ttyUSB0", Line: "115200 8N1", Format: "dsmr5", ID: "E0043007052870318", Header: "ISK5\\2M550T-1012",
			PeriodSeconds: n(1), AgeSeconds: n(0.6), LimitSeconds: n(5), Seq: 100042, Telegrams: 93771,
			Errors: map[string]uint64{"checksum": 3, "malformed": 1}, LastError: "p1: checksum mismatch: sent 0C97, computed 1A2B", LastErrorAgeSeconds: n(4210),
		},
		Readings: []Reading{
			{"active_power", n(-1234), "W", false}, {"active_power_l1", n(-400), "W", false}, {"active_power_l2", n(-417), "W", false}, {"active_power_l3", n(-417), "W", false},
			{"voltage_l1", n(230.1), "V", false}, {"voltage_l2", n(231), "V", false}, {"voltage_l3", Number{}, "V", false},
			{"current_l1", n(1.7), "A", false}, {"current_l2", n(1.8), "A", false}, {"current_l3", n(1.8), "A", false},
			{"active_energy_import_t1", n(1234567), "Wh", false}, {"active_energy_import_t2", n(7654321), "Wh", false}, {"active_energy_export", n(20), "Wh", false},
			{"active_demand", n(412), "W", false}, {"tariff", n(2), "", false},
		},
		Modbus: []Modbus{{State: OK, MeterType: "PhoenixContact-EMPro", Listen: ":502", Clients: 2, MaxClients: 16, Requests: 184467, Exceptions: map[string]uint64{"0B": 12}}},
		Broker: Broker{State: Fault, Detail: "port 1883 is in use by another program", Listen: ":1883"},
		Light:  Light{Colours: []string{"green"}, Meaning: "ok"},
		MQTT:   MQTT{State: Off},
		Network: Network{
			State: OK, Detail: "Network settings are stored but not applied: the host looks after its network itself.", Addresses: []string{"192.168.1.20"},
			Link: Link{Lamp: Lamp{State: OK}, Interface: "eth0", Kind: "Ethernet", SpeedMbit: n(100), MAC: "02:00:00:00:00:01"}, Address: Address{Lamp: Lamp{State: OK}, Gateway: "192.168.1.1"},
			Internet: Lamp{State: Off, Reason: ReasonNotChecked},
		},
	}
}

// certificates makes an authority and a leaf for loopback.
func certificates(t *testing.T) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	authority, err := x509.ParseCertificate(der)
	check(err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test box"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"smart-connect.local"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, authority, leafKey.Public(), key)
	check(err)
	return authority, tls.Certificate{Certificate: [][]byte{leaf, der}, PrivateKey: leafKey}
}

// program finds an outside witness. Where it is missing the test is skipped,
// unless SMARTCONNECT_REQUIRE says that nothing may be.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
		t.Fatalf("%s is required: %v", name, err)
	}
	t.Skipf("%s is missing: %v", name, err)
	return ""
}

var errDiskFull = errors.New("config: write /state/config.json: no space left on device")

// open asks for a stream, as the owner unless a header says who else. cancel hangs up.
func (b *box) open(path string, with http.Header) (*http.Response, context.CancelFunc) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", "https://"+b.secure+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Header = with; with == nil {
		r.Header = http.Header{}
		r.SetBasicAuth("user", rightPassword)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, cancel
}
