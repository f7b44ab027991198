package dlms

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"
	"time"

	"smartconnect/telegram"
)

// floor returns what no reader of an encrypted push can save: AES-GCM over the
// APDU and the frame check sequence over every octet of the frames, by the usual
// table.
func floor(b testing.TB, push []byte) func() {
	apdu := sealedBy(0x30, 77, notified(e450List()))
	block, err := aes.NewCipher(octets(testKey))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		b.Fatal(err)
	}
	header := 10 + len(berLength(len(apdu)-13))
	iv, aad, content := join(title, apdu[header+1:header+5]), join(apdu[header:header+1], octets(testAuth)), apdu[header+5:]
	var table [256]uint16
	for i := range table {
		r := uint16(i)
		for range 8 {
			r = r>>1 ^ 0x8408*(r&1)
		}
		table[i] = r
	}
	clear := make([]byte, 0, len(content))
	return func() {
		r := uint16(0xFFFF)
		for _, c := range push {
			r = r>>8 ^ table[byte(r)^c]
		}
		sink = r
		if _, err := gcm.Open(clear, iv, content, aad); err != nil {
			b.Fatal(err)
		}
	}
}

var sink uint16 // keeps the compiler from dropping the floor

// BenchmarkPush compares one encrypted E450 push, from its octets to the
// Measurement, with AES-GCM and CRC alone over the same octets.
func BenchmarkPush(b *testing.B) {
	push := sealedPush()
	cost := func(f func()) time.Duration {
		const n = 200
		start := time.Now()
		for range n {
			f()
		}
		return time.Since(start) / n
	}
	least := floor(b, push)
	whole := func() {
		raw, _, _ := Format.Cut(push, false)
		if m, err := Format.Decode(raw, sealedOptions, nil); err != nil || !m.Refreshes() || !m.Seal.Authenticated {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var ratios []float64
	for b.Loop() {
		l, w := cost(least), cost(whole)
		ratios = append(ratios, float64(w)/float64(l))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-GCM-CRC")
	b.ReportMetric(testing.AllocsPerRun(100, whole), "allocs/push")
}

// BenchmarkNoise is what a line that sends only garbage costs, an octet.
func BenchmarkNoise(b *testing.B) {
	noise := streams()["random"]
	b.SetBytes(int64(len(noise)))
	for b.Loop() {
		telegram.Telegrams(noise, Format, func(telegram.Event) {})
	}
}
