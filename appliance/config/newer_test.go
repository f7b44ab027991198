package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What a program of this version does with a folder in which a newer one has been.
func TestStoreAfterANewerProgram(t *testing.T) {
	own := fmt.Sprintf("config.v%d.json", version)
	next := fmt.Sprintf(`{"Version":%d,"Foo":1}`, version+1)
	mine := string(file(changed(t, `{"MQTT":{"Site":"chalet","Password":"uplink-secret"}}`)))
	for _, c := range []struct {
		name   string
		files  map[string]string
		site   string
		in     string // the error
		asides []string
	}{
		{"nothing is left", map[string]string{fileName: next}, defaultSite, "the configuration is as delivered: config: it has version", []string{fileName + newer}},
		{"what is left is damaged", map[string]string{fileName: next, own: "{"}, defaultSite, "as delivered (" + own + " is no help: ", []string{fileName + newer}},
		{"what is left is newer too", map[string]string{fileName: next, own: next}, defaultSite, "as delivered (" + own + " is no help: ", []string{fileName + newer}},
		{"only that of an older version is left", map[string]string{fileName: next, "config.v1.json": `{"Version":1,"MQTT":{"Site":"old"}}`}, defaultSite, "as delivered", []string{fileName + newer}},
		{"the own file is left", map[string]string{fileName: next, own: mine}, "chalet", own + " is in use instead", []string{fileName + newer}},
		{"the own file is left, the newer one put aside", map[string]string{fileName + newer: next, own: mine}, "chalet", own + " is in use instead", []string{fileName + newer}},
		{"the newer one is put aside", map[string]string{fileName + newer: next}, defaultSite, "as delivered", []string{fileName + newer}},
		{"the present file is damaged", map[string]string{fileName: "{", own: mine}, defaultSite, "as delivered", []string{fileName + damaged}},
	} {
		dir := t.TempDir()
		for name, content := range c.files {
			write(t, filepath.Join(dir, name), content)
		}
		s, err := Open(dir, known)
		if err == nil || !strings.Contains(err.Error(), c.in) || strings.Contains(err.Error(), "uplink-secret") {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.in)
		}
		if got := s.Config().MQTT.Site; got != c.site {
			t.Errorf("%s: site %q, want %q", c.name, got, c.site)
		}
		if _, _, err := s.Patch([]byte(`{"MQTT":{"Energy":true}}`)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, name := range c.asides {
			if got := read1(t, filepath.Join(dir, name)); got != next && got != "{" {
				t.Errorf("%s: %s holds %s", c.name, name, got)
			}
		}
		if back, err := Open(dir, known); err != nil || back.Config().MQTT.Site != c.site || !back.Config().MQTT.Energy {
			t.Errorf("%s: after saving: %v, %s", c.name, err, file(back.Config()))
		}
	}
}

// FuzzOpen: whatever stands in the file, the store can be used and saved, and says
// something where the file is not in use.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{"", "null", "[]", `{"Version":1}`, `{"Version":2,"Broker":null}`, `{"Version":3}`, `{"Version":-1}`, `{"Version":1e9}`,
		`{"Version":1,"Broker":{"Listen":":8883"}}`, `{"Version":1,"Modbus":{"Servers":[null,7,{"Listen":":8883"}]}}`, `{"Version":1,"Meter":{"Key":"0011"}}`, string(file(Default()))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		write(t, path, string(content))
		s, err := Open(dir, known)
		c := s.Config()
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not name %s", err, path)
		}
		if invalid := c.Validate(known); invalid != nil {
			if err == nil || !invalid.(Problems).keysOnly() {
				t.Fatalf("in use and not valid: %v", invalid)
			}
			return
		}
		if _, _, err := s.Patch([]byte(`{"MQTT":{"Energy":true}}`)); err != nil {
			t.Fatal(err)
		}
		if back, err := Open(dir, known); err != nil || !equal(back.Config(), s.Config()) {
			t.Errorf("saved, and read as %s (%v)", file(back.Config()), err)
		}
	})
}
