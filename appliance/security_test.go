package appliance

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
)

// as asks the API from an address of its own, with the right password unless
// change says otherwise.
func (b *box) as(from, method, path, body string, change func(*http.Request)) (code int, answer string) {
	b.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 3 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	r, err := http.NewRequest(method, "https://"+b.https+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.SetBasicAuth(b.label.User, b.label.Password)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// journal returns the log as the file for support has it.
func (b *box) journal() []api.LogLine {
	b.t.Helper()
	var body []byte
	eventually(b.t, 5*time.Second, "the box answers, in this life or the next", func() bool {
		code, text, err := b.call("GET", "/api/v1/support", "")
		body = text
		return err == nil && code == http.StatusOK
	})
	var file struct{ Log []api.LogLine }
	if err := json.Unmarshal(body, &file); err != nil {
		b.t.Fatal(err)
	}
	return file.Log
}

// Whatever touches the security of the box leaves a line that says what and from
// where, and tells no secret.
func TestSecurityEventsAreLogged(t *testing.T) {
	const guess, secret = "Guessed-Password-5", "Secret-In-A-Patch-6"
	b := start(t, "sim:dsmr50?seed=1", "")
	wrong := func(r *http.Request) { r.SetBasicAuth("user", guess) }
	for _, c := range []struct {
		name, event, from string
		provoke           func(from string)
		says              map[string]string
	}{
		{"a wrong password", "auth_failed", "127.0.0.11", func(from string) { b.as(from, "GET", "/api/v1/config", "", wrong) }, map[string]string{"path": "/api/v1/config"}},
		{"many of them", "auth_locked", "127.0.0.12", func(from string) {
			for range 6 {
				b.as(from, "GET", "/api/v1/status", "", wrong)
			}
		}, nil},
		{"a foreign web page", "origin_refused", "127.0.0.13", func(from string) {
			b.as(from, "POST", "/api/v1/reset", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
		}, map[string]string{"path": "/api/v1/reset"}},
		{"a change of the configuration", "config_changed", "127.0.0.14", func(from string) {
			b.as(from, "PATCH", "/api/v1/config", `{"WiFi":{"SSID":"house","Password":"`+secret+`"}}`, nil)
			if s, err := b.status(); err != nil || !slices.ContainsFunc(s.Events, func(e api.Event) bool { return e.Kind == eventConfig }) {
				t.Errorf("the owner is not told of the change: %+v, %v", s.Events, err)
			}
		}, map[string]string{"settings": "[/WiFi]"}},
		{"the file for support", "support_exported", "127.0.0.15", func(from string) { b.as(from, "GET", "/api/v1/support", "", nil) }, nil},
		{"a reset", "reset_requested", "127.0.0.16", func(from string) { b.as(from, "POST", "/api/v1/reset", "", nil) }, nil},
	} {
		c.provoke(c.from)
		found := false
		for _, line := range b.journal() {
			if line.Attrs["event"] != c.event || line.Attrs["source"] != c.from {
				continue
			}
			found = line.Message != "" && time.Since(line.Time) < time.Minute
			for key, want := range c.says {
				if line.Attrs[key] != want {
					t.Errorf("%s: %s is %q, want %q", c.name, key, line.Attrs[key], want)
				}
			}
		}
		if !found {
			t.Errorf("%s: no line with event %s from %s", c.name, c.event, c.from)
		}
	}
	all, err := json.Marshal(b.journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{guess, secret, b.label.Password, b.label.MQTTPassword} {
		if strings.Contains(string(all)+b.log.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}
