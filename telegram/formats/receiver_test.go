package formats

import (
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"smartconnect/telegram"
)

// A box runs for years on a line that may speak nonsense. What a Receiver with
// every format keeps of megabytes of it, beginnings without end among them, is
// bounded.
func TestReceiverStaysSmall(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 2<<20)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	lines := map[string][]byte{
		"noise":                   noise,
		"a text without end":      append([]byte("/ABC5x\r\n"), bytes.Repeat([]byte("1-0:1.8.1(1*kWh)\r\n"), 100_000)...),
		"texts cut off":           bytes.Repeat([]byte("/ABC5x\r\n\r\n1-0:1.8.1(1*kWh)\r\n!0000\r\n"), 50_000),
		"HDLC headers":            bytes.Repeat([]byte{0x7E, 0xA7, 0xFF, 0xCE, 0xFF, 0x03}, 300_000),
		"M-Bus headers":           bytes.Repeat([]byte{0x68, 0xFF, 0xFF, 0x68, 0x53, 0xFF, 0x00}, 250_000),
		"ciphering headers":       bytes.Repeat([]byte{0xDB, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0xFF, 0xFF, 0x30}, 120_000),
		"TIC frames without end":  bytes.Repeat([]byte("\x02\nADCO 031961000001 4\r"), 100_000),
		"one octet":               bytes.Repeat([]byte{0x02}, 1<<20),
		"flags":                   bytes.Repeat([]byte{0x7E}, 1<<20),
		"general-block-transfers": bytes.Repeat([]byte{0x7E, 0xA0, 0x0E, 0xCE, 0xFF, 0x03, 0x13, 0, 0, 0xE0, 0x80, 0, 1, 0, 0, 0x7E}, 100_000),
	}
	for name, line := range lines {
		rc := telegram.Receiver{Formats: All(), Objects: true, Raws: func() bool { return true }}
		before, after := heap(), uint64(0)
		end := reader(func() { after = heap() }) // all is read, and nothing let go of yet
		if err := rc.Run(io.MultiReader(bytes.NewReader(line), end), 0, func(telegram.Received) {}); err != io.EOF {
			t.Fatal(err)
		}
		if grown := int64(after) - int64(before); grown > 1<<20 {
			t.Errorf("%s: %d octets of it leave %d octets in memory", name, len(line), grown)
		}
		runtime.KeepAlive(&rc)
		runtime.KeepAlive(line)
	}
}

type reader func()

func (r reader) Read([]byte) (int, error) { r(); return 0, io.EOF }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
