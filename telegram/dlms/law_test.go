package dlms

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"smartconnect/telegram"
)

// streams are what the framing law is tried on.
func streams() map[string][]byte {
	apdu := notified(e450List())
	blocks, segments, mbus := inBlocks(toE450, apdu, 100), inSegments(toAM550, apdu, 150), overMbus(apdu, 100)
	random := make([]byte, 3000)
	r := rand.New(rand.NewPCG(5, 5))
	for i := range random {
		random[i] = byte(r.Uint32())
		if r.IntN(20) == 0 { // with many starts of frames in it
			random[i] = [...]byte{0x7E, 0x68, 0xA0, 0x16}[r.IntN(4)]
		}
	}
	return map[string][]byte{
		"blocks":                 join(blocks...),
		"sealed":                 join(sealedPush(), sealedPush()),
		"segments":               join(segments...),
		"M-Bus":                  join(mbus...),
		"cut short":              join(blocks[0], blocks[1][:50], segments[0], mbus[0], mbus[1][:40]),
		"begins inside":          join(blocks[1][30:], blocks[2], join(blocks...)),
		"without flags between":  join(blocks[0][:len(blocks[0])-1], blocks[1][:len(blocks[1])-1], blocks[2]),
		"damaged":                join(spoiled(blocks[0], 9), spoiled(segments[1], 30), spoiled(mbus[2], 2)),
		"random":                 random,
		"random inside":          join(blocks[0], random[:700], blocks[1], random[700:1000], blocks[2], blocks[3], blocks[4]),
		"random inside segments": join(segments[0], random[:100], segments[1], random[100:200], segments[2]),
		"never an end":           bytes.Repeat(segments[0], 90),
		"never a segment more":   bytes.Repeat(segments[1], 90),
		"starts of frames":       bytes.Repeat(octets("7E A7 FF 68 FF FF 68"), 600),
		"a wide open frame":      join(octets("7E A7 FF CF 03 13"), crcX25(octets("A7 FF CF 03 13")), bytes.Repeat([]byte{0x41}, 900)),
	}
}

// story is everything a stream led to, in order, when it comes in chunks; noise
// is added up, since nothing says when it is counted. It does what
// telegram.Scan does, without the goroutine that makes a fuzzing run blind.
func story(b []byte, chunk func() int) string {
	var out strings.Builder
	var buf []byte
	noise, frames := 0, 0
	for quiet := false; !quiet; {
		quiet = len(b) == 0
		n := min(len(b), max(1, chunk()))
		buf, b = append(buf, b[:n]...), b[n:]
		for len(buf) > 0 {
			raw, rest, lost := Format.Cut(buf, quiet)
			buf = rest
			noise += lost.Noise
			frames += lost.Frames
			if lost.Err != nil {
				fmt.Fprintf(&out, "lost: %v\n", lost.Err)
			}
			if raw != nil {
				fmt.Fprintf(&out, "telegram: %x\n", raw)
			}
			if raw == nil && lost == (telegram.Loss{}) {
				break
			}
		}
	}
	fmt.Fprintf(&out, "%d octets left, noise %d, %d good frames\n", len(buf), noise, frames)
	return out.String()
}

func checkFramingLaw(t *testing.T, b []byte) {
	t.Helper()
	whole := story(b, func() int { return len(b) })
	r := rand.New(rand.NewPCG(uint64(len(b)), 3))
	for _, c := range []struct {
		name  string
		chunk func() int
	}{
		{"octet by octet", func() int { return 1 }},
		{"at random", func() int { return 1 + r.IntN(300) }},
	} {
		if got := story(b, c.chunk); got != whole {
			t.Fatalf("%s gave\n%s\nas a whole\n%s", c.name, got, whole)
		}
	}
}

// How the octets are chunked must not change the telegrams.
func TestFramingLaw(t *testing.T) {
	for name, b := range streams() {
		t.Run(name, func(t *testing.T) { checkFramingLaw(t, b) })
	}
}

func TestFramingLawOverCorpus(t *testing.T) {
	for _, c := range captures(t) {
		t.Run(c.Name, func(t *testing.T) { checkFramingLaw(t, c.b) })
	}
}

// Whatever the line sends, what Cut keeps waiting for is bounded.
func TestRestIsBounded(t *testing.T) {
	for name, b := range streams() {
		var buf []byte
		for range 20 {
			buf = append(buf, b...)
			for {
				raw, rest, lost := Format.Cut(buf, false)
				buf = rest
				if raw == nil && lost == (telegram.Loss{}) {
					break
				}
			}
			if len(buf) > maxSpan+2<<10 {
				t.Fatalf("%s: %d octets wait", name, len(buf))
			}
		}
	}
}

// FuzzCut: the framing law holds, and what Cut calls a push is one for itself
// and for Decode. Run it with -fuzzminimizetime 20x: making inputs small takes
// most of the time otherwise.
func FuzzCut(f *testing.F) {
	for _, b := range streams() {
		f.Add(b[:min(len(b), 900)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2000 {
			return // octet by octet, the law costs the square of the length
		}
		checkFramingLaw(t, b)
		telegram.Telegrams(b, Format, func(e telegram.Event) {
			if e.Raw == nil {
				return
			}
			if raw, rest, lost := Format.Cut(e.Raw, true); !bytes.Equal(raw, e.Raw) || len(rest) > 0 || lost.Err != nil {
				t.Fatalf("push %x, cut again: %x, rest %x, %v", e.Raw, raw, rest, lost.Err)
			}
			if _, err := Format.Decode(e.Raw, telegram.Options{}, nil); err != nil && strings.Contains(err.Error(), "octets are a push") {
				t.Fatalf("push %x: %v", e.Raw, err)
			}
		})
	})
}
