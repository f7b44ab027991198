package formats

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartconnect/telegram"
)

func TestSelect(t *testing.T) {
	if _, err := Select("morse"); err == nil || !strings.Contains(err.Error(), `"morse"`) || !strings.Contains(err.Error(), "auto, p1") {
		t.Errorf("unknown name: %v", err)
	}
	for _, name := range Names() {
		list, err := Select(name)
		if want := 1; err != nil || (name != Auto && len(list) != want) || (name == Auto && len(list) != len(All())) {
			t.Errorf("%s: %d formats, %v", name, len(list), err)
		}
		for _, f := range list {
			if f.Cut == nil || f.Decode == nil || f.Line.Baud == 0 {
				t.Errorf("%s: %+v is not whole", name, f)
			}
		}
	}
}

// streams are what the framing law is tried on: good, damaged and foreign octets.
func streams(t testing.TB) map[string][]byte {
	seed, err := os.ReadFile(filepath.Join("..", "..", "testdata", "p1", "e350-seed.txt"))
	if err != nil {
		t.Fatal(err)
	}
	old := "/KMP5 ZABF\r\n\r\n1-0:1.7.0(0000.68*kW)\r\n0-2:24.3.0(160117120000)(00)(60)(1)(0-2:24.2.1)(m3)\r\n(02025.003)\r\n!\r\n"
	parity := []byte(old)
	for i, c := range parity {
		for b := c; b != 0; b &= b - 1 {
			parity[i] ^= 0x80
		}
	}
	noise := make([]byte, 3000)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	return map[string][]byte{
		"two telegrams":          bytes.Repeat(seed, 2),
		"begins inside":          append(append([]byte(nil), seed[100:]...), seed...),
		"cut inside a line":      append(append([]byte(nil), seed[:200]...), seed...),
		"cut inside the header":  append(append([]byte(nil), seed[:7]...), seed...),
		"cut inside the digits":  append(append([]byte(nil), seed[:len(seed)-4]...), seed...),
		"never an end":           append([]byte("/ABC5x\r\n"+strings.Repeat("1-0:1.8.1(1*kWh)\r\n", 900)), seed...),
		"no end, no checksum":    []byte(strings.Repeat(strings.TrimSuffix(old, "!\r\n"), 3)),
		"even parity":            bytes.Repeat(parity, 2),
		"noise":                  noise,
		"noise between":          append(append(append([]byte(nil), seed...), noise[:50]...), seed...),
		"slashes":                append(bytes.Repeat([]byte("/"), 500), seed...),
		"line ends and nothing":  bytes.Repeat([]byte("\r\n"), 200),
		"a header without limit": append([]byte("/ABC"), bytes.Repeat([]byte("x"), 9000)...),
	}
}

// outcome is everything a stream led to, in order; noise is added up, since
// nothing says when it is counted.
func outcome(b []byte, f telegram.Format, chunk func() int) string {
	var out strings.Builder
	noise, frames := 0, 0
	r := &chunked{b, chunk}
	err := telegram.Scan(r, f, 0, func(e telegram.Event) {
		noise += e.Lost.Noise
		frames += e.Lost.Frames
		if e.Lost.Err != nil {
			fmt.Fprintf(&out, "lost: %v\n", e.Lost.Err)
		}
		if e.Raw != nil {
			fmt.Fprintf(&out, "telegram: %q\n", e.Raw)
		}
	})
	if !telegram.IsEnd(err) {
		fmt.Fprintf(&out, "error: %v\n", err)
	}
	fmt.Fprintf(&out, "noise: %d, good frames: %d\n", noise, frames)
	return out.String()
}

type chunked struct {
	b    []byte
	size func() int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(len(c.b), max(1, c.size()))])
	c.b = c.b[n:]
	return n, nil
}

func checkFramingLaw(t *testing.T, f telegram.Format, b []byte) {
	t.Helper()
	whole := outcome(b, f, func() int { return len(b) })
	r := rand.New(rand.NewPCG(uint64(len(b)), 3))
	for name, chunk := range map[string]func() int{
		"octet by octet": func() int { return 1 },
		"at random":      func() int { return 1 + r.IntN(200) },
		"in sevens":      func() int { return 7 },
	} {
		if got := outcome(b, f, chunk); got != whole {
			t.Fatalf("%s: %s gave\n%s\nas a whole\n%s", f.Name, name, got, whole)
		}
	}
}

// How the octets are chunked must not change the telegrams.
func TestFramingLaw(t *testing.T) {
	for _, f := range All() {
		for name, b := range streams(t) {
			t.Run(f.Name+"/"+name, func(t *testing.T) { checkFramingLaw(t, f, b) })
		}
	}
}

// Whatever the line sends, what Cut keeps waiting for is bounded.
func TestRestIsBounded(t *testing.T) {
	for _, f := range All() {
		for name, b := range streams(t) {
			var buf []byte
			for range 20 {
				buf = append(buf, b...)
				for {
					raw, rest, lost := f.Cut(buf, false)
					buf = rest
					if raw == nil && lost == (telegram.Loss{}) {
						break
					}
				}
				if len(buf) > 16<<10 {
					t.Fatalf("%s: %s: %d octets wait", f.Name, name, len(buf))
				}
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	for _, b := range streams(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range All() {
			checkFramingLaw(t, format, b)
		}
	})
}
