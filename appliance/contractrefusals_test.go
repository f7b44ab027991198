package appliance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"smartconnect/api"
)

// provocation is a way to be refused, wherever the document lists its status.
type provocation struct {
	status string
	sent   string
	on     func(o operation) bool // nil: wherever that status is listed
	body   string                 // "": the first example
	from   string
	change func(*http.Request)
}

func changes(o operation) bool { return o.Method != "GET" }

// provocations are those that any operation can meet.
var provocations = []provocation{
	{status: "400", sent: "no JSON", on: changes, body: `{"a":`},
	{status: "401", sent: "no password", change: func(r *http.Request) { r.Header.Del("Authorization") }},
	{status: "401", sent: "an unknown token", change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer sc_nobodys") }},
	{status: "403", sent: "another web page", on: changes, change: func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }},
	{status: "409", sent: "a second user", from: "127.0.0.2"},
	{status: "412", sent: "a state of before", body: `{}`, change: func(r *http.Request) { r.Header.Set("If-Match", `"0"`) }},
	{status: "413", sent: "a long body"},
	{status: "415", sent: "a form", body: "a=b", change: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }},
	{status: "421", sent: "another host", change: func(r *http.Request) { r.Host = "example.com" }},
	{status: "422", sent: "what is no setting", body: `{"Nothing":1}`},
	{status: "422", sent: "a list", body: `[]`},
	{status: "429", sent: "many wrong passwords", from: "127.0.0.9", change: func(r *http.Request) { r.SetBasicAuth("user", "a wrong password") }},
}

// longBody is how long a body may be, in octets, where that is longer than elsewhere. A
// little more still fits on the way to who has stopped reading.
var longBody = map[string]int{"/api/v1/config/import": 1 << 20}

// particular refusals are those of one operation.
var particular = []struct {
	method, path, body, status string
}{
	{"GET", "/api/v1/history?span=5", "", "400"},
	{"GET", "/api/v1/readings/stream?obis=7", "", "400"},
	{"PATCH", "/api/v1/config", `{"MQTT":{"Site":"a/b","KeepMiB":0},"Modbus":{"Servers":[]}}`, "422"},
	{"PATCH", "/api/v1/credentials", `{"Password":"short"}`, "422"},
	{"PATCH", "/api/v1/credentials", `{}`, "422"},
	{"POST", "/api/v1/config/export", `{"passphrase":""}`, "422"},
	{"POST", "/api/v1/config/import", `{"Export":7}`, "422"},
	{"POST", "/api/v1/tokens", `{"Name":"a blank"}`, "422"},
	{"POST", "/api/v1/tokens", `{"Name":"prometheus"}`, "409"},
	{"DELETE", "/api/v1/tokens", `{"Name":"nobody"}`, "404"},
}

// refusals provokes what the document lists.
func (w *witness) refusals(b *box) {
	w.t.Helper()
	wrong := func(r *http.Request) { r.SetBasicAuth("user", "a wrong password") }
	for range 6 {
		b.as("127.0.0.9", "GET", "/api/v1/session", "", wrong)
	}
	if _, err := b.status(); err != nil { // the owner is in before the second user
		w.t.Fatal(err)
	}
	for _, o := range w.operations() {
		for _, r := range provocations {
			if w.lists(o, r.status) && (r.on == nil || r.on(o)) {
				w.refuse(b, o, r)
			}
		}
	}
	for _, p := range particular {
		x := w.ask(b, call{method: p.method, path: p.path, body: p.body, change: inJSON, sent: p.body})
		if fmt.Sprint(x.status) != p.status {
			w.t.Errorf("%s, want %s: %.200s", x, p.status, x.body)
		}
		if at := below(below("/paths", x.path), strings.ToLower(p.method)) + "/requestBody/content/application~1json/schema"; p.status == "422" && w.validJSON(at, []byte(p.body)) == nil {
			w.t.Errorf("%s is refused, and the document takes it", x)
		}
	}
	machine := w.machine(b)
	w.strangers(b, machine)
	w.noRoom(b, machine)
}

func (w *witness) refuse(b *box, o operation, r provocation) {
	w.t.Helper()
	body := r.body
	if samples := w.samples(w.t, o); body == "" && samples[0].body != "" {
		body = samples[0].body
	}
	if r.status == "413" {
		body = `"` + strings.Repeat("a", cmp.Or(longBody[o.Path], 64<<10)) + `"`
	}
	x := w.ask(b, call{method: o.Method, path: o.Path, body: body, from: r.from, sent: r.sent, change: func(q *http.Request) {
		if body != "" {
			inJSON(q)
		}
		if r.change != nil {
			r.change(q)
		}
	}})
	if fmt.Sprint(x.status) != r.status {
		w.t.Errorf("%s, want %s: %.200s", x, r.status, x.body)
	}
}

// machine makes a token, and returns what lets a request have it.
func (w *witness) machine(b *box) func(*http.Request) {
	w.t.Helper()
	made := w.ask(b, call{method: "POST", path: "/api/v1/tokens", body: `{"Name":"contract"}`, change: inJSON})
	var token struct{ Token string }
	if err := json.Unmarshal(made.body, &token); err != nil || made.status != 201 {
		w.t.Fatalf("%s: %s", made, made.body)
	}
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.Token) }
}

// strangers are tokens on routes of the owner, methods and paths that are not there,
// and the plain listener.
func (w *witness) strangers(b *box, machine func(*http.Request)) {
	w.t.Helper()
	for _, o := range w.operations() {
		if changes(o) {
			continue
		}
		security, _ := w.at(o.at + "/security")
		want := 200
		if list := fmt.Sprint(security); list != "[]" && !strings.Contains(list, "token") {
			want = 403
		}
		if x := w.ask(b, call{method: o.Method, path: o.Path, change: machine, events: 1, sent: "a token"}); x.status != want {
			w.t.Errorf("%s, want %d", x, want)
		}
	}
	for _, path := range w.members("/paths") {
		for _, q := range []call{
			{method: "PUT", path: path, as: "/components/responses/MethodNotAllowed"},
			{method: "GET", path: path, plain: true, as: "/components/responses/PlainRefused"},
		} {
			if q.plain && !strings.HasPrefix(path, "/api/") && path != "/metrics" {
				continue // open to anyone
			}
			if x := w.ask(b, q); x.status != map[bool]int{false: 405, true: 403}[q.plain] {
				w.t.Errorf("%s", x)
			}
		}
	}
	if x := w.ask(b, call{method: "GET", path: "/api/v1/nothing", as: "/components/responses/NotFound"}); x.status != 404 {
		w.t.Errorf("%s", x)
	}
}

// noRoom opens as many streams as there may be, from several addresses, and one more.
func (w *witness) noRoom(b *box, machine func(*http.Request)) {
	w.t.Helper()
	for _, o := range w.operations() {
		if !w.lists(o, "503") {
			continue
		}
		var ends []func()
		for i := range 32 { // far above what there may be
			resp, end := w.send(b, call{method: o.Method, path: o.Path, from: fmt.Sprintf("127.0.0.%d", 20+i/4), change: machine})
			ends = append(ends, end)
			if resp.StatusCode == http.StatusServiceUnavailable {
				break
			}
		}
		if x := w.ask(b, call{method: o.Method, path: o.Path, sent: "one stream too many"}); x.status != 503 {
			w.t.Errorf("%s", x)
		}
		for _, end := range ends {
			end()
		}
	}
}

// unprovoked are answers of which a test of the API's own package shows how they come:
// here they would take a full disk, or 15 seconds of silence.
var unprovoked = []string{"408", "500"}

// unmet complains of answers that the document lists and no box has given.
func (w *witness) unmet() {
	w.t.Helper()
	for _, o := range w.operations() {
		for _, status := range w.members(o.at + "/responses") {
			met := slices.ContainsFunc(w.all, func(x exchange) bool {
				return x.as == "" && api.Operation{Method: x.method, Path: x.path} == o.Operation && fmt.Sprint(x.status) == status
			})
			if !met && !slices.Contains(unprovoked, status) {
				w.t.Errorf("%s %s: the document lists %s, which nothing has provoked", o.Method, o.Path, status)
			}
		}
	}
}
