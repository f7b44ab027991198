package modbusmap

import (
	"encoding/hex"
	"fmt"
	"io"
	"testing"
	"time"
)

// Every case over a connection of its own: the bytes that come back, and
// whether the server then goes on answering.
func TestConformance(t *testing.T) {
	server := serveFixture(t)
	for _, c := range readConformance(t).Cases {
		t.Run(fmt.Sprintf("%02d_%s", c.ID, c.Name), func(t *testing.T) {
			conn := dial(t, here, server.addr)
			for i, chunk := range c.Send {
				if i > 0 {
					time.Sleep(time.Duration(c.PauseMS) * time.Millisecond)
				}
				if _, err := conn.Write(unhex(t, chunk)); err != nil {
					t.Fatal(err)
				}
			}
			if c.HalfClose {
				conn.CloseWrite()
			}
			reply := make([]byte, len(c.Reply)/2)
			n, err := io.ReadFull(conn, reply)
			if got := hex.EncodeToString(reply[:n]); got != c.Reply {
				t.Fatalf("reply\n  %s (%v), want\n  %s", got, err, c.Reply)
			}
			switch c.Then {
			case "open":
				if !served(conn) {
					t.Error("does not answer the next request as its first thing")
				}
			case "closed":
				if !closedSoon(conn) {
					t.Error("is not closed")
				}
			default:
				t.Errorf("then %q: want open or closed", c.Then)
			}
		})
	}
}

// OpenEMS (Meter.PhoenixContact) sends these two requests, every cycle.
func TestOpenEMS(t *testing.T) {
	server := serveFixture(t)
	conn := dial(t, here, server.addr)
	for range 3 {
		conn.Write(request(1, 3, 0x8006, 57))
		frame, err := readFrame(conn)
		if err != nil || len(frame) != 9+2*57 {
			t.Fatalf("0x8006, 57 registers: % x, %v", frame, err)
		}
		for at, want := range map[int]float32{0: 230.1, 2: 229.8, 4: 231.4, 6: 0, 8: 2, 10: 0, 12: 5.37, 14: 0, 16: -1234, 24: -460.5, 26: 0, 28: -773.5, 55: 0} {
			if got := float32At(frame[9+2*at:]); got != want {
				t.Errorf("0x%04X: %v, want %v", 0x8006+at, got, want)
			}
		}
		conn.Write(request(2, 3, 0x8100, 8))
		frame, err = readFrame(conn)
		if err != nil || len(frame) != 9+2*8 {
			t.Fatalf("0x8100, 8 registers: % x, %v", frame, err)
		}
		if in, out := float32At(frame[9:]), float32At(frame[9+12:]); in != 12345678 || out != 2345678 {
			t.Errorf("energies %v and %v Wh, want 12345678 and 2345678", in, out)
		}
	}
}

// Each rule of the conformance file is a function below; a rule without one
// fails.
func TestRules(t *testing.T) {
	for _, rule := range readConformance(t).Rules {
		t.Run(fmt.Sprintf("%02d_%s", rule.ID, rule.Name), func(t *testing.T) {
			check, ok := rules[rule.Name]
			if !ok {
				t.Fatalf("no test shows that %s", rule.Rule)
			}
			check(t)
		})
	}
}
