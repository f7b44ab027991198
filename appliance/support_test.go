package appliance

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"smartconnect/api"
	"smartconnect/telegram"
)

// secretive starts a box with a secret in every setting that is one, and returns
// these secrets.
func secretive(t *testing.T, f *feeder) (*box, map[string]string) {
	t.Helper()
	_, keyFile, cert := selfSigned(t)
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	planted := map[string]string{
		"WiFi.Password": "Planted-WiFi-7Q2x", "MQTT.Password": "Planted-MQTT-9Z4k", "MQTT.Key": string(key), "Broker.Users": "Planted-User-3H8w",
		"Meter.Key": "0BADC0DE1122334455667788AABBCCDD", "Meter.AuthKey": "5EC2E7001122334455667788AABBCCDD",
	}
	patch, err := json.Marshal(map[string]any{
		"WiFi":   map[string]any{"SSID": "house", "Password": planted["WiFi.Password"]},
		"Meter":  map[string]any{"Key": planted["Meter.Key"], "AuthKey": planted["Meter.AuthKey"], "RequireEncryption": false},
		"Broker": map[string]any{"Users": []any{map[string]any{"Name": "ems", "Password": planted["Broker.Users"]}}},
		"MQTT": map[string]any{
			"Broker": "mqtts://" + freePort(t), "Username": "box", "Password": planted["MQTT.Password"], "Certificate": cert, "Key": planted["MQTT.Key"],
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, f.source(), string(patch)), planted
}

// family is a telegram of a meter with a name, whose numbers nothing else has.
func family(id string) string {
	return telegramP1("0-0:96.1.1("+hex.EncodeToString([]byte(id))+")", "0-1:24.1.0(003)", "0-1:96.1.0("+hex.EncodeToString([]byte("G0077007052870318"))+")",
		"0-1:24.2.1(261121120000W)(73737.373*m3)", "1-0:1.7.0(87.654*kW)", "1-0:2.7.0(00.000*kW)",
		"1-0:32.7.0(234.7*V)", "1-0:52.7.0(234.7*V)", "1-0:72.7.0(234.7*V)", "1-0:31.7.0(047*A)", "1-0:51.7.0(047*A)", "1-0:71.7.0(047*A)",
		"1-0:1.8.1(918273.645*kWh)", "1-0:1.8.2(000000.000*kWh)")
}

// The file for support of a box that is full of secrets holds none of them, in no
// form, and nothing of what its meter has said.
func TestSupportTellsNoSecret(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	b, planted := secretive(t, f)
	const first, second = "E0043007052870318", "Q9943007052870777"
	for _, id := range []string{first, second} {
		f.say(family(id))
		eventually(t, 5*time.Second, "the meter is heard", func() bool { s, err := b.status(); return err == nil && s.Meter.ID == id })
	}
	f.say(family(second)[:200] + "\r\n!0000\r\n") // one that is damaged
	eventually(t, 5*time.Second, "the uplink fails, and a telegram is lost", func() bool {
		s, err := b.status()
		return err == nil && s.MQTT.State == api.Fault && len(s.Meter.Errors) > 0 && len(s.Events) > 2
	})
	if code, _ := b.as("127.0.0.9", "PATCH", "/api/v1/config", `{"Meter":{"DemandCap":9000}}`, nil); code != http.StatusOK {
		t.Fatalf("PATCH: %d", code)
	}
	var made struct{ Token string }
	if code, text := b.as("127.0.0.9", "POST", "/api/v1/tokens", `{"Name":"grafana"}`, nil); code != http.StatusCreated || json.Unmarshal([]byte(text), &made) != nil {
		t.Fatalf("token: %d %s", code, text)
	}
	planted["token"], planted["password of the label, before"], planted["password"] = made.Token, b.label.Password, "Chosen-By-The-Owner-7"
	if code, text := b.as("127.0.0.9", "PATCH", "/api/v1/credentials", `{"Password":"`+planted["password"]+`"}`, nil); code != http.StatusOK {
		t.Fatalf("password: %d %s", code, text)
	}
	b.label.Password = planted["password"]
	code, file := b.as("127.0.0.9", "GET", "/api/v1/support", "", nil)
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, file)
	}
	var s struct {
		Config json.RawMessage
		Status struct{ Meter api.Meter }
		Log    []api.LogLine
		Files  []api.File
	}
	if err := json.Unmarshal([]byte(file), &s); err != nil {
		t.Fatal(err)
	}
	if unset := regexp.MustCompile(`"\w+Set": ?false`).Find(s.Config); unset != nil || !strings.Contains(string(s.Config), "PasswordSet") {
		t.Errorf("a setting has no secret that could be told: %s", unset)
	}
	if s.Status.Meter.ID != "Q994…" || len(s.Log) < 5 || len(s.Files) < 4 {
		t.Errorf("meter %q, %d lines of the log, %d files", s.Status.Meter.ID, len(s.Log), len(s.Files))
	}
	text := strings.ToLower(file)
	for name, secret := range secretsOf(t, b, planted) {
		for form, s := range forms(secret) {
			if strings.Contains(text, strings.ToLower(s)) {
				t.Errorf("%s is told, %s", name, form)
			}
		}
	}
	for _, said := range []string{first, second, "G0077007052870318", "30303433303037303532383730333138", "87654", "87.654", "234.7", "918273", "73737", "PRIVATE KEY-----", "$2a$", "$2b$"} {
		if strings.Contains(text, strings.ToLower(said)) {
			t.Errorf("%q is told", said)
		}
	}
	if t.Failed() {
		t.Logf("%s", file)
	}
}

// secretsOf are what is planted, what the label says, and every key, hash and
// password in the state folder.
func secretsOf(t *testing.T, b *box, planted map[string]string) map[string]string {
	t.Helper()
	found := map[string]string{"password of the label": b.label.Password, "password of the broker": b.label.MQTTPassword}
	for name, s := range planted {
		found[name] = s
	}
	hidden := regexp.MustCompile(`\$2[aby]\$[^"]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+|\b[0-9a-f]{64}\b`)
	err := filepath.WalkDir(b.o.State, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for i, s := range hidden.FindAllString(string(content), -1) {
			found[fmt.Sprint(d.Name(), " ", i)] = s
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"identity.json 0", "identity.json 1", "config.json 0", "tokens.json 0", "ca.pem 0", "tls.pem 0"} {
		if found[name] == "" {
			t.Errorf("no secret in %s", name)
		}
	}
	return found
}

// forms are the ways in which a secret could get out: of a key, the lines with its
// secret half. What follows is the public one, which the certificate has too.
func forms(secret string) map[string]string {
	all := map[string]string{
		"as it is": secret, "in base64": base64.StdEncoding.EncodeToString([]byte(secret)), "in hex": hex.EncodeToString([]byte(secret)),
		"in base64 of a URL": base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	if lines := strings.Split(strings.ReplaceAll(secret, `\n`, "\n"), "\n"); len(lines) > 2 {
		for i, line := range lines[1:3] {
			all[fmt.Sprint("line ", i)] = line
		}
	}
	return all
}

func TestMachine(t *testing.T) {
	files := fstest.MapFS{
		"proc/sys/kernel/osrelease": {Data: []byte("6.1.0-26-arm64\n")},
		"etc/os-release":            {Data: []byte("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")},
		"proc/uptime":               {Data: []byte("1234.56 2000.00\n")},
		"proc/loadavg":              {Data: []byte("0.10 0.20 0.30 1/123 4567\n")},
		"proc/meminfo":              {Data: []byte("MemTotal:         927460 kB\nMemFree:          1 kB\nMemAvailable:     500000 kB\n")},
	}
	m := readMachine(files)
	number := func(v float64) api.Number { return api.Number{Value: telegram.Of(v)} }
	if m.Kernel != "6.1.0-26-arm64" || m.Distribution != "Debian GNU/Linux 12 (bookworm)" || m.Load != "0.10 0.20 0.30" ||
		m.UptimeSeconds != number(1234.56) || m.MemoryOctets != number(927460*1024) || m.MemoryFreeOctets != number(500000*1024) {
		t.Errorf("%+v", m)
	}
	if m := readMachine(fstest.MapFS{}); m.Kernel != "" || m.UptimeSeconds.OK() || m.MemoryOctets.OK() || m.Processors < 1 {
		t.Errorf("without files: %+v", m)
	}
	if all, free := disk(t.TempDir()); !all.OK() || !free.OK() {
		t.Errorf("disk: %v, %v", all, free)
	}
	if all, _ := disk("/nowhere/at/all"); all.OK() {
		t.Errorf("a disk that is not there: %v", all)
	}
}
