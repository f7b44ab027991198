package appliance

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
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
// change says otherwise, and takes over from whoever asked before.
func (b *box) as(from, method, path, body string, change func(*http.Request)) (code int, answer string) {
	b.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 3 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	r, err := http.NewRequest(method, "https://"+b.https+path+"?takeover=1", strings.NewReader(body))
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
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
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
	eventually(b.t, 30*time.Second, "the box answers, in this life or the next", func() bool {
		code, text, err := b.call("GET", "/api/v1/support?takeover=1", "")
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
	t.Parallel()
	const guess, secret, password, passphrase = "Guessed-Password-5", "Secret-In-A-Patch-6", "Chosen-By-The-Owner-7", "Seals-The-Export-8"
	b := start(t, "sim:dsmr50?seed=1", "")
	hidden := []string{guess, secret, password, passphrase, b.label.Password, b.label.MQTTPassword}
	wrong := func(r *http.Request) { r.SetBasicAuth("user", guess) }
	ask := func(method, path, body string) func(string) {
		return func(from string) {
			if code, text := b.as(from, method, path, body, nil); code >= 300 {
				t.Errorf("%s %s: %d %s", method, path, code, text)
			}
		}
	}
	for i, c := range []struct {
		name, event string
		provoke     func(from string)
		says        map[string]string
	}{
		{"a wrong password", "auth_failed", func(from string) { b.as(from, "GET", "/api/v1/config", "", wrong) }, map[string]string{"path": "/api/v1/config"}},
		{"many of them", "auth_locked", func(from string) {
			for range 6 {
				b.as(from, "GET", "/api/v1/status", "", wrong)
			}
		}, nil},
		{"a token of nobody", "token_refused", func(from string) {
			b.as(from, "GET", "/metrics", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+guess) })
		}, map[string]string{"path": "/metrics"}},
		{"a foreign web page", "origin_refused", func(from string) {
			b.as(from, "POST", "/api/v1/reset", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
		}, map[string]string{"path": "/api/v1/reset"}},
		{"a session taken over", "session_taken", ask("GET", "/api/v1/config", ""), map[string]string{"from": "127.0.0.1"}},
		{"a session ended", "session_ended", ask("DELETE", "/api/v1/session", ""), nil},
		{"a session opened", "session_opened", func(from string) {
			ask("DELETE", "/api/v1/session", "")(from)
			ask("GET", "/api/v1/config", "")(from)
		}, nil},
		{"a change of the configuration", "config_changed", func(from string) {
			ask("PATCH", "/api/v1/config", `{"WiFi":{"Password":"`+secret+`"}}`)(from)
			var s api.Status
			if _, text := b.as(from, "GET", "/api/v1/status", "", nil); json.Unmarshal([]byte(text), &s) != nil ||
				!slices.ContainsFunc(s.Events, func(e api.Event) bool { return e.Kind == eventConfig }) {
				t.Errorf("the owner is not told of the change: %+v", s.Events)
			}
		}, map[string]string{"settings": "[/WiFi/Password]"}},
		{"the configuration exported", "config_exported", ask("GET", "/api/v1/config/export", ""), map[string]string{"secrets": "false"}},
		{"with its secrets", "config_exported", ask("POST", "/api/v1/config/export", `{"passphrase":"`+passphrase+`"}`), map[string]string{"secrets": "true"}},
		{"and imported", "config_imported", func(from string) {
			_, file := b.as(from, "GET", "/api/v1/config/export", "", nil)
			ask("PATCH", "/api/v1/config", `{"Meter":{"DemandCap":9000}}`)(from)
			ask("POST", "/api/v1/config/import", file)(from)
		}, nil},
		{"a token made", "token_added", func(from string) {
			var made struct{ Token string }
			if _, text := b.as(from, "POST", "/api/v1/tokens", `{"Name":"grafana"}`, nil); json.Unmarshal([]byte(text), &made) != nil || made.Token == "" {
				t.Errorf("no token: %s", text)
			}
			hidden = append(hidden, made.Token)
		}, map[string]string{"name": "grafana"}},
		{"and removed", "token_removed", ask("DELETE", "/api/v1/tokens", `{"Name":"grafana"}`), map[string]string{"name": "grafana"}},
		{"the password changed", "credentials_changed", func(from string) {
			ask("PATCH", "/api/v1/credentials", `{"Password":"`+password+`"}`)(from)
			b.label.Password = password
		}, map[string]string{"credentials": "[/Password]"}},
		{"the file for support", "support_exported", ask("GET", "/api/v1/support", ""), nil},
		{"a reset", "reset_requested", ask("POST", "/api/v1/reset", ""), nil},
	} {
		from := fmt.Sprint("127.0.0.", 11+i)
		c.provoke(from)
		told := slices.ContainsFunc(b.journal(), func(line api.LogLine) bool {
			for key, want := range c.says {
				if line.Attrs[key] != want {
					return false
				}
			}
			return line.Attrs["event"] == c.event && line.Attrs["source"] == from && line.Message != "" && time.Since(line.Time) < time.Minute
		})
		if !told {
			t.Errorf("%s: no line with event %s from %s that says %v", c.name, c.event, from, c.says)
		}
	}
	all, err := json.Marshal(b.journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range hidden {
		if strings.Contains(string(all)+b.log.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}
