package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartconnect/appliance/seal"
	"smartconnect/telegram"
)

func TestImportRefuses(t *testing.T) {
	whole := string(sealedExport(t))
	sealing := func(content string) string {
		t.Helper()
		text, err := seal.Seal([]byte(content), passphrase)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(map[string]any{"Export": 1, "Firmware": "9.8.7", "Sealed": text})
		return string(b)
	}
	later := version + 1
	for _, c := range []struct {
		name, body, phrase string
		want               []string // where
		says               string
	}{
		{"a list", `[]`, "", []string{""}, "wants an object, not a list"},
		{"null", `null`, "", []string{""}, "wants an object, not null"},
		{"unknown settings", `{"Foo":1,"MQTT":{"TLS":true}}`, "", []string{"/Foo", "/MQTT/TLS"}, "is not a setting"},
		{"the content of the file", `{"Version":2}`, "", []string{"/Version"}, "is not a setting"},
		{"an export of nothing", `{"Export":1}`, "", []string{"", "/Version"}, "either Config or Sealed"},
		{"an export of two", `{"Export":1,"Version":2,"Config":{},"Sealed":""}`, "", []string{""}, "either Config or Sealed"},
		{"an export of another form", `{"Export":2,"Version":2,"Config":{}}`, "", []string{"/Export"}, "is not 1"},
		{"an export of no form", `{"Export":"1","Version":2,"Config":{}}`, "", []string{"/Export"}, "is not 1"},
		{"an export with more", `{"Export":1,"Version":2,"Config":{},"Users":[],"serial":"x"}`, "", []string{"/Users", "/serial"}, "is no part of an export; the name is written Serial"},
		{"an export without version", `{"Export":1,"Config":{}}`, "", []string{"/Version"}, "is not a version from 1"},
		{"an export of version 0", `{"Export":1,"Version":0,"Config":{}}`, "", []string{"/Version"}, "is not a version from 1"},
		{"an export of a newer version", fmt.Sprintf(`{"Export":1,"Firmware":"9.8.7","Version":%d,"Config":{"New":1}}`, later), "", []string{"/Version"}, fmt.Sprintf(`%d is newer than %d, the version that this box reads: it comes from a newer box (firmware "9.8.7")`, later, version)},
		{"an export of a list", `{"Export":1,"Version":1,"Config":[]}`, "", []string{""}, "wants an object, not a list"},
		{"an export with wrong settings", `{"Export":1,"Version":2,"Config":{"MQTT":{"Site":"a/b"},"Modbus":{"Servers":[{"Port":1}]}}}`, "", []string{"/MQTT/Site", "/Modbus/Servers/0/Port"}, ""},
		{"a name twice", `{"Export":1,"Version":2,"Config":{"MQTT":{"Site":"a","Site":"b"}}}`, "", []string{"/MQTT/Site"}, "stands twice"},

		{"no passphrase", whole, "", []string{"/Sealed"}, "send the passphrase in the header Passphrase"},
		{"another passphrase", whole, "correct horse batterx", []string{"/Sealed"}, "was sealed with another passphrase"},
		{"cut off", strings.Replace(whole, "END AGE", "END", 1), passphrase.Reveal(), []string{"/Sealed"}, "cannot be opened"},
		{"not sealed at all", `{"Export":1,"Sealed":"hello"}`, passphrase.Reveal(), []string{"/Sealed"}, "cannot be opened"},
		{"sealed nonsense", sealing("hidden-word"), passphrase.Reveal(), []string{"/Sealed"}, "holds no configuration"},
		{"sealed list", sealing("[]"), passphrase.Reveal(), []string{"/Sealed"}, "holds no configuration"},
		{"sealed without version", sealing(`{"MQTT":{}}`), passphrase.Reveal(), []string{"/Version"}, "is not a version"},
		{"sealed newer version", sealing(fmt.Sprintf(`{"Version":%d}`, later)), passphrase.Reveal(), []string{"/Version"}, `firmware "9.8.7"`},
		{"sealed with a plain password", sealing(`{"Version":2,"Broker":{"Users":[{"Name":"a","Password":"hidden-word"}]}}`), passphrase.Reveal(), []string{"/Broker/Users/0/Password"}, "not a bcrypt hash"},
		{"sealed with a wrong key", sealing(`{"Version":2,"Meter":{"Key":"hidden-word"}}`), passphrase.Reveal(), []string{"/Meter/Key"}, ""},
	} {
		s := stored(t, everything)
		before := s.Config()
		got, effects, err := s.Import(here, []byte(c.body), telegram.NewSecret(c.phrase))
		problems, _ := errors.AsType[Problems](err)
		var at []string
		for _, p := range problems {
			at = append(at, p.Path)
		}
		if !slices.Equal(at, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: at %q, want %q and %q in %v", c.name, at, c.want, c.says, err)
		}
		if !equal(got, before) || !equal(s.Config(), before) || effects.Changed != nil {
			t.Errorf("%s: refused, and yet changed %q", c.name, effects.Changed)
		}
	}
	if _, _, err := stored(t, `{}`).Import(here, []byte(`{"Export":`), noPhrase); !errors.Is(err, ErrNotJSON) {
		t.Errorf("half a file: %v", err)
	}
}

// What a file does not say is as delivered, but for the secrets of this box.
func TestImportOfALittle(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing", `{}`, `{"WiFi":{"Password":"wifi-secret"},"MQTT":{"Password":"uplink-secret"},"Meter":{"Key":"4d65746572204b65 792069732073 6563","AuthKey":"4175746820204B657920697320736563"}}`},
		{"nothing, and no secret", `{"WiFi":{"Password":null},"MQTT":{"Password":""},"Meter":{"Key":"","AuthKey":null}}`, `{}`},
		{"a new secret", `{"WiFi":{"Password":null},"MQTT":{"Password":"another-secret"},"Meter":{"Key":"","AuthKey":null}}`, `{"MQTT":{"Password":"another-secret"}}`},
		{"groups as delivered", `{"MQTT":null,"WiFi":null,"Meter":null}`, `{}`},
		{"the manual's name of the meter", `{"MeterType":"Eastron-SDM630","MQTT":null,"WiFi":null,"Meter":null}`, `{"MeterType":"Eastron-SDM630"}`},
	} {
		s := stored(t, everything)
		if got, _, err := s.Import(here, []byte(c.body), noPhrase); err != nil || !equal(got, changed(t, c.want)) {
			t.Errorf("%s: %v, %s", c.name, err, file(got))
		}
	}
}

// The key of a certificate goes with it, and stays with it.
func TestImportOfAPair(t *testing.T) {
	cert, key := pair(t)
	set, err := json.Marshal(map[string]any{"MQTT": map[string]any{"Certificate": cert, "Key": key}})
	if err != nil {
		t.Fatal(err)
	}
	s := stored(t, string(set))
	if got, _, err := s.Import(here, s.Export(here), noPhrase); err != nil || got.MQTT.Key.Reveal() != key || got.MQTT.Certificate != cert {
		t.Errorf("with its certificate: %v, %+v", err, got.MQTT)
	}
	if got, _, err := s.Import(here, []byte(`{}`), noPhrase); err != nil || got.MQTT.Key.IsSet() || got.MQTT.Certificate != "" {
		t.Errorf("without a certificate: %v, %+v", err, got.MQTT)
	}
}

func TestImportNotes(t *testing.T) {
	s := stored(t, `{}`)
	_, effects, err := s.Import(Origin{Serial: "ZZZZZZZZZZZZ"}, s.Export(here), noPhrase)
	if want := `the file is of the box "A1B2C3D4E5F6", and this is "ZZZZZZZZZZZZ"`; err != nil || !slices.Contains(effects.Notes, want) {
		t.Errorf("notes %q, %v", effects.Notes, err)
	}
	if _, effects, _ = s.Import(here, s.Export(here), noPhrase); len(effects.Notes) != 0 {
		t.Errorf("notes %q of the box's own file", effects.Notes)
	}
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"Export":1}`, `{"Export":1,"Version":1,"Config":{"Broker":null}}`, `{"Export":1,"Version":2,"Config":[]}`,
		`{"Export":1,"Sealed":"-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n"}`, `{"Export":1e400,"Version":-1,"Config":7,"Config":{}}`, everything} {
		f.Add([]byte(seed))
	}
	before := changed(f, everything)
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := unpack(body, passphrase)
		var next Config
		if err == nil {
			next, err = in.over(before, known, fakeHash)
		}
		if err == nil {
			checkLaws(t, next)
			return
		}
		if problems, ok := errors.AsType[Problems](err); ok == errors.Is(err, ErrNotJSON) || ok && len(problems.ByPath()) != len(problems) {
			t.Errorf("error %#v", err)
		}
	})
}
