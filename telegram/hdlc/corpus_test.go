package hdlc

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
				Frames []struct {
					Type      string
					Offset    int
					Segmented bool `json:"segmentation"`
					Control   string
					FCS       bool `json:"fcs_ok"`
					Info      int  `json:"info_len"`
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
				case want.Type != "hdlc":
				case !want.FCS:
					if len(bad) == 0 || bad[0] != want.Offset {
						t.Fatalf("damaged frames at %v, want one at %d", bad, want.Offset)
					}
					bad = bad[1:]
				case len(at) == 0 || at[0] != want.Offset:
					t.Fatalf("further frames at %v, want one at %d", at, want.Offset)
				default:
					f := frames[0]
					if len(f.Info) != want.Info || f.Segmented != want.Segmented || f.Control != unhex(want.Control)[0] {
						t.Errorf("frame at %d is %+v, want %+v", at[0], f, want)
					}
					at, frames = at[1:], frames[1:]
				}
			}
			if len(at) > 0 {
				t.Errorf("more frames at %v", at)
			}
		})
	}
}
