package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dlmsSidecar is what independent readers found in a capture of a binary meter.
type dlmsSidecar struct {
	Keys *struct {
		Key  string `json:"guek"`
		Auth string `json:"gak"`
	}
	Messages []struct {
		Values []struct {
			OBIS      string
			Attribute int
			Raw       json.RawMessage
			Source    string `json:"scaler_source"`
		}
	}
}

// printedAs are the captures that print another number of telegrams than they
// hold messages.
var printedAs = map[string]int{
	"lg-e450-ch-optical-three-apdus-in-one-frame": 1, // one frame is one telegram
	"isk-am550-si-positional":                     0, // nine values without names, which no list explains
}

func TestDecodeBinaryCorpus(t *testing.T) {
	dir := filepath.Join(filepath.Dir(corpus(t)), "dlms")
	sidecars, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil || len(sidecars) == 0 {
		t.Fatalf("no sidecars in %s: %v", dir, err)
	}
	for _, path := range sidecars {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s dlmsSidecar
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		file := strings.TrimSuffix(path, ".expect.json")
		t.Run(filepath.Base(file), func(t *testing.T) { checkBinary(t, file, s) })
	}
}

func checkBinary(t *testing.T, file string, s dlmsSidecar) {
	args := []string{"decode"}
	if s.Keys != nil {
		args = append(args, "--key", s.Keys.Key, "--auth-key", s.Keys.Auth)
	}
	r := call(t, "", append(args, file+".bin")...)
	var good []printed
	for _, p := range lines(t, r.out) {
		if p.Error == "" {
			good = append(good, p)
		}
	}
	want := len(s.Messages)
	if n, special := printedAs[filepath.Base(file)]; special {
		want = n
	}
	if len(good) != want || (r.code == exitOK) != (want > 0) {
		t.Fatalf("%d telegrams, exit code %d, want %d telegrams:\n%s%s", len(good), r.code, want, r.out, r.err)
	}
	if len(good) != len(s.Messages) {
		return
	}
	for i, m := range s.Messages {
		for _, v := range m.Values {
			code := strings.TrimSuffix(v.OBIS, ".255")
			var raw int64
			if json.Unmarshal(v.Raw, &raw) != nil || v.Source == "" || v.Attribute != 2 {
				continue // a text, or another attribute of the object
			}
			if got, ok := good[i].Raw[code]; !ok || got != raw {
				t.Errorf("%s: raw %d (present %v), want %d", code, got, ok, raw)
			}
			if source, _, _ := strings.Cut(v.Source, ":"); good[i].Scalers[code] != source {
				t.Errorf("%s: scaler %q, want %q", code, good[i].Scalers[code], source)
			}
		}
	}
}
