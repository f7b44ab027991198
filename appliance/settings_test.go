package appliance

import (
	"context"
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
	"smartconnect/appliance/config"
)

// patch changes the configuration of a running box.
func (b *box) patch(patch string) api.PatchResult {
	b.t.Helper()
	var result api.PatchResult
	code, body, err := b.call("PATCH", "/api/v1/config", patch)
	if err != nil || code != 200 || json.Unmarshal(body, &result) != nil {
		b.t.Fatalf("%s: %d %s %v", patch, code, body, err)
	}
	return result
}

// ask calls the API with a header more.
func (b *box) ask(method, path, body, header, value string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "https://"+b.https+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, value)
	r.SetBasicAuth(b.label.User, b.label.Password)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(answer)
}

// No change locks the owner out: a server that is moved to a port of the API
// does without, in every life, and the answer and the status say so.
func TestPortsOfTheAPI(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	taking := fmt.Sprintf(`{"Modbus":{"Servers":[{"Listen":%q}]},"Broker":{"Listen":%q}}`, b.https, b.http)
	if notes := b.patch(taking).Notes; len(notes) != 0 {
		t.Errorf("notes %q while flags override both addresses", notes)
	}
	b.stop()
	b.o.Modbus, b.o.MQTT, b.o.MQTTS = "", "", ""
	b.run()
	for range 3 {
		s, err := b.status()
		if err != nil {
			t.Fatal(err)
		}
		const want = "is the port of the API"
		if m := s.Modbus[0]; m.State != api.Fault || !strings.Contains(m.Detail, want) || s.Broker.State != api.Fault || !strings.Contains(s.Broker.Detail, want) {
			t.Errorf("modbus %+v, broker %+v", m, s.Broker)
		}
		if notes := b.patch(taking).Notes; len(notes) != 2 || !strings.Contains(notes[0], want) {
			t.Errorf("notes %q", notes)
		}
		lives := strings.Count(b.log.String(), "life begins")
		if code, body, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
			t.Fatalf("%d %s %v", code, body, err)
		}
		eventually(t, 3*time.Second, "the API answers in the next life", func() bool {
			_, err := b.status()
			return err == nil && strings.Count(b.log.String(), "life begins") > lives
		})
	}
}

// What is stored and not applied is called so, and no reset is asked for that
// would do nothing.
func TestStoredButNotApplied(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	for _, c := range []struct{ patch, note string }{
		{`{"DefaultNetIf":"WiFi","WiFi":{"SSID":"home","Password":"12345678"}}`, config.NetworkNotApplied},
	} {
		result := b.patch(c.patch)
		if result.RestartRequired || !strings.Contains(strings.Join(result.Notes, "\n"), c.note) {
			t.Errorf("%s: %+v, want the note %q", c.patch, result, c.note)
		}
		if s, err := b.status(); err != nil || s.RestartRequired {
			t.Errorf("%s: restart required (%v)", c.patch, err)
		}
	}
	if !b.patch(`{"Meter":{"UTCOffset":"2h"}}`).RestartRequired {
		t.Error("no restart required for another UTC offset")
	}
}

// What waits for a reset is named as long as it does, whoever saved it.
func TestRestartFor(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	for _, c := range []struct{ patch, changed, waiting string }{
		{`{}`, "[]", "[]"},
		{`{"MQTT":{"Site":"chalet","Password":"uplink-secret"}}`, "[/MQTT/Site /MQTT/Password]", "[/MQTT/Site /MQTT/Password]"},
		{`{"WiFi":{"SSID":"home"}}`, "[/WiFi/SSID]", "[/MQTT/Site /MQTT/Password]"},
		{`{"Meter":{"UTCOffset":"2h"}}`, "[/Meter/UTCOffset]", "[/MQTT/Site /MQTT/Password /Meter/UTCOffset]"},
		{`{"MQTT":{"Site":null,"Password":null},"Meter":{"UTCOffset":null}}`, "[/MQTT/Site /MQTT/Password /Meter/UTCOffset]", "[]"},
	} {
		result := b.patch(c.patch)
		if got := fmt.Sprint(result.Changed); got != c.changed {
			t.Errorf("%s: changed %s, want %s", c.patch, got, c.changed)
		}
		s, err := b.status()
		if err != nil {
			t.Fatal(err)
		}
		for who, got := range map[string][]string{"PATCH": result.RestartFor, "the status": s.RestartFor} {
			if fmt.Sprint(got) != c.waiting || got == nil {
				t.Errorf("%s: %s waits for a reset because of %q, want %s", c.patch, who, got, c.waiting)
			}
		}
		if waiting := c.waiting != "[]"; result.RestartRequired != waiting || s.RestartRequired != waiting {
			t.Errorf("%s: restart required %t, %t, want %t", c.patch, result.RestartRequired, s.RestartRequired, waiting)
		}
	}
	eventually(t, 3*time.Second, "the event names the last change", func() bool {
		s, err := b.status()
		return err == nil && slices.ContainsFunc(s.Events, func(e api.Event) bool {
			return e.Kind == eventConfig && e.Text == "settings were changed: MQTT.Site, MQTT.Password, Meter.UTCOffset"
		})
	})
}

// Two people who read the same configuration: who changes a password alone is
// noticed by the other.
func TestChangedPasswordIsNoticed(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	change := func(ifMatch, patch string) (int, string) {
		t.Helper()
		resp, _ := b.ask("PATCH", "/api/v1/config", patch, "If-Match", ifMatch)
		return resp.StatusCode, resp.Header.Get("ETag")
	}
	_, first := change("*", `{}`)
	status, second := change(first, `{"MQTT":{"Password":"uplink-secret"}}`)
	if status != 200 || second == first {
		t.Errorf("status %d, tag %s after %s", status, second, first)
	}
	if status, _ := change(first, `{"MQTT":{"Password":"another-secret"}}`); status != 412 {
		t.Errorf("a change of what nobody has seen: %d", status)
	}
	if status, _ := change(second, `{"MQTT":{"Password":"another-secret"}}`); status != 200 {
		t.Errorf("a change of what is there: %d", status)
	}
}

// A secure port that is another program's costs that port, and the landing page
// says so instead of leading there.
func TestSecurePortTaken(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	b.stop()
	taken, err := net.Listen("tcp", b.https)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Run(ctx, b.o) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	landing := func() string {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
		resp, err := client.Get("http://" + b.http)
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		page, _ := io.ReadAll(resp.Body)
		return string(page)
	}
	link := "https://" + b.https
	eventually(t, 3*time.Second, "the landing page tells the fault", func() bool {
		page := landing()
		return strings.Contains(page, "address already in use") && !strings.Contains(page, link)
	})
	taken.Close()
	eventually(t, 3*time.Second, "the landing page leads to the secure one", func() bool {
		return strings.Contains(landing(), link)
	})
}
