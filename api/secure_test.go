package api

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRefused(t *testing.T) {
	const patch = `{"MQTT":{"Password":"broker-password-7"}}`
	tests := []struct {
		name   string
		ask    request
		status int
		says   string // in the error
		header [2]string
		checks int // attempts the password check sees
	}{
		{"no password", request{user: "-"}, 401, "password on the label", [2]string{"Www-Authenticate", `Basic realm="Smart Connect", charset="UTF-8"`}, 0},
		{"another scheme", request{user: "-", header: http.Header{"Authorization": {"Digest " + rightPassword}}}, 401, "label", [2]string{}, 0},
		{"broken Basic", request{user: "-", header: http.Header{"Authorization": {"Basic %%%"}}}, 401, "label", [2]string{}, 0},
		{"wrong password", request{pass: "wrong"}, 401, "wrong user name or password", [2]string{"Www-Authenticate", `Basic realm="Smart Connect", charset="UTF-8"`}, 1},
		{"wrong user", request{user: "admin"}, 401, "wrong user name or password", [2]string{}, 1},
		{"no password, unknown path", request{path: "/api/v1/nothing", user: "-"}, 401, "label", [2]string{}, 0},
		{"no password, the telegrams", request{path: "/api/v1/telegrams", user: "-"}, 401, "label", [2]string{}, 0},
		{"no password, wrong method", request{method: "PUT", user: "-"}, 401, "label", [2]string{}, 0},
		{"no password, too large body", request{method: "PATCH", path: "/api/v1/config", user: "-", header: asJSON, body: strings.Repeat(" ", 70_000)}, 401, "label", [2]string{}, 0},

		{"unknown path", request{path: "/api/v1/nothing"}, 404, "nothing at /api/v1/nothing", [2]string{}, 1},
		{"unknown version", request{path: "/api/v2/status"}, 404, "nothing at", [2]string{}, 1},
		{"path with a slash too many", request{path: "/api/v1/status/"}, 404, "nothing at", [2]string{}, 1},
		{"path of another kind", request{path: "/api/v1/../../web/error.html"}, 404, "nothing at", [2]string{}, 1},
		{"wrong method", request{method: "DELETE", path: "/api/v1/config"}, 405, "only GET, HEAD, PATCH", [2]string{"Allow", "GET, HEAD, PATCH"}, 1},
		{"GET that would reset", request{path: "/api/v1/reset"}, 405, "only POST", [2]string{"Allow", "POST"}, 1},
		{"firmware upload", request{method: "POST", path: "/api/v1/firmware", header: asJSON, body: "{}"}, 405, "only GET, HEAD", [2]string{"Allow", "GET, HEAD"}, 1},

		{"name on the internet", request{host: "smart-connect.example.com"}, 421, `"smart-connect.example.com" is not a name of this box`, [2]string{}, 0},
		{"name on the internet, no password", request{host: "evil.example:8443", user: "-"}, 421, `"evil.example" is not`, [2]string{}, 0},
		{"foreign page, new browser", request{method: "POST", path: "/api/v1/reset", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}}, 403, "another web page", [2]string{}, 0},
		{"foreign page, same site", request{method: "POST", path: "/api/v1/reset", header: http.Header{"Sec-Fetch-Site": {"same-site"}}}, 403, "another web page", [2]string{}, 0},
		{"foreign page, old browser", request{method: "PATCH", path: "/api/v1/config", header: http.Header{"Origin": {"https://evil.example"}, "Content-Type": {"application/json"}}, body: patch}, 403, "another web page", [2]string{}, 0},
		{"page without origin", request{method: "POST", path: "/api/v1/reset", header: http.Header{"Origin": {"null"}}}, 403, "another web page", [2]string{}, 0},

		{"form", request{method: "PATCH", path: "/api/v1/config", header: mediaType("application/x-www-form-urlencoded"), body: patch}, 415, "Content-Type: application/json", [2]string{}, 1},
		{"form as text", request{method: "PATCH", path: "/api/v1/config", header: mediaType("text/plain"), body: patch}, 415, "JSON", [2]string{}, 1},
		{"form that would reset", request{method: "POST", path: "/api/v1/reset", header: mediaType("application/x-www-form-urlencoded"), body: "a=b"}, 415, "JSON", [2]string{}, 1},
		{"no media type", request{method: "PATCH", path: "/api/v1/config", body: patch}, 415, "JSON", [2]string{}, 1},
		{"broken media type", request{method: "PATCH", path: "/api/v1/config", header: mediaType("application/json; ="), body: patch}, 415, "JSON", [2]string{}, 1},
		{"too large body", request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: `{"a":"` + strings.Repeat("x", 64<<10) + `"}`}, 413, "longer than 65536 bytes", [2]string{}, 1},
		{"too large reset", request{method: "POST", path: "/api/v1/reset", header: asJSON, body: strings.Repeat(" ", 64<<10+1)}, 413, "longer than", [2]string{}, 1},
		{"empty patch", request{method: "PATCH", path: "/api/v1/config", header: asJSON}, 400, "not valid JSON: it is empty", [2]string{}, 1},
		{"half a patch", request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: `{"MQTT":`}, 400, "unexpected end of JSON input (at byte 8)", [2]string{}, 1},
		{"patch with a tail", request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: patch + "x"}, 400, "at byte 42", [2]string{}, 1},
		{"patch in Latin-1", request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: "{\"MQTT\":{\"Site\":\"caf\xe9\"}}"}, 400, "not UTF-8", [2]string{}, 1},
		{"stale If-Match", request{method: "PATCH", path: "/api/v1/config", header: http.Header{"Content-Type": {"application/json"}, "If-Match": {`"0123456789abcdef"`}}, body: patch}, 412, "changed by someone else", [2]string{}, 1},
	}
	b := start(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.checks = nil
			got, body := b.do(test.ask)
			if got.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %s", got.StatusCode, test.status, body)
			}
			if e := sentence(t, body); !strings.Contains(e, test.says) {
				t.Errorf("error %q, want %q in it", e, test.says)
			}
			if name, want := test.header[0], test.header[1]; got.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
			}
			if len(b.checks) != test.checks {
				t.Errorf("password checked %d times, want %d", len(b.checks), test.checks)
			}
			if len(b.config.patches) != 0 || len(b.resets) != 0 {
				t.Errorf("the refused request did something: patches %q, resets %d", b.config.patches, len(b.resets))
			}
		})
	}
}

// Without the right password a body is not even asked for.
func TestNoBodyBeforeThePassword(t *testing.T) {
	b := start(t, nil)
	for _, test := range []struct{ name, password, first string }{
		{"wrong", "wrong", "HTTP/1.1 401 Unauthorized"},
		{"right", rightPassword, "HTTP/1.1 100 Continue"},
	} {
		conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(conn, "PATCH /api/v1/config HTTP/1.1\r\nHost: box\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", basic("user", test.password))
		first, err := bufio.NewReader(conn).ReadString('\n')
		if strings.TrimSpace(first) != test.first {
			t.Errorf("%s password: %q, %v, want %q", test.name, first, err, test.first)
		}
	}
}

func TestLockout(t *testing.T) {
	b := start(t, nil)
	b.wait = 7300 * time.Millisecond
	for range 5 {
		got, body := b.do(request{})
		if got.StatusCode != 429 || got.Header.Get("Retry-After") != "8" || got.Header.Get("Www-Authenticate") != "" {
			t.Fatalf("status %d, Retry-After %q: %s", got.StatusCode, got.Header.Get("Retry-After"), body)
		}
		if e := sentence(t, body); !strings.Contains(e, "try again in 8 s") {
			t.Errorf("error %q", e)
		}
	}
	if n := strings.Count(b.log.String(), "event=auth_locked"); n != 1 {
		t.Errorf("%d log lines for one lockout, want 1:\n%s", n, b.log)
	}
}

func TestSecurityEvents(t *testing.T) {
	b := start(t, func(b *box) { b.config.result.Changed = []string{"/MQTT/Password"} })
	tests := []struct {
		ask  request
		want string
	}{
		// People type the password into the wrong field.
		{request{user: rightPassword}, "event=auth_failed source=127.0.0.1"},
		{request{method: "POST", path: "/api/v1/reset", header: http.Header{"Origin": {"https://evil.example"}}}, "event=origin_refused source=127.0.0.1"},
		{request{method: "PATCH", path: "/api/v1/config", header: asJSON, body: `{"MQTT":{"Password":"broker-password-7"}}`}, "event=config_changed source=127.0.0.1 settings=[/MQTT/Password]"},
		{request{method: "POST", path: "/api/v1/reset"}, "event=reset_requested source=127.0.0.1"},
	}
	for _, test := range tests {
		b.do(test.ask)
		if !strings.Contains(b.log.String(), test.want) {
			t.Errorf("%s: no %q in the log:\n%s", test.ask, test.want, b.log)
		}
	}
}

// What strangers send fills no disk with lines of the log, and begins none of its own.
func TestLinesOfStrangers(t *testing.T) {
	b := start(t, nil)
	b.do(request{path: "/a%0alevel=ERROR%20msg=forged" + strings.Repeat("a", 8000), pass: "wrong"})
	if log := b.log.String(); strings.Count(log, "\n") != 1 || len(log) > 500 || !strings.Contains(log, `path="/a\nlevel=ERROR`) {
		t.Errorf("%d octets:\n%s", len(log), log)
	}
}

func TestAnswered(t *testing.T) {
	for _, test := range []struct {
		name   string
		ask    request
		status int
		says   string
	}{
		{"status", request{}, 200, `"age_seconds": 0.6`},
		{"status, number missing", request{}, 200, `"value": null`},
		{"status, host with port", request{host: "smart-connect.local:8443"}, 200, `"serial"`},
		{"status, short name", request{host: "smart-connect"}, 200, `"serial"`},
		{"status, configured name", request{host: "meter.example.org"}, 200, `"serial"`},
		{"status, linked from a foreign page", request{header: http.Header{"Sec-Fetch-Site": {"cross-site"}}}, 200, `"serial"`},
		{"status head", request{method: "HEAD"}, 200, ""},
		{"config", request{path: "/api/v1/config"}, 200, `"PasswordSet": true`},
		{"firmware", request{path: "/api/v1/firmware"}, 200, `"version": "1.2.3"`},
		{"page", request{path: "/"}, 200, "<!doctype html>"},
		{"script", request{path: "/page.js", user: "-"}, 200, "'use strict'"},
		{"style", request{path: "/style.css", user: "-"}, 200, ":root"},
		{"icon", request{path: "/icon.svg", user: "-"}, 200, "<svg"},
		{"authority", request{path: "/ca.crt", user: "-"}, 200, "BEGIN CERTIFICATE"},
		{"contract", request{path: "/api/v1/openapi.yaml", user: "-"}, 200, "openapi: 3.1.0"},
		{"reset with an empty object", request{method: "POST", path: "/api/v1/reset", header: asJSON, body: "{}"}, 202, "restarts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.Hosts = []string{"Meter.Example.org"} })
			got, body := b.do(test.ask)
			if got.StatusCode != test.status || !strings.Contains(body, test.says) {
				t.Errorf("status %d, want %d and %q in: %s", got.StatusCode, test.status, test.says, body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	b := start(t, nil)
	for _, test := range []struct {
		ask         request
		contentType string
		policy      string
	}{
		{request{}, "application/json", apiPolicy},
		{request{user: "-"}, "application/json", apiPolicy},
		{request{path: "/api/v1/nothing"}, "application/json", apiPolicy},
		{request{path: "/api/v1/openapi.yaml"}, "application/yaml", apiPolicy},
		{request{path: "/"}, "text/html; charset=utf-8", pagePolicy},
		{request{path: "/login", user: "-"}, "text/html; charset=utf-8", pagePolicy},
		{request{path: "/", host: "evil.example"}, "text/html; charset=utf-8", pagePolicy},
		{request{path: "/page.js"}, "text/javascript; charset=utf-8", pagePolicy},
		{request{path: "/style.css"}, "text/css; charset=utf-8", pagePolicy},
		{request{path: "/icon.svg"}, "image/svg+xml", pagePolicy},
		{request{path: "/ca.crt"}, "application/x-x509-ca-cert", pagePolicy},
		{request{path: "/", plain: true}, "text/html; charset=utf-8", pagePolicy},
		{request{path: "/ca.crt", plain: true}, "application/x-x509-ca-cert", pagePolicy},
		{request{plain: true}, "application/json", apiPolicy},
	} {
		got, _ := b.do(test.ask)
		for name, want := range map[string]string{
			"Content-Type":              test.contentType,
			"Content-Security-Policy":   test.policy,
			"Cache-Control":             "no-store",
			"X-Content-Type-Options":    "nosniff",
			"Strict-Transport-Security": "",
			"Server":                    "",
		} {
			if h := got.Header.Get(name); h != want {
				t.Errorf("%s (plain %t): %s is %q, want %q", test.ask, test.ask.plain, name, h, want)
			}
		}
	}
}

// Every row wants who its access says, and a page leads to the login.
func TestRoutes(t *testing.T) {
	b := start(t, nil)
	for _, rt := range secureRoutes {
		ask := request{method: rt.method, path: rt.path, user: "-", header: asJSON, body: "{}"}
		if rt.method == "GET" {
			ask.header, ask.body = nil, ""
		}
		got, body := b.do(ask)
		to := got.Header.Get("Location")
		refused := got.StatusCode == 401 || got.StatusCode == 303 && strings.HasPrefix(to, "/login") || got.StatusCode == 403 && strings.Contains(body, `action="/login"`)
		if refused != (rt.access != anyone) {
			t.Errorf("%s: %d %s without password: %s", ask, got.StatusCode, to, body)
		}
		if machine := rt.path == "/metrics" || strings.HasPrefix(rt.path, "/api/"); rt.access != anyone && machine != (got.StatusCode == 401) {
			t.Errorf("%s: %d %s: a machine is answered 401, a person led to the login", ask, got.StatusCode, to)
		}
	}
}

func TestPanicStaysInItsRequest(t *testing.T) {
	b := start(t, func(b *box) { b.Firmware = func() Firmware { panic("broken") } })
	got, body := b.do(request{path: "/api/v1/firmware"})
	if got.StatusCode != 500 || !strings.Contains(sentence(t, body), "mistake") {
		t.Errorf("status %d: %s", got.StatusCode, body)
	}
	if !strings.Contains(b.log.String(), `msg="request panicked" method=GET path=/api/v1/firmware panic=broken`) {
		t.Errorf("the log says nothing of it:\n%s", b.log)
	}
	if got, _ := b.do(request{}); got.StatusCode != 200 {
		t.Errorf("the next request: %d", got.StatusCode)
	}
}
