package api

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestExportRefused(t *testing.T) {
	short := problems{{"/passphrase", "a passphrase has 10 to 128 characters"}}
	for _, c := range []struct {
		name, body string
		err        error
		status     int
		says       string
	}{
		{"no body", ``, nil, 400, "it is empty"},
		{"half a body", `{"passphrase":"` + passphrase, nil, 400, "not valid JSON"},
		{"a list", `["` + passphrase + `"]`, nil, 422, "wants an object"},
		{"null", `null`, nil, 422, "wants an object"},
		{"no passphrase", `{}`, nil, 422, `"pointer": "/passphrase"`},
		{"an empty one", `{"passphrase":""}`, nil, 422, `"pointer": "/passphrase"`},
		{"null as one", `{"passphrase":null}`, nil, 422, "wants a text"},
		{"a number as one", `{"passphrase":1234567890}`, nil, 422, "wants a text"},
		{"another name", `{"Passphrase":"` + passphrase + `"}`, nil, 422, "is not one of passphrase"},
		{"something beside it", `{"passphrase":"` + passphrase + `","a/b":1}`, nil, 422, `"pointer": "/a~1b"`},
		{"a short one", `{"passphrase":"short"}`, short, 422, "10 to 128"},
		{"a fault", `{"passphrase":"` + passphrase + `"}`, errDiskFull, 500, "could not be exported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.config.err = c.err })
			got, body := b.do(request{method: "POST", path: "/api/v1/config/export", header: asJSON, body: c.body})
			if got.StatusCode != c.status || !strings.Contains(body, c.says) || got.Header.Get("Content-Disposition") != "" {
				t.Errorf("status %d, want %d and %q in %s", got.StatusCode, c.status, c.says, body)
			}
			if exported := len(b.config.phrases); (exported != 0) != (c.err != nil) {
				t.Errorf("exported %d times", exported)
			}
			if strings.Contains(b.log.String(), "config_exported") {
				t.Errorf("what was refused is logged as done:\n%s", b.log)
			}
		})
	}
}

func TestExport(t *testing.T) {
	for _, c := range []struct {
		ask      request
		want     string
		phrases  []string
		loggedAs string
	}{
		{request{path: "/api/v1/config/export"}, `{"Export":1,"Config":{}}`, []string{""}, "event=config_exported source=127.0.0.1 secrets=false"},
		{request{method: "POST", path: "/api/v1/config/export", header: asJSON, body: `{"passphrase":"` + passphrase + `"}`}, `{"Export":1,"Sealed":"…"}`, []string{passphrase}, "event=config_exported source=127.0.0.1 secrets=true"},
	} {
		b := start(t, nil)
		got, body := b.do(c.ask)
		if got.StatusCode != 200 || body != c.want || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v %s", c.ask, got.StatusCode, got.Header, body)
		}
		if want := `attachment; filename="smart-connect-A1B2C3D4E5F6-config.json"`; got.Header.Get("Content-Disposition") != want {
			t.Errorf("%s: %q, want %q", c.ask, got.Header.Get("Content-Disposition"), want)
		}
		if !reflect.DeepEqual(b.config.phrases, c.phrases) || !strings.Contains(b.log.String(), c.loggedAs) {
			t.Errorf("%s: passphrases %q, log\n%s", c.ask, b.config.phrases, b.log)
		}
	}
}

func TestImport(t *testing.T) {
	const file = `{"Export":1,"Sealed":"…"}`
	long := `{"MQTT":{"CA":"` + strings.Repeat("x", 100_000) + `"}}`
	header := func(pairs ...string) http.Header {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = []string{pairs[i+1]}
		}
		return h
	}
	wrong := problems{{"/Sealed", "was sealed with another passphrase"}}
	for _, c := range []struct {
		name   string
		ask    request
		err    error
		status int
		says   string
		phrase string // of the import, "-" for none
	}{
		{"no body", request{header: asJSON}, nil, 400, "it is empty", "-"},
		{"half a body", request{header: asJSON, body: file[:9]}, nil, 400, "not valid JSON", "-"},
		{"too long a body", request{header: asJSON, body: `"` + strings.Repeat("x", 1<<20) + `"`}, nil, 413, "longer than 1048576 bytes", "-"},
		{"a configuration that was changed", request{header: header("If-Match", `"revision7"`), body: file}, nil, 412, "changed by someone else", "-"},
		{"another passphrase", request{header: header("Passphrase", passphrase), body: file}, wrong, 422, `"pointer": "/Sealed"`, passphrase},
		{"a full disk", request{header: asJSON, body: file}, errDiskFull, 500, "could not be saved", ""},

		{"a file", request{header: asJSON, body: file}, nil, 200, `"changed"`, ""},
		{"a long file", request{header: asJSON, body: long}, nil, 200, `"restart_for"`, ""},
		{"a file of a Windows editor", request{header: asJSON, body: "\ufeff" + file}, nil, 200, `"changed"`, ""},
		{"a sealed file", request{header: header("Passphrase", passphrase, "If-Match", `"revision0"`), body: file}, nil, 200, `"changed"`, passphrase},
		{"a passphrase in UTF-8", request{header: header("Passphrase", "Grüße aus Zürich"), body: file}, nil, 200, `"changed"`, "Grüße aus Zürich"},
		{"a passphrase in Latin-1", request{header: header("Passphrase", "Gr\xfc\xdfe aus Z\xfcrich"), body: file}, nil, 200, `"changed"`, "Grüße aus Zürich"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *box) {
				b.config.err = c.err
				b.config.result.Changed = []string{"/MQTT/Site"}
			})
			c.ask.method, c.ask.path = "POST", "/api/v1/config/import"
			got, body := b.do(c.ask)
			if got.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("status %d, want %d and %q in %s", got.StatusCode, c.status, c.says, body)
			}
			if want := []string{c.phrase}; c.phrase == "-" && b.config.phrases != nil || c.phrase != "-" && !reflect.DeepEqual(b.config.phrases, want) {
				t.Errorf("passphrases %q, want %q", b.config.phrases, want)
			}
			logged := strings.Contains(b.log.String(), "event=config_imported source=127.0.0.1 settings=[/MQTT/Site]")
			if logged != (c.status == 200) {
				t.Errorf("logged %t:\n%s", logged, b.log)
			}
			if c.status == 200 && got.Header.Get("ETag") != `"revision1"` {
				t.Errorf("tag %s", got.Header.Get("ETag"))
			}
		})
	}
}
