package glo_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartconnect/telegram"
	"smartconnect/telegram/glo"
	"smartconnect/telegram/hdlc"
)

// capture is what a sidecar says of a push whose every frame is one APDU.
type capture struct {
	Keys struct {
		Key  string `json:"guek"`
		Auth string `json:"gak"`
	}
	Messages []struct {
		Ciphering *ciphering
	}
	Undecodable []struct {
		Ciphering *ciphering
	}
}

type ciphering struct {
	Title   string `json:"system_title"`
	Control string `json:"security_control"`
	Counter uint32 `json:"invocation_counter"`
}

func read(t *testing.T, name string) (in []byte, c capture) {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "captures")
	}
	in, err := os.ReadFile(filepath.Join(dir, "dlms", name+".bin"))
	if err != nil {
		t.Skipf("no corpus of real frames: %v (SMARTCONNECT_CORPUS names it)", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "dlms", name+".expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return in, c
}

func key(t *testing.T, digits string) telegram.Secret {
	if digits == "" {
		return telegram.Secret{}
	}
	s, err := telegram.ParseKey(digits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCorpus opens the real pushes that are one APDU in each frame, and those
// that were spoiled on purpose.
func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames int
		opens  bool // the tag verifies with the sidecar's keys
	}{
		{"lg-e450-at-burgenland-enc-positional", 2, true},
		{"lg-e360-ch-vse2026-reencrypted-auth", 1, true},
		{"kamstrup-omnipower-dk-enc-auth", 1, true},
		{"bad-replay", 4, true},
		{"bad-ciphertext-bitflip-fcs-repaired", 1, false},
		{"bad-wrong-ak", 1, false},
		{"bad-wrong-key-with-ak", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, sidecar := read(t, c.name)
			ciph, err := glo.NewCipher(key(t, sidecar.Keys.Key), key(t, sidecar.Keys.Auth))
			if err != nil {
				t.Fatal(err)
			}
			var want []*ciphering
			for _, m := range sidecar.Messages {
				want = append(want, m.Ciphering)
			}
			for _, m := range sidecar.Undecodable {
				want = append(want, m.Ciphering)
			}
			frames := apdus(t, in)
			if len(frames) != c.frames || len(want) != c.frames {
				t.Fatalf("%d frames, %d in the sidecar, want %d", len(frames), len(want), c.frames)
			}
			for i, b := range frames {
				f, n, err := glo.Parse(b)
				if err != nil || n != len(b) {
					t.Fatalf("%d of %d octets, error %v", n, len(b), err)
				}
				if got := f.Seal(false); got.Title.String() != want[i].Title || got.Counter != want[i].Counter || hex.EncodeToString([]byte{f.Control}) != want[i].Control {
					t.Errorf("frame %d: %+v, security control %02X, want %+v", i, got, f.Control, want[i])
				}
				text, authenticated, err := ciph.Open(nil, f)
				switch {
				case c.opens && (err != nil || !authenticated || text[0] != 0x0F):
					t.Errorf("frame %d: % X, authenticated %v, error %v", i, text, authenticated, err)
				case !c.opens && !errors.Is(err, telegram.ErrKeyWrong):
					t.Errorf("frame %d: error %v, want a wrong key", i, err)
				}
			}
		})
	}
}

// apdus returns what stands in the frames of in, behind the LLC.
func apdus(t *testing.T, in []byte) (b [][]byte) {
	for i := 0; i < len(in)-1; {
		f, n, err := hdlc.Parse(in[i:])
		if err != nil {
			t.Fatalf("octet %d: %v", i, err)
		}
		b = append(b, bytes.TrimPrefix(f.Info, []byte{0xE6, 0xE7, 0x00}))
		if i += n; i+1 < len(in) && in[i+1] == 0x7E {
			i++
		}
	}
	return b
}

// TestWorkedExample follows one telegram of an E450 through its layers, to the
// figures that the reference prints.
func TestWorkedExample(t *testing.T) {
	in, sidecar := read(t, "lg-e450-at-burgenland-enc-positional")
	frame, n, err := hdlc.Parse(in)
	if err != nil || n != 119 || frame.Dest != 103<<7|127 || frame.Src != 1 || frame.Control != 0x13 || frame.Segmented {
		t.Fatalf("%d octets, %+v, error %v", n, frame, err)
	}
	if hcs, fcs := hdlc.CRC(in[1:7]), hdlc.CRC(in[1:n-2]); hcs != 0x023C || fcs != 0x986B {
		t.Errorf("HCS %04X, FCS %04X", hcs, fcs)
	}
	apdu, llc := bytes.CutPrefix(frame.Info, []byte{0xE6, 0xE7, 0x00})
	f, n, err := glo.Parse(apdu)
	if !llc || err != nil || n != len(apdu) || n != 11+94 || string(f.Title[:3]) != "LGZ" || f.Control != 0x30 || f.Counter != 2195702 || len(f.Content) != 77 || len(f.Tag) != 12 {
		t.Fatalf("%d octets, %+v, error %v", n, f, err)
	}
	for _, auth := range []string{sidecar.Keys.Auth, ""} {
		ciph, err := glo.NewCipher(key(t, sidecar.Keys.Key), key(t, auth))
		if err != nil {
			t.Fatal(err)
		}
		text, authenticated, err := ciph.Open(nil, f)
		if err != nil || authenticated != (auth != "") || len(text) != 77 ||
			!strings.HasPrefix(hex.EncodeToString(text), "0f002180fc0c07e7031c0213") {
			t.Errorf("% X, authenticated %v, error %v", text, authenticated, err)
		}
	}
}
