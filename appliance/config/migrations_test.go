package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// filesOf returns the files of a version in testdata/config that are read, without
// what becomes of them.
func filesOf(t *testing.T, version int) []string {
	t.Helper()
	all, err := filepath.Glob(fmt.Sprintf("../../testdata/config/v%d-*.json", version))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range all {
		if !strings.HasSuffix(path, ".golden.json") {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

// A file of every version there was becomes one of the present version, and that
// is read as what it was.
func TestMigrations(t *testing.T) {
	for v := 1; v <= version; v++ {
		names := filesOf(t, v)
		for _, kind := range []string{"minimal", "full"} {
			if want := fmt.Sprintf("v%d-%s.json", v, kind); !strings.Contains(fmt.Sprint(names), want) {
				t.Errorf("version %d has no golden file %s, only %q", v, want, names)
			}
		}
		for _, name := range names {
			got, err := read(fixture(t, name), known)
			if err != nil || got.version != v || got.aside != "" {
				t.Errorf("%s: version %d, %v", name, got.version, err)
			}
			golden(t, strings.TrimSuffix(name, ".json")+".golden.json", file(got.config))
			if again, err := read(file(got.config), known); err != nil || again.version != version || !equal(again.config, got.config) {
				t.Errorf("%s: what it becomes is read as %s (%v)", name, file(again.config), err)
			}
		}
	}
}

// The full file of the present version says every setting there is, so that the
// next version is tried on all of them.
func TestFullFileIsFull(t *testing.T) {
	name := fmt.Sprintf("v%d-full.json", version)
	c, err := read(fixture(t, name), known)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(fixture(t, name)); got != string(file(c.config)) {
		t.Errorf("%s is not what this version writes:\n%s", name, file(c.config))
	}
	said, delivered := reflect.ValueOf(c.config), reflect.ValueOf(Default())
	for _, f := range fieldsOf(said.Type()) {
		same := reflect.DeepEqual(said.FieldByIndex(f.Index).Interface(), delivered.FieldByIndex(f.Index).Interface())
		if same && f.Name != "MeterType" { // which is the first server's
			t.Errorf("%s: %s is as delivered", name, f.Name)
		}
	}
}

// The port of MQTT over TLS came with version 2. A file from before it that gives
// the port to somebody else is a good file; one of version 2 is not.
func TestPortThatIsNew(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"nothing is said", `{}`, ":8883"},
		{"the broker is as delivered", `{"Broker":null}`, ":8883"},
		{"another port is used", `{"Meter":{"Share":":8884"},"Modbus":{"Servers":[{"Listen":":502"},{"Listen":":503"}]}}`, ":8883"},
		{"it is said", `{"Broker":{"ListenTLS":":8884"},"Meter":{"Share":":8883"}}`, ":8884"},
		{"the broker is off", `{"Broker":{"Enabled":false},"Meter":{"Share":":8883"}}`, ":8883"},
		{"the readers have it", `{"Meter":{"Share":":8883"}}`, ""},
		{"the readers have it, the broker is as delivered", `{"Broker":null,"Meter":{"Share":":8883"}}`, ""},
		{"Modbus has it", `{"Modbus":{"Servers":[{},{"Listen":"127.0.0.1:8883"}]}}`, ""},
		{"plain MQTT has it", `{"Broker":{"Listen":":8883"}}`, ""},
		{"a WebSocket has it", `{"Broker":{"WebSocket":"[::]:8883"}}`, ""},
		{"a WebSocket with TLS has it", `{"Broker":{"WebSocketTLS":"192.168.10.101:8883"}}`, ""},
	} {
		inVersion := func(v int) (content, error) {
			return read([]byte(strings.Replace(c.file, "{", fmt.Sprintf(`{"Version":%d,`, v), 1)), known)
		}
		if c.file == "{}" {
			c.file = `{"MQTT":{}}`
		}
		got, err := inVersion(1)
		if err != nil || got.config.Broker.ListenTLS != c.want {
			t.Errorf("%s: version 1 listens on %q (%v), want %q", c.name, got.config.Broker.ListenTLS, err, c.want)
		}
		if _, err := inVersion(2); (err == nil) != (c.want != "") {
			t.Errorf("%s: version 2: %v", c.name, err)
		}
	}
}

// What is wrong with an old file is said where it stands, and no step falls over
// it.
func TestMigrationsOfNonsense(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{`{"Version":1,"Broker":[]}`, "/Broker"},
		{`{"Version":1,"Broker":":8883"}`, "/Broker"},
		{`{"Version":1,"Broker":{"Listen":8883}}`, "/Broker/Listen"},
		{`{"Version":1,"Meter":":8883"}`, "/Meter"},
		{`{"Version":1,"Modbus":{"Servers":":8883"}}`, "/Modbus/Servers"},
		{`{"Version":1,"Modbus":{"Servers":[":8883"]}}`, "/Modbus/Servers/0"},
		{`{"Version":1,"Modbus":[]}`, "/Modbus"},
		{`{"Version":1,"Broker":{"ListenTLS":":8883"},"Meter":{"Share":":8883"}}`, "/Meter/Share"},
		{`{"Version":1,"Broker":{"Port":8883}}`, "/Broker/Port"},
		{`{"Version":0}`, "/Version"},
		{`{"Version":-1}`, "/Version"},
		{`{"Version":1.5}`, "/Version"},
		{`{"Version":1e400}`, "/Version"},
	} {
		got, err := read([]byte(c.file), known)
		problems, _ := errors.AsType[Problems](err)
		if got.aside != damaged || len(problems) == 0 || problems.ByPath()[c.want] == "" {
			t.Errorf("%s: %v, want it at %s", c.file, err, c.want)
		}
	}
}

// Every old version leaves its last file, so that a program of that time finds its
// own form again.
func TestOldFileIsLeft(t *testing.T) {
	dir := t.TempDir()
	old := string(fixture(t, "v1-full.json"))
	write(t, filepath.Join(dir, fileName), old)
	s, err := Open(dir, known)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, dir); len(got) != 1 || read1(t, filepath.Join(dir, fileName)) != old {
		t.Errorf("reading left %q", got)
	}
	for _, site := range []string{"hut", "barn"} {
		if _, _, err := s.Patch(fmt.Appendf(nil, `{"MQTT":{"Site":%q}}`, site)); err != nil {
			t.Fatal(err)
		}
	}
	if got := read1(t, filepath.Join(dir, "config.v1.json")); got != old {
		t.Errorf("left beside the new file: %s", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "config.v1.json")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	var now struct{ Version int }
	if err := json.Unmarshal([]byte(read1(t, filepath.Join(dir, fileName))), &now); err != nil || now.Version != version {
		t.Errorf("version %d, %v", now.Version, err)
	}
	if got := list(t, dir); len(got) != 2 {
		t.Errorf("the folder holds %q", got)
	}
}

// A save that fails or is the last thing the process does leaves the old file
// where it was or beside the new one.
func TestOldFileFaults(t *testing.T) {
	old := string(fixture(t, "v1-full.json"))
	for fail := range 16 {
		for _, dies := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			write(t, path, old)
			s, _ := Open(dir, known)
			d := &faultyDisk{fail: fail, dies: dies}
			s.disk = d
			_, _, err := s.Patch([]byte(`{"MQTT":{"Site":"new"}}`))
			if failed := fail < len(d.steps) && d.steps[fail] != "remove"; (err != nil) != failed {
				t.Errorf("step %d of %q: error %v", fail, d.steps, err)
			}
			if got := read1(t, path); got != old && read1(t, filepath.Join(dir, "config.v1.json")) != old {
				t.Errorf("step %d of %q: the old file is lost", fail, d.steps)
			}
			s.disk = osDisk{}
			if _, _, err := s.Patch([]byte(`{"MQTT":{"Site":"newer"}}`)); err != nil {
				t.Errorf("step %d of %q: the store cannot go on: %v", fail, d.steps, err)
			}
			back, err := Open(dir, known)
			if err != nil || back.Config().MQTT.Site != "newer" || read1(t, filepath.Join(dir, "config.v1.json")) != old {
				t.Errorf("step %d of %q: after the next save: %v", fail, d.steps, err)
			}
			if got := list(t, dir); len(got) != 2 {
				t.Errorf("step %d of %q: the folder holds %q", fail, d.steps, got)
			}
		}
	}
}
