package appliance

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/journal"
)

// What is on the disk after a factory reset is what is on the label, whatever was there.
func TestWipeLeavesTheLabel(t *testing.T) {
	state := t.TempDir()
	o := Options{State: state, Log: slog.New(slog.DiscardHandler), journal: &journal.Journal{}}
	who, err := identity.Open(state, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := who.ClientCertificate(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(state, "uplink", "deeper"), 0o700); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{outside, filepath.Join(state, "config.json"), filepath.Join(state, "config.v1.json"), filepath.Join(state, "history"), filepath.Join(state, "unheard-of"), filepath.Join(state, "uplink", "1.log"), filepath.Join(state, "uplink", "deeper", "x")} {
		if err := os.WriteFile(name, []byte("owner"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(state, "link")); err != nil {
		t.Fatal(err)
	}
	left := func() (names []string) {
		entries, err := os.ReadDir(state)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	before := left()
	if err := o.wipe(new(past)); err != nil || !slices.Equal(left(), before) {
		t.Fatalf("without being asked: %v, %q", err, left())
	}
	if err := (&life{o: o}).factoryReset(); err != nil {
		t.Fatal(err)
	}
	if err := o.wipe(new(past)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"ca.pem", "identity.json", "label.txt"}; !slices.Equal(left(), want) {
		t.Errorf("%q are left, want %q", left(), want)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "owner" {
		t.Errorf("a file elsewhere, which a link led to: %q %v", b, err)
	}
}

// A box that has lived is as it left the factory: settings, passwords, tokens, sessions,
// history, keys and the log are gone, and who has the label gets in.
func TestFactoryReset(t *testing.T) {
	t.Parallel()
	const site, password = "holiday-house", "correct horse battery"
	b := start(t, "sim:dsmr50", "")
	b.patch(`{"MQTT":{"Site":"` + site + `","Password":"uplink-secret-7"},"History":{"OnDisk":true},"Broker":{"Users":[{"Name":"ems","Password":"broker-password-7"}]}}`)
	code, body, err := b.call("POST", "/api/v1/tokens", `{"Name":"prometheus"}`)
	if err != nil || code != 201 {
		t.Fatal(code, string(body), err)
	}
	var token struct{ Token string }
	if err := json.Unmarshal(body, &token); err != nil {
		t.Fatal(err)
	}
	if code, body, err := b.call("PATCH", "/api/v1/credentials", `{"Password":"`+password+`"}`); err != nil || code != 200 {
		t.Fatal(code, string(body), err)
	}
	b.label.Password = password
	next := func(path, body string) {
		t.Helper()
		lives := strings.Count(b.log.String(), "life begins")
		if code, answer, err := b.call("POST", path, body); err != nil || code != 202 {
			t.Fatal(code, string(answer), err)
		}
		eventually(t, 10*time.Second, "the next life", func() bool { return strings.Count(b.log.String(), "life begins") > lives })
	}
	next("/api/v1/reset", "")
	eventually(t, 10*time.Second, "a second of the meter", func() bool { s, err := b.status(); return err == nil && s.Meter.Telegrams > 0 })

	next("/api/v1/factory-reset", `{"confirm":"delete everything"}`)
	eventually(t, 10*time.Second, "the owner's password is refused", func() bool {
		code, _, err := b.call("GET", "/api/v1/status", "")
		return err == nil && code == 401
	})
	withToken := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.Token) }
	if code, answer := b.as("127.0.0.1", "GET", "/api/v1/status", "", withToken); code != 401 {
		t.Errorf("the token: %d %s", code, answer)
	}
	b.label.Password = b.printed
	s, err := b.status()
	if err != nil || s.Serial != b.label.Serial || len(s.Warnings) != 0 || slices.ContainsFunc(s.Events, func(e api.Event) bool { return e.Kind == eventConfig }) {
		t.Fatalf("%+v %v", s, err)
	}
	if _, config, err := b.call("GET", "/api/v1/config", ""); err != nil || bytes.Contains(config, []byte(site)) {
		t.Errorf("%s %v", config, err)
	}
	for _, line := range b.journal() {
		if line.Attrs["event"] == "config_changed" {
			t.Errorf("the log tells of before: %+v", line)
		}
	}
	err = filepath.WalkDir(b.o.State, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, old := range []string{site, "uplink-secret-7", "ems", password, token.Token} {
			if bytes.Contains(text, []byte(old)) {
				t.Errorf("%s still has %q", path, old)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(b.o.State, historyFile)); err == nil {
		t.Error("the history is there")
	}
}
