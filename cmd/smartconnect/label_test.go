package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// label calls label --json for a state folder.
func label(t *testing.T, state string, flags ...string) map[string]any {
	t.Helper()
	r := call(t, "", append([]string{"label", "--json", "--state", state}, flags...)...)
	if r.code != exitOK || r.err != "" {
		t.Fatalf("%+v", r)
	}
	var l map[string]any
	if err := json.Unmarshal([]byte(r.out), &l); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	return l
}

func TestLabelWithoutAPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for state, named := range map[string]string{file: file, filepath.Join(file, "below"): file, "/proc/nowhere": "/proc/nowhere"} {
		r := call(t, "", "label", "--state", state)
		if r.code != exitFailed || r.out != "" || !strings.HasPrefix(r.err, "smartconnect: identity: ") || !strings.Contains(r.err, named) {
			t.Errorf("%s: %+v", state, r)
		}
	}
}

func TestLabel(t *testing.T) {
	state := filepath.Join(t.TempDir(), "new", "state")
	first := label(t, state)
	want := []string{"ca_fingerprint", "macs", "mqtt_password", "mqtt_user", "password", "serial", "user"}
	if keys := slices.Sorted(maps.Keys(first)); !slices.Equal(keys, want) {
		t.Errorf("keys %v, want %v", keys, want)
	}
	for key, form := range map[string]string{
		"serial": `^[0-9A-Z]{12}$`, "user": `^user$`, "mqtt_user": `^mqtt$`,
		"password": `^[a-z0-9-]{20,}$`, "mqtt_password": `^[a-z0-9-]{20,}$`,
		"ca_fingerprint": `^([0-9A-F]{2}:){31}[0-9A-F]{2}$`,
	} {
		if s, _ := first[key].(string); !regexp.MustCompile(form).MatchString(s) {
			t.Errorf("%s is %v", key, first[key])
		}
	}
	if _, ok := first["macs"].([]any); !ok || first["password"] == first["mqtt_password"] {
		t.Errorf("%v", first)
	}

	if again := label(t, state); !same(first, again) {
		t.Errorf("asked again, the label is another:\n%v\n%v", first, again)
	}
	text := call(t, "", "label", "--state", state)
	for _, key := range []string{"serial", "user", "password", "mqtt_user", "mqtt_password", "ca_fingerprint"} {
		if !regexp.MustCompile(`(?m)^[A-Za-z0-9 -]+: +` + regexp.QuoteMeta(first[key].(string)) + `$`).MatchString(text.out) {
			t.Errorf("the text lacks %s:\n%s", key, text.out)
		}
	}

	renewed := label(t, state, "--new-password")
	for _, key := range []string{"password", "mqtt_password"} {
		if renewed[key] == first[key] {
			t.Errorf("%s stayed", key)
		}
		first[key] = renewed[key]
	}
	if !same(first, renewed) {
		t.Errorf("a new password changed more:\n%v\n%v", first, renewed)
	}

	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := map[bool]fs.FileMode{true: fs.ModeDir | 0o700, false: 0o600}[d.IsDir()]
		if err == nil && info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The owner may delete label.txt once the sticker is on the box.
func TestLabelDeleted(t *testing.T) {
	state := t.TempDir()
	before := label(t, state)
	if err := os.Remove(filepath.Join(state, "label.txt")); err != nil {
		t.Fatal(err)
	}
	after := label(t, state)
	if after["password"] != "" || after["mqtt_password"] != "" || after["serial"] != before["serial"] {
		t.Errorf("%v", after)
	}
	if note, _ := after["note"].(string); !strings.Contains(note, "--new-password") {
		t.Errorf("the note is %q", note)
	}
}

func same(a, b map[string]any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
