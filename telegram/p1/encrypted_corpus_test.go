package p1

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

type encryptedSidecar struct {
	sidecar
	Encryption struct {
		Key     string
		Auth    string `json:"authentication_key"`
		Title   string `json:"system_title"`
		Counter uint32 `json:"frame_counter"`
		Tag     bool   `json:"tag_verifies"`
	}
}

// keyOrNone is a key of a sidecar, where "" is none.
func keyOrNone(t *testing.T, digits string) telegram.Secret {
	if digits == "" {
		return telegram.Secret{}
	}
	key, err := telegram.ParseKey(digits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEncryptedCorpus(t *testing.T) {
	dir := corpus(t)
	sidecars, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range sidecars {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s encryptedSidecar
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !strings.Contains(s.Format, "encrypted") {
			continue
		}
		seen++
		t.Run(strings.TrimSuffix(s.File, ".bin"), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, s.File))
			if err != nil {
				t.Fatal(err)
			}
			checkEncrypted(t, raw, s)
		})
	}
	if seen == 0 {
		t.Error("no encrypted capture")
	}
}

func checkEncrypted(t *testing.T, raw []byte, s encryptedSidecar) {
	o := telegram.Options{UTCOffset: time.Hour, Key: keyOrNone(t, s.Encryption.Key), AuthKey: keyOrNone(t, s.Encryption.Auth)}
	got, errs := openAll(raw, o)
	if s.Good != nil {
		var good int
		if err := json.Unmarshal(s.Good, &good); err != nil || len(got) != good {
			t.Fatalf("%d telegrams, errors %v; want %s", len(got), errs, s.Good)
		}
	}
	if s.Wants != nil {
		if len(got) != 1 || len(errs) != 0 {
			t.Fatalf("%d telegrams, errors %v; want one", len(got), errs)
		}
		checkWants(t, &got[0], s.sidecar)
		want := telegram.Seal{Encrypted: true, Authenticated: s.Encryption.Tag, Title: telegram.TextOf(s.Encryption.Title), Counter: s.Encryption.Counter}
		if got[0].Seal != want || got[0].Format != "p1-encrypted" {
			t.Errorf("format %s, seal %+v, want %+v", got[0].Format, got[0].Seal, want)
		}
	}

	wrong := o
	wrong.Key = keyOrNone(t, "ffffffffffffffffffffffffffffffff")
	for name, c := range map[string]struct {
		o     telegram.Options
		class error
	}{
		"no key": {telegram.Options{}, telegram.ErrKeyRequired}, "a wrong key": {wrong, telegram.ErrKeyWrong},
		"a wrong key alone": {telegram.Options{Key: wrong.Key}, telegram.ErrKeyWrong},
	} {
		got, errs := openAll(raw, c.o)
		some := false
		for _, err := range errs {
			some = some || errors.Is(err, c.class)
		}
		if len(got) != 0 || !some {
			t.Errorf("%s: %d telegrams, errors %v; want none and %v", name, len(got), errs, c.class)
		}
	}
}

// The capture whose text has lost its CR passes by its tag alone.
func TestTagVouchesForATextWithoutChecksum(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(corpus(t), "lu-encrypted-athom-with-aad.bin"))
	if err != nil {
		t.Fatal(err)
	}
	o := telegram.Options{UTCOffset: time.Hour, Key: keyOrNone(t, "0123456789ABCDEF0123456789ABCDEF")}
	for name, auth := range map[string]string{"no authentication key": "", "another one": "00112233445566778899AABBCCDDEEFF"} {
		o.AuthKey = keyOrNone(t, auth)
		if got, errs := openAll(raw, o); len(got) != 0 || len(errs) != 1 || !errors.Is(errs[0], telegram.ErrChecksum) {
			t.Errorf("%s: %d telegrams, errors %v; want a checksum error", name, len(got), errs)
		}
	}
	o.AuthKey = keyOrNone(t, "FFEEDDCCBBAA99887766554433221100")
	if got, errs := openAll(raw, o); len(got) != 1 || !got[0].Seal.Authenticated {
		t.Errorf("%d telegrams, errors %v; want one, authenticated", len(got), errs)
	}
}

func openAll(raw []byte, o telegram.Options) (got []telegram.Measurement, errs []error) {
	telegram.Telegrams(raw, Encrypted, func(e telegram.Event) {
		if e.Lost.Err != nil {
			errs = append(errs, e.Lost.Err)
		}
		if e.Raw == nil {
			return
		}
		m, err := Encrypted.Decode(e.Raw, o, nil)
		if err != nil {
			errs = append(errs, err)
			return
		}
		got = append(got, m)
	})
	return got, errs
}
