package appliance

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
)

// witness asks boxes and holds what they answer against the document.
type witness struct {
	t *testing.T
	*contract
	all []exchange
}

// call is one question to a box.
type call struct {
	method, path string // the path with its query
	body         string
	from         string // address of who asks, 127.0.0.1 if ""
	plain        bool   // over plain HTTP
	change       func(*http.Request)
	begun        func() // done once the answer has begun; may be nil
	events       int    // of a stream that are waited for; without, it is its first line
	as           string // as in exchange
	sent         string
}

// send asks. Who takes the answer calls end.
func (w *witness) send(b *box, q call) (resp *http.Response, end func()) {
	w.t.Helper()
	from := &net.TCPAddr{IP: net.ParseIP(cmp.Or(q.from, "127.0.0.1"))}
	transport := &http.Transport{
		DialContext:     (&net.Dialer{LocalAddr: from, Timeout: 3 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}
	base := "https://" + b.https
	if q.plain {
		base = "http://" + b.http
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, q.method, base+q.path, strings.NewReader(q.body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth(b.label.User, b.label.Password)
	if q.change != nil {
		q.change(r)
	}
	if resp, err = transport.RoundTrip(r); err != nil {
		w.t.Fatalf("%s %s %s: %v", q.method, q.path, q.sent, err)
	}
	return resp, func() { resp.Body.Close(); cancel() }
}

// ask asks, and returns what came back as soon as it is written down and checked.
func (w *witness) ask(b *box, q call) exchange {
	w.t.Helper()
	resp, end := w.send(b, q)
	defer end()
	if q.begun != nil {
		q.begun()
	}
	path, _, _ := strings.Cut(q.path, "?")
	x := exchange{method: q.method, path: path, as: q.as, sent: q.sent, status: resp.StatusCode, header: resp.Header}
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		x.body = firstEvents(w.t, resp.Body, q.events)
	} else {
		var err error
		if x.body, err = io.ReadAll(resp.Body); err != nil {
			w.t.Fatalf("%s: %v", x, err)
		}
	}
	w.all = append(w.all, x)
	if err := w.wrong(x); err != nil {
		w.t.Errorf("%s: %v\n%.300s", x, err, x.body)
	}
	return x
}

// firstEvents reads a stream until it has brought so many events.
func firstEvents(t *testing.T, body io.Reader, n int) []byte {
	t.Helper()
	var read strings.Builder
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends after %q: %v", read.String(), err)
		}
		read.WriteString(line)
		if line == "\n" && strings.Count(read.String(), "\nevent: ") >= n {
			return []byte(read.String())
		}
	}
}

// examples sends every example of an operation; all of them succeed.
func (w *witness) examples(b *box, o operation) {
	w.t.Helper()
	for _, s := range w.samples(w.t, o) {
		path := o.Path
		if len(s.query) > 0 {
			path += "?" + s.query.Encode()
		}
		x := w.ask(b, call{method: o.Method, path: path, body: s.body, events: 1, sent: s.name, change: func(r *http.Request) {
			for name, values := range s.header {
				r.Header[name] = values
			}
		}})
		if x.status >= 300 {
			w.t.Errorf("%s, the example %q: %s", x, s.name, x.body)
		}
		w.follow(b, o.Operation, s.body)
	}
}

// follow does what whoever has changed a password or restarted the box does.
func (w *witness) follow(b *box, did api.Operation, body string) {
	w.t.Helper()
	switch did {
	case last[0]:
		var given struct{ Password string }
		if err := json.Unmarshal([]byte(body), &given); err != nil || given.Password == "" {
			w.t.Fatalf("%v: %s", err, body)
		}
		b.label.Password = given.Password
	case last[2]:
		b.label.Password = b.printed
		fallthrough
	case last[1]:
		eventually(w.t, 5*time.Second, "the next life answers", func() bool { s, err := b.status(); return err == nil && s.UptimeSeconds < 5 && !s.RestartRequired })
	}
}

// document is that of a box.
func document(t *testing.T, b *box) *contract {
	t.Helper()
	code, text, err := b.call("GET", "/api/v1/openapi.yaml", "")
	if err != nil || code != 200 {
		t.Fatalf("%d %v", code, err)
	}
	return readContract(t, text)
}

// The routes are those of the document; each answers its examples, and what it refuses,
// as the document says; and what the document lists is met.
func TestContract(t *testing.T) {
	t.Parallel()
	b := start(t, "sim:dsmr50", "")
	w := &witness{t: t, contract: document(t, b)}
	for _, complaint := range w.otherRoutes(api.Operations()) {
		t.Error(complaint)
	}
	b.meterState(api.MeterOK, "")
	_, _, _ = b.read(regI1, 2)
	_, _, _ = b.read(0x7000, 2) // no register is there
	for _, o := range w.operations() {
		if o.Operation == (api.Operation{Method: "DELETE", Path: "/api/v1/tokens"}) {
			w.refusals(b) // while there is a token
		}
		w.examples(b, o)
	}
	w.unmet()
	w.mutations(w.all)
}

// Every kind of meter is told of in the words and with the nulls of the document: here
// one after the other speaks on the line of one box.
func TestContractOfMeters(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	b := start(t, f.source(), `{"History":{"OnDisk":true},"Meter":{"Share":"127.0.0.1:0"}}`)
	w := &witness{t: t, contract: document(t, b)}
	heard := func() uint64 {
		s, err := b.status()
		if err != nil {
			t.Fatal(err)
		}
		return s.Meter.Telegrams + s.Meter.Errors["decrypt"]
	}
	for _, name := range []string{"none", "e450-encrypted", "dsmr50", "e450", "linky-standard", "warmtelink"} {
		events := 1
		if name == "none" || name == "e450-encrypted" { // there is no key, and so no reading
			events = 0
		}
		speak := func() { f.say(string(said(t, name))) }
		if before := heard(); name != "none" {
			for range 3 { // of those that cannot be decrypted two are wanted to tell
				speak()
			}
			eventually(t, 5*time.Second, name+" is heard, or lost", func() bool { return heard() > before })
		}
		for _, path := range []string{"/api/v1/status", "/api/v1/readings", "/api/v1/history", "/api/v1/history?resolution=15m", "/api/v1/support", "/metrics", "/api/v1/readings/stream?obis=1"} {
			if x := w.ask(b, call{method: "GET", path: path, events: events, sent: name}); x.status != 200 {
				t.Errorf("%s: %s", x, x.body)
			}
		}
		if name != "none" {
			w.ask(b, call{method: "GET", path: "/api/v1/telegrams", events: 1, begun: speak, sent: name})
		}
	}
	for name, word := range map[string]string{"no telegram": `"state": "no-signal"`, "no key": `"state": "key-required"`, "a label": `"stamp":"H`, "heat": `"type":"heat"`, "octets": `"hex":"`} {
		if !slices.ContainsFunc(w.all, func(x exchange) bool { return strings.Contains(string(x.body), word) }) {
			t.Errorf("%s: %s was not met", name, word)
		}
	}
}

// Every setting there is can be sent and is answered as the document has it.
func TestContractOfSettings(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	w := &witness{t: t, contract: document(t, b)}
	for _, name := range []string{"everything-file.json", "everything.json", "default-file.json", "default.json", "manual-patch.json"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "config", name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(known().MeterTypes, "Eastron-SDM630") {
			text = bytes.ReplaceAll(text, []byte("Eastron-SDM630"), []byte(known().MeterTypes[0]))
		}
		var settings map[string]json.RawMessage
		if err := json.Unmarshal(text, &settings); err != nil {
			t.Fatal(err)
		}
		delete(settings, "Version") // of the file, and no setting
		body, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.validJSON("/components/schemas/ConfigChange", body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, q := range []call{
			{method: "PATCH", path: "/api/v1/config", body: string(body), change: inJSON},
			{method: "GET", path: "/api/v1/config"},
			{method: "GET", path: "/api/v1/config/export"},
			{method: "POST", path: "/api/v1/config/import", body: string(body), change: inJSON},
			{method: "GET", path: "/api/v1/config"},
		} {
			if x := w.ask(b, q); x.status != 200 {
				t.Errorf("%s: %s: %s", name, x, x.body)
			}
		}
	}
	if n := len(w.all); !slices.ContainsFunc(w.all, func(x exchange) bool { return strings.Contains(string(x.body), "192.168.10.101") }) {
		t.Errorf("in %d answers is no fixed address", n)
	}
}

func inJSON(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
