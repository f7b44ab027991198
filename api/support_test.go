package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

func exampleSupport() Support {
	return Support{
		Build:   Build{Version: "1.2.3", Go: "go1.26.8", Modules: map[string]string{"golang.org/x/crypto": "v0.58.0"}},
		Machine: Machine{OS: "linux", Kernel: "6.1.0", MemoryOctets: Number{telegram.Of(1 << 30)}},
		Files:   []File{{"config.json", 812, time.Unix(1795225686, 0).UTC()}},
		Config:  json.RawMessage(`{"MQTT":{"Site":"site-12345678 at 5 A","PasswordSet":true}}`),
		Log: []LogLine{
			{time.Unix(1795225686, 0).UTC(), "WARN", "event", map[string]string{"text": "another meter speaks: ISK5 E0043007052870318, and 5004501 before; 4321 W of it"}},
		},
		Meters: []string{"5004501", "E0043007052870318", "E00"},
	}
}

// The file is whole, for download, and tells nothing of the house.
func TestSupport(t *testing.T) {
	b := start(t, nil)
	got, body := b.do(request{path: "/api/v1/support"})
	if d := got.Header.Get("Content-Disposition"); got.StatusCode != 200 || d != `attachment; filename="smart-connect-A1B2C3D4E5F6-support.json"` {
		t.Errorf("%d, %q", got.StatusCode, d)
	}
	var file struct {
		Note   string
		Made   time.Time
		Build  Build
		Files  []File
		Config json.RawMessage
		Status map[string]any
		Log    []LogLine
	}
	if err := json.Unmarshal([]byte(body), &file); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if file.Note != supportNote || time.Since(file.Made) > time.Minute || file.Build.Modules["golang.org/x/crypto"] != "v0.58.0" || len(file.Files) != 1 || !strings.Contains(string(file.Config), "site-12345678 at 5 A") {
		t.Errorf("got %s", body)
	}
	if want := "another meter speaks: ISK5 E004…, and 5004… before; – W of it"; len(file.Log) != 1 || file.Log[0].Attrs["text"] != want {
		t.Errorf("the log is %+v, want %q", file.Log, want)
	}
	meter := file.Status["meter"].(map[string]any)
	if meter["id"] != "E004…" || meter["header"] != `ISK5\2M550T-1012` || meter["telegrams"] != 93771.0 || file.Status["serial"] != "A1B2C3D4E5F6" {
		t.Errorf("the status is %+v", file.Status)
	}
	if _, told := file.Status["readings"]; told {
		t.Error("the readings are in it")
	}
	if log := b.log.String(); !strings.Contains(log, "event=support_exported source=127.0.0.1") {
		t.Errorf("not in the log:\n%s", log)
	}
	if got, _ := b.do(request{path: "/api/v1/support", user: "-"}); got.StatusCode != 401 {
		t.Errorf("without a password: %d", got.StatusCode)
	}
}

func TestMask(t *testing.T) {
	mask := masker([]string{"1SAG0000000217", "5004501", "ab"}, "A1B2C3D4E5F6")
	for _, c := range []struct{ name, given, want string }{
		{"a meter that is known", "the meter is heard: 5004501", "the meter is heard: 5004…"},
		{"one within something longer", "topic dt/site/1SAG0000000217/ds", "topic dt/site/1SAG…/ds"},
		{"one that nobody has named", "system title 4C475A1234567890", "system title 4C47…"},
		{"a name too short to hide anything", "cab ab", "cab ab"},
		{"quotes and signs of HTML", "\"<E0043007052870318>\" & \\", "\"<E004…>\" & \\"},
		{"power", "the power of the meter (5000 W) is 22 times what its voltages and currents make (230 VA)", "the power of the meter (– W) is 22 times what its voltages and currents make (– VA)"},
		{"many forms", "U=230.1V -3.5 A 1e+06 Wh 1\u202f234\u00a0kWh 50 Hz −7 var 12,5 m³ 3 GJ", "U=– V – A – Wh – kWh – Hz – var – m³ – GJ"},
		{"spans, ports and versions", "after 12 s on :502, 9600 8N1, 3 times, version 0.1.0 (10 min)", "after 12 s on :502, 9600 8N1, 3 times, version 0.1.0 (10 min)"},
		{"the box itself, and addresses", "A1B2C3D4E5F6 at 192.168.178.201:1883, fd00::1, b8:27:eb:12:34:56", "A1B2C3D4E5F6 at 192.168.178.201:1883, fd00::1, b8:27:eb:12:34:56"},
		{"a device of the system", "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0", "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"},
	} {
		var got map[string]string
		if err := json.Unmarshal(mask(map[string]string{"text": c.given}), &got); err != nil || got["text"] != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got["text"], err, c.want)
		}
	}
	if got := string(mask(map[string]any{"time": 1795225686, "at": time.Unix(1795225686, 120e6).UTC()})); got != `{"at":"2026-11-21T01:48:06.12Z","time":1795225686}` {
		t.Errorf("times become %s", got)
	}
}
