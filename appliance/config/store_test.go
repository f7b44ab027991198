package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read1(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "smartconnect")
	s, err := Open(dir, known)
	if err != nil || !equal(s.Config(), Default()) {
		t.Fatalf("a new folder: %v, %s", err, file(s.Config()))
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("reading left %q", left)
	}
	c, e, err := s.Patch([]byte(`{"MQTT":{"Site":"chalet","Password":"uplink-secret"}}`))
	if err != nil || len(e.Changed) != 2 || c.MQTT.Site != "chalet" || !equal(s.Config(), c) {
		t.Fatalf("patch: %v, %+v", err, e)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file: %v, mode %v, want 0600", err, info.Mode())
	}
	if _, _, err := s.Patch([]byte(`{"MQTT":{"Site":"a/b"}}`)); err == nil || !equal(s.Config(), c) {
		t.Errorf("a wrong patch: error %v, kept %s", err, file(s.Config()))
	}
	if _, _, err := s.Patch([]byte(`{"MQTT":{"Site":"chalet"}}`)); err != nil {
		t.Error(err)
	}
	if again, _ := os.Stat(filepath.Join(dir, fileName)); !os.SameFile(info, again) {
		t.Error("a patch that changes nothing wrote the file")
	}
	bad := c
	bad.Modbus.Servers = nil
	if err := s.Save(bad); err == nil || !equal(s.Config(), c) {
		t.Errorf("saving what is not valid: error %v", err)
	}
	write(t, filepath.Join(dir, ".config.json.123.tmp"), "{")
	s, err = Open(dir, known)
	if err != nil || !equal(s.Config(), c) || s.Config().MQTT.Password.Reveal() != "uplink-secret" {
		t.Errorf("the next life: %v, %s", err, file(s.Config()))
	}
	if left := list(t, dir); len(left) != 1 {
		t.Errorf("the folder holds %q", left)
	}
}

// The configuration a caller holds is the caller's own.
func TestStoreShares(t *testing.T) {
	s, _ := Open(t.TempDir(), known)
	c := s.Config()
	c.Modbus.Servers[0].Listen = ":1"
	if s.Config().Modbus.Servers[0].Listen != ":502" {
		t.Error("changing a returned configuration changes the store's")
	}
}

// A key typed wrong into the file costs the key, and not all settings.
func TestStoreWithAWrongKey(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, fileName), `{"Version":1,"MQTT":{"Site":"chalet"},"Meter":{"Key":"0011","AuthKey":12}}`)
	s, err := Open(dir, known)
	if err == nil || !strings.Contains(err.Error(), "in use but for a key") || !strings.Contains(err.Error(), "/Meter/Key: ") || !strings.Contains(err.Error(), "/Meter/AuthKey: ") {
		t.Fatalf("error %v", err)
	}
	if c := s.Config(); c.MQTT.Site != "chalet" || c.Meter.Key.Reveal() != "0011" {
		t.Errorf("%s", file(c))
	}
	if _, _, err := s.Patch([]byte(`{"MQTT":{"Site":"hut"}}`)); err == nil || !strings.Contains(err.Error(), "/Meter/Key") {
		t.Errorf("a change beside the wrong key: %v", err)
	}
	if c, _, err := s.Patch([]byte(`{"MQTT":{"Site":"hut"},"Meter":{"Key":null}}`)); err != nil || c.MQTT.Site != "hut" {
		t.Errorf("a change that mends it: %v", err)
	}
	write(t, filepath.Join(dir, fileName), `{"Version":1,"MQTT":{"Site":"a/b"},"Meter":{"Key":"0011"}}`)
	if s, err := Open(dir, known); err == nil || !strings.Contains(err.Error(), "as delivered") || s.Config().MQTT.Site != defaultSite {
		t.Errorf("with another problem beside it: %v", err)
	}
}

// A file of the first version that knew less of the meter.
func TestStoreOfEarlier(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, fileName), `{"Version":1,"Meter":{"Source":"/dev/ttyAMA0","Format":"p1","Line":"","UTCOffset":"1h","Key":"","AuthKey":"","RequireEncryption":true}}`)
	s, err := Open(dir, known)
	want := Default()
	want.Meter.Source, want.Meter.Format = "/dev/ttyAMA0", "p1"
	if err != nil || !equal(s.Config(), want) {
		t.Errorf("%v, %s", err, file(s.Config()))
	}
}

func TestStoreUnusable(t *testing.T) {
	for _, c := range []struct{ name, content, aside, want string }{
		{"empty", "", damaged, "not a JSON text"},
		{"cut off", `{"Version":1,"MQTT":{"Si`, damaged, "not a JSON text"},
		{"zeros", strings.Repeat("\x00", 100), damaged, "not a JSON text"},
		{"a list", `[]`, damaged, "wants an object"},
		{"no version", `{}`, damaged, "/Version"},
		{"a version that is none", `{"Version":"1"}`, damaged, "/Version"},
		{"unknown setting", `{"Version":1,"Foo":1}`, damaged, "/Foo: is not a setting"},
		{"wrong value", `{"Version":1,"MQTT":{"Site":"a/b"}}`, damaged, "/MQTT/Site"},
		{"plain password of a user", `{"Version":1,"Broker":{"Users":[{"Name":"a","Password":"hidden-word"}]}}`, damaged, "/Broker/Users/0/Password"},
		{"newer", `{"Version":99,"Foo":1}`, newer, fmt.Sprint("version 99, and this program reads up to version ", version)},
		{"unknown setting of an older version", `{"Version":1,"API":{"Port":1}}`, damaged, "/API/Port: is not a setting"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		write(t, path, c.content)
		s, err := Open(dir, known)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.want)
		}
		if !equal(s.Config(), Default()) {
			t.Errorf("%s: configuration %s", c.name, file(s.Config()))
		}
		if _, again := Open(dir, known); again == nil {
			t.Errorf("%s: the next start says nothing", c.name)
		}
		if read1(t, path) != c.content {
			t.Errorf("%s: the file was changed by reading it", c.name)
		}
		// Even a patch that changes nothing makes a file that can be used.
		if _, _, err := s.Patch([]byte(`{}`)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := read1(t, path+c.aside); got != c.content {
			t.Errorf("%s: put aside: %q", c.name, got)
		}
		if s, err := Open(dir, known); err != nil || !equal(s.Config(), Default()) {
			t.Errorf("%s: after saving: %v", c.name, err)
		}
		if err := s.Save(changed(t, everything)); err != nil || read1(t, path+c.aside) != c.content {
			t.Errorf("%s: the second save put a good file aside: %v", c.name, err)
		}
	}
}

func TestStoreLink(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(dir, "elsewhere")
	write(t, elsewhere, string(file(changed(t, everything))))
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(state, fileName)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(state, known)
	if err == nil || !equal(s.Config(), Default()) {
		t.Errorf("a symbolic link was followed: %v", err)
	}
	if err := s.Save(Default()); err != nil {
		t.Error(err)
	}
	if read1(t, elsewhere) != string(file(changed(t, everything))) {
		t.Error("saving wrote through a symbolic link")
	}
}

// A save that fails or is the last thing the process does leaves the old
// configuration or the new one, and a store that can go on.
func TestStoreFaults(t *testing.T) {
	for _, unusable := range []bool{false, true} {
		for fail := range 8 {
			for _, dies := range []bool{false, true} {
				dir := t.TempDir()
				old := changed(t, `{"MQTT":{"Site":"old"}}`)
				write(t, filepath.Join(dir, fileName), string(file(old)))
				if unusable {
					write(t, filepath.Join(dir, fileName), "{")
					old = Default()
				}
				s, _ := Open(dir, known)
				d := &faultyDisk{fail: fail, dies: dies}
				s.disk = d
				next, _, err := s.Patch([]byte(`{"MQTT":{"Site":"new"}}`))
				if failed := fail < len(d.steps) && d.steps[fail] != "remove"; (err != nil) != failed {
					t.Errorf("step %d of %q: error %v", fail, d.steps, err)
				}
				if err != nil && (!errors.Is(err, errFault) || !equal(next, old) || !equal(s.Config(), old)) {
					t.Errorf("step %d of %q: %v, and now %s", fail, d.steps, err, file(s.Config()))
				}
				back, openErr := Open(dir, known)
				if site := back.Config().MQTT.Site; site != old.MQTT.Site && site != "new" {
					t.Errorf("step %d of %q: the next life has %q", fail, d.steps, site)
				} else if site != "new" && unusable && openErr == nil {
					t.Errorf("step %d of %q: the loss of the configuration is not told", fail, d.steps)
				}
				s.disk = osDisk{}
				if _, _, err := s.Patch([]byte(`{"MQTT":{"Site":"newer"}}`)); err != nil {
					t.Errorf("step %d of %q: the store cannot go on: %v", fail, d.steps, err)
				}
				if back, err := Open(dir, known); err != nil || back.Config().MQTT.Site != "newer" {
					t.Errorf("step %d of %q: after the next save: %v", fail, d.steps, err)
				}
				if unusable && read1(t, filepath.Join(dir, fileName+damaged)) != "{" {
					t.Errorf("step %d of %q: the damaged file is lost", fail, d.steps)
				}
			}
		}
	}
}

func TestStoreTogether(t *testing.T) {
	dir := t.TempDir()
	s, _ := Open(dir, known)
	var all sync.WaitGroup
	for _, patch := range []string{`{"MQTT":{"Site":"a"}}`, `{"Meter":{"Format":"tic"}}`, `{"DefaultNetIf":"WiFi"}`, `{"Broker":{"Listen":":1884"}}`} {
		all.Go(func() {
			if _, _, err := s.Patch([]byte(patch)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	back, err := Open(dir, known)
	if err != nil || !equal(back.Config(), s.Config()) {
		t.Errorf("%v: saved %s", err, file(back.Config()))
	}
	for _, want := range []string{`"a"`, `"tic"`, `"DefaultNetIf": "WiFi"`, `":1884"`} {
		if !bytes.Contains(file(back.Config()), []byte(want)) {
			t.Errorf("a patch was lost: no %s in %s", want, file(back.Config()))
		}
	}
}
