package dlms

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/telegram"
)

// heard is what a receiver makes of what is said on its line, in fake time.
func heard(speak func(say func([]byte))) (pushes, losses int) {
	r, w := io.Pipe()
	rc := telegram.Receiver{Formats: []telegram.Format{Format}}
	done := make(chan error)
	go func() {
		done <- rc.Run(r, 2*time.Second, func(g telegram.Received) {
			switch {
			case g.Err != nil:
				losses++
			case g.Noise == 0:
				pushes++
			}
		})
	}()
	speak(func(b []byte) { _, _ = w.Write(b) })
	w.Close()
	<-done
	return pushes, losses
}

// Half a push and the other half of the next one fit together: nothing in them
// says that 100 W and 25 A were never true at once.
func TestHalvesOfTwoPushes(t *testing.T) {
	list := func(watts uint32, centiamps uint16) []byte {
		return notified(cip(listItself, pushed{3, "0100010700FF", 2, u32(watts)}, pushed{3, "01001F0700FF", 2, u16(centiamps)}))
	}
	links := map[string]func(apdu []byte) [][]byte{
		"blocks":   func(apdu []byte) [][]byte { return inBlocks(toE450, apdu, len(apdu)-3) },
		"segments": func(apdu []byte) [][]byte { return inSegments(toAM550, apdu, len(apdu)) },
		"M-Bus":    func(apdu []byte) [][]byte { return overMbus(apdu, len(apdu)-3) },
	}
	for _, c := range []struct {
		name   string
		noise  []byte // comes again and again
		every  time.Duration
		times  int
		pushes int
	}{
		{"the line is out for a second", nil, time.Second, 1, 0},
		{"five seconds, an octet of noise now and then", []byte{0}, 1500 * time.Millisecond, 3, 0},
		{"five seconds, noise all the time", []byte{0}, 200 * time.Millisecond, 25, 0},
		{"five seconds full of flags", octets("7E 7E 7E"), 100 * time.Millisecond, 50, 0},
		{"ten seconds of frames that only keep the link", controlFrame(), 500 * time.Millisecond, 20, 0},
		{"the parts of one push, the meter thinks for half a second", nil, 500 * time.Millisecond, 1, 1},
		{"the same, with noise meanwhile", []byte{0, 1, 2}, 100 * time.Millisecond, 5, 1},
	} {
		for link, parts := range links {
			t.Run(fmt.Sprintf("%s: %s", c.name, link), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					first, second := parts(list(100, 10)), parts(list(15000, 2500))
					pushes, losses := heard(func(say func([]byte)) {
						say(join(first[:len(first)-1]...))
						for range c.times {
							time.Sleep(c.every)
							say(c.noise)
						}
						say(second[len(second)-1])
					})
					if pushes != c.pushes || losses != 2-2*c.pushes {
						t.Errorf("%d pushes, %d lost; want %d and %d", pushes, losses, c.pushes, 2-2*c.pushes)
					}
				})
			})
		}
	}
}

// A gateway on a bad radio link delivers in pieces. What a check sequence covers is
// whole whenever it came; between two parts there is half a second for it.
func TestPushInPieces(t *testing.T) {
	apdu := notified(e450List())
	for name, push := range map[string][]byte{
		"one frame": join(inSegments(toKaifa, apdu, 2*len(apdu))...),
		"blocks":    join(inBlocks(toE450, apdu, 100)...),
		"M-Bus":     join(overMbus(apdu, 200)...),
		"segments":  join(inSegments(toAM550, apdu, 100)...),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				synctest.Test(t, func(t *testing.T) {
					rnd := rand.New(rand.NewPCG(seed, 1))
					pushes, losses := heard(func(say func([]byte)) {
						for rest := push; len(rest) > 0; rest = rest[min(8, len(rest)):] {
							time.Sleep(time.Duration(10+rnd.IntN(140)) * time.Millisecond)
							say(rest[:min(8, len(rest))])
						}
					})
					if pushes != 1 || losses != 0 {
						t.Errorf("seed %d: %d pushes, %d lost", seed, pushes, losses)
					}
				})
			}
		})
	}
	t.Run("a stall inside the one frame", func(t *testing.T) {
		push := join(inSegments(toKaifa, apdu, 2*len(apdu))...)
		for at := 1; at < len(push)-1; at += 3 {
			synctest.Test(t, func(t *testing.T) {
				pushes, _ := heard(func(say func([]byte)) {
					say(push[:at])
					time.Sleep(1500 * time.Millisecond)
					say(push[at:])
				})
				if pushes != 1 {
					t.Fatalf("a second and a half behind octet %d: %d pushes", at, pushes)
				}
			})
		}
	})
}
