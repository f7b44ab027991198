package dlms

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"smartconnect/telegram"
)

// shuffled returns the frames in the order of the indices.
func shuffled(frames [][]byte, order ...int) (b []byte) {
	for _, i := range order {
		b = append(b, frames[i]...)
	}
	return b
}

// spoiled returns b with one octet changed, counted from the end.
func spoiled(b []byte, fromEnd int) []byte {
	b = slices.Clone(b)
	b[len(b)-fromEnd] ^= 0x01
	return b
}

func TestCut(t *testing.T) {
	apdu := notified(e450List())
	single := plainPush(e450List())
	blocks := inBlocks(toE450, apdu, 100)
	segments := inSegments(toAM550, apdu, 150)
	mbus := overMbus(apdu, 100)
	all := func(frames [][]byte) []byte { return join(frames...) }
	noise := octets("00 FF 68 A0 A0 7E A0 11 68 68 FA 68 68 FA FA 68 12 34 55 16 E6 E7 00 0F")
	long := bytes.Repeat([]byte{0x33}, 2000)
	var endless [][]byte
	for i := range 70 {
		endless = append(endless, hdlcFrame(toE450, octets(fmt.Sprintf("E0 40 %04X 0000 01 0F", i+1)), false))
	}
	for _, c := range []struct {
		name  string
		in    []byte
		whole int      // pushes that come out
		lost  []string // what is said of those that do not
		noise int
	}{
		{"nothing", nil, 0, nil, 0},
		{"flags", bytes.Repeat([]byte{0x7E}, 50), 0, nil, 0},
		{"noise", bytes.Repeat(noise, 3), 0, nil, 3 * (len(noise) - 1)},
		{"a control frame", controlFrame(), 0, nil, 0},
		{"a frame with a wrong FCS", spoiled(single, 4), 0, []string{"frame check sequence"}, len(single) - 2},
		{"an M-Bus frame with a wrong check sum", spoiled(mbus[0], 4), 0, []string{"check sum"}, len(mbus[0])},
		{"a frame cut off, then silence", single[:100], 0, []string{"silent inside a frame, after 100 octets"}, 99},
		{"blocks cut off, then silence", all(blocks[:2]), 0, []string{"line fell silent after"}, 0},
		{"segments cut off, then silence", all(segments[:2]), 0, []string{"line fell silent after"}, 0},
		{"a frame cut off by the next push", join(single[:100], single), 1, []string{"frame check sequence"}, 99},
		{"blocks cut off by the next push", join(all(blocks[:2]), all(blocks)), 1, []string{"and then another push"}, 0},
		{"blocks cut off by a push of one frame", join(all(blocks[:2]), single), 1, []string{"and then another push"}, 0},
		{"segments cut off by the next push", join(all(segments[:2]), all(segments)), 1, []string{"and then another push"}, 0},
		{"segments of M-Bus cut off by the next push", join(all(mbus[:2]), all(mbus)), 1, []string{"and then another push"}, 0},
		{"blocks cut off by M-Bus", join(all(blocks[:2]), all(mbus)), 1, []string{"and then another push"}, 0},
		{"segments cut off by another M-Bus application", join(all(segments[:2]), mbusFrame(0x72, []byte{1})), 1, []string{"and then another push"}, 0},
		{"a block lost", join(shuffled(blocks, 0, 2, 3, 4), all(blocks)), 1, []string{"block 3 follows block 1"}, 0},
		{"the last block lost", join(all(blocks[:len(blocks)-1]), all(blocks)), 1, []string{"and then another push"}, 0},
		{"the first block lost", join(all(blocks[1:]), all(blocks)), 1, []string{"block 2 without the blocks before it"}, 0},
		{"a block damaged", join(blocks[0], spoiled(blocks[1], 5), all(blocks[2:]), all(blocks)), 1, []string{"frame check sequence"}, len(blocks[1]) - 2},
		{"the first block damaged", join(spoiled(blocks[0], 5), all(blocks[1:]), all(blocks)), 1, []string{"frame check sequence"}, len(blocks[0]) - 2},
		{"the last block damaged", join(all(blocks[:4]), spoiled(blocks[len(blocks)-1], 5), all(blocks)), 1, []string{"frame check sequence"}, 0},
		{"blocks in disorder", shuffled(blocks, 0, 1, 1, 3, 2, 4), 0, []string{"block 4 follows block 2"}, 0},
		{"a block of another content again", join(blocks[0], blocks[1], hdlcFrame(toE450, octets("E0 40 0002 0000 01 00"), false), all(blocks[2:])), 0, []string{"block 2 follows block 2"}, 0},
		{"a block that lies about its length", hdlcFrame(toE450, octets("E6E700 E0 C0 0001 0000 05 0F"), false), 0, []string{"announces 5 octets of data, has 1"}, 0},
		{"a block without a header", hdlcFrame(toE450, octets("E0 C0 00"), false), 0, []string{"block of 3 octets"}, 0},
		{"a block in a segmented frame", hdlcFrame(toE450, octets("E0 C0 0001 0000 01 0F"), true), 0, []string{"in a segmented frame"}, 0},
		{"a block from another address", join(blocks[0], inBlocks(toE570, apdu, 100)[1], all(blocks[2:])), 0, []string{"frame of another link"}, 0},
		{"a segment from another address", join(segments[0], hdlcFrame(toE360, []byte{1, 2}, true), all(segments[1:])), 0, []string{"frame of another link"}, 0},
		{"a segment between blocks", join(blocks[0], hdlcFrame(toE450, []byte{1, 2}, false), all(blocks[1:])), 0, []string{"cannot go on", "block 2 without"}, 0},
		{"the first segments lost", join(all(segments[1:]), all(segments)), 1, []string{"segment without the segments before it"}, 0},
		{"only the last segment", segments[len(segments)-1], 0, []string{"segment without the segments before it"}, 0},
		{"a segment damaged", join(segments[0], spoiled(segments[1], 5), all(segments[2:]), all(segments)), 1, []string{"frame check sequence"}, len(segments[1]) - 2},
		{"a segment of M-Bus lost", join(shuffled(mbus, 0, 2, 3, 4), all(mbus)), 1, []string{"segment 2 follows segment 0"}, 0},
		{"70 blocks", all(endless), 0, []string{"longer than 8192 octets or 64 blocks"}, 0},
		{"14 kB of segments", join(hdlcFrame(toAM550, llc, true), bytes.Repeat(hdlcFrame(toAM550, long, true), 7)), 0, []string{"longer than 8192 octets"}, 0},
		{"noise without end inside a push", join(blocks[0], bytes.Repeat([]byte{0}, 13000), all(blocks)), 1, []string{"no end within 12288 octets"}, 13000},

		{"noise around and inside", join(noise, blocks[0], noise, all(blocks[1:]), noise), 1, nil, 3 * (len(noise) - 1)},
		{"noise that ends like a header, then a push", join(octets("7E A1 45 CE FF 68 FA FA"), single), 1, nil, 7},
		{"shared flags", join(blocks[0], blocks[1][1:], blocks[2][1:], all(blocks[3:])), 1, nil, 0},
		{"flags as fill", join(octets("7E7E7E"), single, octets("7E7E7E7E"), single), 2, nil, 0},
		{"no closing flag", join(single[:len(single)-1], single[:len(single)-1]), 2, nil, 0},
		{"a control frame between blocks", join(blocks[0], controlFrame(), all(blocks[1:])), 1, nil, 0},
		{"no LLC", hdlcFrame(toE450, apdu, false), 1, nil, 0},
		{"one after the other, either link", join(all(segments), all(mbus), all(blocks), single), 4, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, noise, lost := 0, 0, []string(nil)
			telegram.Telegrams(c.in, Format, func(e telegram.Event) {
				noise += e.Lost.Noise
				if e.Raw != nil {
					whole++
				}
				if e.Lost.Err != nil {
					lost = append(lost, e.Lost.Err.Error())
				}
			})
			if whole != c.whole || len(lost) != len(c.lost) || c.noise > 0 && noise != c.noise || c.lost == nil && noise != c.noise {
				t.Fatalf("%d whole, lost %q, noise %d; want %d, %q, %d", whole, lost, noise, c.whole, c.lost, c.noise)
			}
			for i, want := range c.lost {
				if !strings.Contains(lost[i], want) || !strings.HasPrefix(lost[i], "dlms: ") {
					t.Errorf("lost %q, want %q", lost[i], want)
				}
			}
		})
	}
}

// A good push is found wherever it stands in noise, as long as the noise does
// not end inside what could be a frame that swallows it.
func TestGoodPushInNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	good := [][]byte{join(inBlocks(toE450, notified(e450List()), 100)...), join(inSegments(toAM550, notified(e450List()), 150)...), join(overMbus(notified(e450List()), 100)...)}
	for i := range 300 {
		noise := make([]byte, r.IntN(400))
		for j := range noise {
			noise[j] = byte(r.Uint32())
			if r.IntN(8) == 0 {
				noise[j] = [...]byte{0x7E, 0x68, 0xA0, 0xA8}[r.IntN(4)]
			}
		}
		push := good[i%len(good)]
		found := 0
		telegram.Telegrams(join(noise, push, noise), Format, func(e telegram.Event) {
			if bytes.HasPrefix(push, e.Raw) && len(e.Raw) >= len(push)-1 {
				found++
			}
		})
		if found != 1 {
			t.Fatalf("noise %d (%x): found %d times", i, noise, found)
		}
	}
}

// Pushes among parts of pushes, damaged frames and noise, in any order: the law
// holds, and every push that is whole comes out.
func TestGoodPushesAmongPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	apdu := notified(e450List())
	pushes := [][][]byte{{plainPush(e450List())}, inBlocks(toE450, apdu, 100), inBlocks(toE570, apdu, 60), inSegments(toAM550, apdu, 150), overMbus(apdu, 100), {mbusFrame(0x72, []byte{1, 2, 3})}}
	for i := range 300 {
		var stream []byte
		want := map[string]int{}
		for range 1 + r.IntN(8) {
			frames := pushes[r.IntN(len(pushes))]
			one := frames[r.IntN(len(frames))]
			switch r.IntN(6) {
			case 0, 1:
				whole := join(frames...)
				stream = append(stream, whole...)
				want[string(bytes.TrimSuffix(whole, []byte{0x7E}))]++
			case 2:
				stream = append(stream, one...)
			case 3:
				stream = append(stream, spoiled(one, 1+r.IntN(len(one)))...)
			case 4:
				stream = append(stream, one[:r.IntN(len(one))]...)
			case 5:
				for range r.IntN(60) {
					stream = append(stream, byte(r.Uint32()))
				}
			}
		}
		checkFramingLaw(t, stream)
		telegram.Telegrams(stream, Format, func(e telegram.Event) {
			if e.Raw != nil {
				want[string(e.Raw)]--
			}
		})
		for push, missed := range want {
			if missed > 0 {
				t.Fatalf("stream %d: %x: missed %d times %x", i, stream, missed, push)
			}
		}
	}
}

// The status tells a meter whose frames come from one whose pushes are whole.
func TestFramesAreCounted(t *testing.T) {
	apdu := notified(e450List())
	blocks, mbus := inBlocks(toE450, apdu, 100), overMbus(apdu, 100)
	n := len(blocks)
	for _, c := range []struct {
		name string
		in   []byte
		want []int // of each push or loss
	}{
		{"a push", join(blocks...), []int{n}},
		{"noise in it", join(blocks[0], octets("00 FF"), join(blocks[1:]...)), []int{n}},
		{"a block lost", join(join(blocks[:2]...), join(blocks[3:]...), join(blocks...)), []int{n - 1, n}},
		{"a block damaged", join(blocks[0], spoiled(blocks[1], 30), join(blocks[2:]...), join(blocks...)), []int{n - 1, n}},
		{"the end never comes", join(blocks[:2]...), []int{2}},
		{"M-Bus", join(mbus...), []int{len(mbus)}},
		{"nothing but noise", octets("00 FF 42"), nil},
	} {
		var got []int
		telegram.Telegrams(c.in, Format, func(e telegram.Event) {
			if e.Raw != nil || e.Lost.Err != nil {
				got = append(got, e.Lost.Frames)
			} else if e.Lost.Frames != 0 {
				t.Errorf("%s: %d frames of nothing", c.name, e.Lost.Frames)
			}
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v frames, want %v", c.name, got, c.want)
		}
	}
}

// A line that is made to look like damaged frames for ever must not cost more than
// it brings: each read would look at all of it again.
func TestDamagedFramesAreBounded(t *testing.T) {
	head := octets("A7 FF 03 03 13")
	bad := bytes.Repeat(join([]byte{0x7E}, head, crcX25(head)), 5000)
	var buf []byte
	losses, longest := 0, 0
	for _, c := range bad {
		buf = append(buf, c)
		for {
			raw, rest, lost := Format.Cut(buf, false)
			buf = rest
			if lost.Err != nil {
				losses++
			}
			if raw == nil && lost == (telegram.Loss{}) {
				break
			}
		}
		longest = max(longest, len(buf))
	}
	if losses < 100 || longest > 3000 {
		t.Errorf("%d losses of %d octets, and %d waiting", losses, len(bad), longest)
	}
}
