package appliance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smartconnect/api"
)

// An owner moves to a new box: the file of the old one, with its passphrase, makes
// the new one the same, and without secrets the same but for these.
func TestMoveToANewBox(t *testing.T) {
	t.Parallel()
	const passphrase = "correct horse battery"
	const everything = `{"MQTT":{"Site":"chalet","Password":"uplink-secret"},"WiFi":{"SSID":"home","Password":"wifi-secret"},
		"Meter":{"Key":"00112233445566778899AABBCCDDEEFF"},"Broker":{"Users":[{"Name":"ems","Password":"ems-secret-1"}]}}`
	secrets := []string{passphrase, "uplink-secret", "wifi-secret", "00112233445566778899AABBCCDDEEFF", "ems-secret-1", "$2a$"}
	old, fresh := start(t, "sim:dsmr50", everything), start(t, "sim:dsmr50", "")
	hidden := func(where, text string) {
		t.Helper()
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s shows %q:\n%s", where, s, text)
			}
		}
	}
	kept := func(b *box) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(b.o.State, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, open, err := old.call("GET", "/api/v1/config/export", "")
	if err != nil {
		t.Fatal(err)
	}
	_, sealed := old.ask("POST", "/api/v1/config/export", `{"passphrase":"`+passphrase+`"}`, "Accept", "application/json")
	hidden("the export", string(open)+sealed)

	var result api.PatchResult
	code, body, err := fresh.call("POST", "/api/v1/config/import", string(open))
	if err != nil || code != 200 || json.Unmarshal(body, &result) != nil {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if !slices.Contains(result.RestartFor, "/MQTT/Site") || !slices.Contains(result.Changed, "/WiFi/SSID") || slices.Contains(result.Changed, "/MQTT/Password") {
		t.Errorf("an import without secrets: %s", body)
	}
	for _, note := range []string{`the file is of the box "` + old.label.Serial + `", and this is "` + fresh.label.Serial + `"`, `Broker.Users: "ems" has no password and cannot log in`} {
		if !slices.Contains(result.Notes, note) {
			t.Errorf("no note %q in %q", note, result.Notes)
		}
	}

	before := kept(fresh)
	resp, answer := fresh.ask("POST", "/api/v1/config/import", sealed, "Passphrase", "correct horse batterx")
	if resp.StatusCode != 422 || !strings.Contains(answer, "was sealed with another passphrase") || kept(fresh) != before {
		t.Errorf("with another passphrase: %d %s", resp.StatusCode, answer)
	}
	resp, answer = fresh.ask("POST", "/api/v1/config/import", sealed, "Passphrase", passphrase)
	if resp.StatusCode != 200 || !strings.Contains(answer, `"/MQTT/Password"`) {
		t.Errorf("with its passphrase: %d %s", resp.StatusCode, answer)
	}
	hidden("the answer", answer)
	if a, b := kept(old), kept(fresh); a != b {
		t.Errorf("the new box has\n%s\nand the old one\n%s", b, a)
	}
	for _, b := range []*box{old, fresh} {
		hidden("the log", b.log.String())
	}
	for _, event := range []string{"event=config_imported source=127.0.0.1", "a configuration was imported: WiFi.SSID, "} {
		if !strings.Contains(fresh.log.String(), event) {
			t.Errorf("no %q in the log", event)
		}
	}
}
