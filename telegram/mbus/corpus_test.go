package mbus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpus reads the frames of real pushes, and of damaged ones, where the
// sidecars say they are. The captures are not ours to publish, so they are not
// in the repository.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "captures")
	}
	dir = filepath.Join(dir, "dlms")
	sidecars, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil || len(sidecars) == 0 {
		t.Skipf("no corpus of real frames in %s (SMARTCONNECT_CORPUS names it)", dir)
	}
	for _, path := range sidecars {
		name := strings.TrimSuffix(filepath.Base(path), ".expect.json")
		t.Run(name, func(t *testing.T) {
			var s struct {
				Verified struct {
					Classic bool `json:"checksum_ok"`
				}
				Frames []struct {
					Type     string
					Offset   int
					CI       string
					Checksum bool `json:"cs_ok"`
					Info     int  `json:"info_len"`
				}
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			in, err := os.ReadFile(filepath.Join(dir, name+".bin"))
			if err != nil {
				t.Fatal(err)
			}
			at, frames, bad := find(in)
			for _, want := range s.Frames {
				switch {
				case want.Type != "mbus":
				case !want.Checksum:
					if len(bad) == 0 || bad[0] != want.Offset {
						t.Fatalf("damaged frames at %v, want one at %d", bad, want.Offset)
					}
					bad = bad[1:]
				case len(at) == 0 || at[0] != want.Offset:
					t.Fatalf("further frames at %v, want one at %d", at, want.Offset)
				default:
					f := frames[0]
					if len(f.Data) != want.Info || f.CI != unhex(want.CI)[0] || f.DTSAP != 0x67 {
						t.Errorf("frame at %d is %+v, want %+v", at[0], f, want)
					}
					at, frames = at[1:], frames[1:]
				}
			}
			if s.Verified.Classic { // the answer of a polled meter: one frame and nothing else
				if len(at) != 1 || len(frames[0].Data) != len(in)-9 || frames[0].CI != 0x72 {
					t.Fatalf("frames at %v: %+v", at, frames)
				}
				at = nil
			}
			if len(at) > 0 {
				t.Errorf("more frames at %v", at)
			}
		})
	}
}
