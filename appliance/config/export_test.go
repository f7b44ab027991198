package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"smartconnect/appliance/seal"
	"smartconnect/telegram"
)

var (
	here       = Origin{Serial: "A1B2C3D4E5F6", Firmware: "1.2.3"}
	passphrase = telegram.NewSecret("correct horse battery")
	noPhrase   telegram.Secret
)

// stored returns a store that holds the configuration as delivered after a patch.
func stored(t testing.TB, patch string) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), known)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(changed(t, patch)); err != nil {
		t.Fatal(err)
	}
	return s
}

// sealedExport returns what a box with everything set exports. Sealing takes a
// while, and is done once.
func sealedExport(t testing.TB) []byte {
	t.Helper()
	sealOnce.Do(func() { sealedText, sealFault = stored(t, everything).ExportSealed(here, passphrase) })
	if sealFault != nil {
		t.Fatal(sealFault)
	}
	return sealedText
}

var (
	sealOnce   sync.Once
	sealedText []byte
	sealFault  error
)

func TestPassphrases(t *testing.T) {
	s := stored(t, `{}`)
	for _, c := range []struct {
		phrase string
		ok     bool
	}{
		{"", false},
		{"123456789", false},
		{"ééééééééé", false}, // nine characters of two octets
		{strings.Repeat("x", 129), false},
		{"correct horse\n", false},
		{"correct\x00horse", false},
		{"ten euros €", false}, // no browser writes it into a header
		{" correct horse", false},
		{"correct horse ", false},
		{"correct horse", true},
		{"Grüße aus Zürich", true},
		{strings.Repeat("x", 128), true},
	} {
		text, err := s.ExportSealed(here, telegram.NewSecret(c.phrase))
		problems, _ := errors.AsType[Problems](err)
		if (err == nil) != c.ok || !c.ok && (len(problems) != 1 || problems[0].Path != "/passphrase" || text != nil) {
			t.Errorf("%q: %s, %v", c.phrase, text, err)
		}
		if c.phrase != "" && err != nil && strings.Contains(err.Error(), c.phrase) {
			t.Errorf("%q: the error repeats it: %v", c.phrase, err)
		}
	}
}

func TestExport(t *testing.T) {
	s := stored(t, everything)
	var open, sealed struct {
		Export, Version  int
		Serial, Firmware string
		Config           json.RawMessage
		Sealed           string
	}
	text := s.Export(here)
	if err := json.Unmarshal(text, &open); err != nil {
		t.Fatal(err)
	}
	if open.Export != 1 || open.Version != version || open.Serial != here.Serial || open.Firmware != here.Firmware || open.Sealed != "" || len(open.Config) == 0 {
		t.Errorf("%s", text)
	}
	shut := sealedExport(t)
	if err := json.Unmarshal(shut, &sealed); err != nil {
		t.Fatal(err)
	}
	if sealed.Export != 1 || sealed.Serial != here.Serial || sealed.Firmware != here.Firmware || sealed.Config != nil || !strings.HasPrefix(sealed.Sealed, "-----BEGIN AGE ENCRYPTED FILE-----\n") {
		t.Errorf("%s", shut)
	}
	for _, secret := range []string{"wifi-secret", "uplink-secret", "ems-secret-1", "$2a$", "4d65746572", "417574682"} {
		if strings.Contains(string(text), secret) || strings.Contains(string(shut), secret) {
			t.Errorf("an export shows %q", secret)
		}
	}
	if inside, err := seal.Open(sealed.Sealed, passphrase); err != nil || string(inside) != string(file(s.Config())) {
		t.Errorf("sealed is not the content of the file (%v): %s", err, inside)
	}
}

// What is exported with its secrets makes another box the same, and what is
// exported without them the same but for these.
func TestExportThenImport(t *testing.T) {
	from := stored(t, everything)
	for _, c := range []struct {
		name   string
		text   []byte
		phrase telegram.Secret
		before string
		want   Config
	}{
		{"sealed, on a new box", sealedExport(t), passphrase, `{}`, from.Config()},
		{"sealed, on the same box", sealedExport(t), passphrase, everything, from.Config()},
		{"sealed, on a box with other secrets", sealedExport(t), passphrase, `{"MQTT":{"Password":"another-secret"},"Broker":{"Users":[{"Name":"ems","Password":"another-secret"}]}}`, from.Config()},
		{"open, on a new box", from.Export(here), noPhrase, `{}`,
			changed(t, everything, `{"MQTT":{"Password":null},"WiFi":{"Password":null},"Meter":{"Key":null,"AuthKey":null},
				"Broker":{"Users":[{"Name":"ems","Password":"","Rules":[{"Access":"deny","Topic":"a/+/#"},{"Access":"readwrite","Topic":"#"}]},{"Name":"nobody"}]}}`)},
		{"open, and nothing is left to change", from.Export(here), noPhrase, everything, from.Config()},
		{"open, with a passphrase nobody needs", from.Export(here), passphrase, everything, from.Config()},
		{"open, on a box with other secrets", from.Export(here), noPhrase,
			`{"MQTT":{"Site":"hut","Password":"another-secret"},"Broker":{"Listen":":1885","Users":[{"Name":"ems","Password":"another-secret-1"},{"Name":"gone","Password":"0123456789"}]}}`,
			changed(t, everything, `{"WiFi":{"Password":null},"MQTT":{"Password":"another-secret"},"Meter":{"Key":null,"AuthKey":null},
				"Broker":{"Users":[{"Name":"ems","Password":"another-secret-1","Rules":[{"Access":"deny","Topic":"a/+/#"},{"Access":"readwrite","Topic":"#"}]},{"Name":"nobody"}]}}`)},
		{"what GET answers, on the same box", Public(from.Config()), noPhrase, everything, from.Config()},
	} {
		to := stored(t, c.before)
		before := to.Config()
		got, effects, err := to.Import(here, c.text, c.phrase)
		if err != nil || !equal(got, c.want) || !equal(to.Config(), c.want) {
			t.Errorf("%s: %v, now %s\nwant %s", c.name, err, file(got), file(c.want))
		}
		if equal(before, c.want) != (len(effects.Changed) == 0) {
			t.Errorf("%s: changed %q", c.name, effects.Changed)
		}
	}
}

// A file of every older version is one to import.
func TestImportMigrates(t *testing.T) {
	for v := 1; v <= version; v++ {
		s := stored(t, everything)
		text := fmt.Appendf(nil, `{"Export":1,"Serial":"A1B2C3D4E5F6","Firmware":"0.1","Version":%d,"Config":{"MQTT":{"Site":"old"},"Meter":{"Share":":8884"}}}`, v)
		got, _, err := s.Import(here, text, noPhrase)
		if err != nil || got.MQTT.Site != "old" || got.Meter.Share != ":8884" || got.Broker.ListenTLS != ":8883" || got.Meter.Source != Default().Meter.Source {
			t.Errorf("version %d: %v, %s", v, err, file(got))
		}
		sealed, err := seal.Seal(fixture(t, fmt.Sprintf("v%d-full.json", v)), passphrase)
		if err != nil {
			t.Fatal(err)
		}
		text, _ = json.Marshal(map[string]any{"Export": 1, "Sealed": sealed})
		got, _, err = s.Import(here, text, passphrase)
		if want := fixture(t, fmt.Sprintf("v%d-full.golden.json", v)); err != nil || string(file(got)) != string(want) {
			t.Errorf("version %d, sealed: %v, %s", v, err, file(got))
		}
	}
	s := stored(t, `{}`)
	text := []byte(`{"Export":1,"Version":1,"Config":{"Meter":{"Share":":8883"}}}`)
	if got, _, err := s.Import(here, text, noPhrase); err != nil || got.Broker.ListenTLS != "" {
		t.Errorf("port 8883 of version 1: %q, %v", got.Broker.ListenTLS, err)
	}
}
