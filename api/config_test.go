package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPatchAnswersEveryProblem(t *testing.T) {
	all := problems{
		{"/MQTT/Broker", "must begin with mqtt:// or mqtts://"},
		{"/Ethernet/StaticIPv4/Netmask", "must be a prefix length from 1 to 30"},
		{"/Nonsense", "is not a setting of this box"},
	}
	b := start(t, func(b *box) { b.config.err = fmt.Errorf("patch: %w", all) })
	got, body := b.do(request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: `{"Nonsense":1}`})
	var answer struct {
		Error    string
		Problems []Problem
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != 422 || answer.Error != "3 settings were not accepted, so nothing was changed" || !reflect.DeepEqual(answer.Problems, []Problem(all)) {
		t.Errorf("status %d: %s", got.StatusCode, body)
	}
	if strings.Contains(b.log.String(), "config_changed") {
		t.Errorf("a refused change is logged as one:\n%s", b.log)
	}
}

func TestPatchThatCannotBeSaved(t *testing.T) {
	b := start(t, func(b *box) { b.config.err = errDiskFull })
	got, body := b.do(request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: "{}"})
	if got.StatusCode != 500 || !strings.Contains(sentence(t, body), "no space left on device") {
		t.Errorf("status %d: %s", got.StatusCode, body)
	}
}

func TestPatch(t *testing.T) {
	for _, test := range []struct {
		name        string
		contentType string
		result      PatchResult
		want        string
	}{
		{"nothing changed", "application/json", PatchResult{},
			`{"changed":[],"restart_required":false,"restart_for":[],"notes":[]}`},
		{"changed", "application/json; charset=utf-8", PatchResult{[]string{"/MQTT/Site"}, true, []string{"/MQTT/Site", "/Meter/Line"}, []string{"Restart the box to use it."}},
			`{"changed":["/MQTT/Site"],"restart_required":true,"restart_for":["/MQTT/Site","/Meter/Line"],"notes":["Restart the box to use it."]}`},
		{"merge patch", "application/merge-patch+json", PatchResult{[]string{"/MQTT/Site"}, true, nil, nil},
			`{"changed":["/MQTT/Site"],"restart_required":true,"restart_for":[],"notes":[]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.config.result = test.result })
			const patch = `{"MQTT":{"Site":"house"}}`
			got, body := b.do(request{method: "PATCH", path: "/api/v1/config", header: mediaType(test.contentType), body: patch})
			if got.StatusCode != 200 || !sameJSON(t, body, test.want) {
				t.Errorf("status %d: %s\nwant %s", got.StatusCode, body, test.want)
			}
			if !reflect.DeepEqual(b.config.patches, []string{patch}) {
				t.Errorf("the configuration got %q", b.config.patches)
			}
		})
	}
}

// A body from an editor that marks the byte order (RFC 8259 section 8.1) is
// taken for what it says.
func TestPatchWithByteOrderMark(t *testing.T) {
	b := start(t, nil)
	got, body := b.do(request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: "\ufeff" + `{"MQTT":{}}`})
	if got.StatusCode != 200 || !reflect.DeepEqual(b.config.patches, []string{`{"MQTT":{}}`}) {
		t.Errorf("status %d: %s; the configuration got %q", got.StatusCode, body, b.config.patches)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

func FuzzMalformed(f *testing.F) {
	for _, seed := range []string{"", " ", "{}", `{"a":`, "nul", "[1,]", `{"a":1}x`, "\xff", `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if valid := json.Valid(body) && utf8.Valid(body); valid != (malformed(body) == "") {
			t.Errorf("valid %t, yet %q", valid, malformed(body))
		}
	})
}
