package broker

import (
	"errors"
	"io"
	"syscall"
	"testing"
)

// MQTT 3.1.1 knows no DISCONNECT of the server (3.14: it is sent from the client
// to the server): what it has to say, it says by closing.
func TestOldClientsHearNoDisconnect(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cause func(t *testing.T, b *box, c *client)
	}{
		{"it writes what it may not", func(_ *testing.T, _ *box, c *client) {
			c.send(packet(0x32, text(base+"/value/x"), []byte{0, 1}, []byte("forged")))
		}},
		{"another takes over its session", func(t *testing.T, b *box, _ *client) {
			if _, code := dial(t, b.addr).connect(master); code != 0 {
				t.Fatalf("return code %d", code)
			}
		}},
		{"the broker ends", func(_ *testing.T, b *box, _ *client) { b.stop() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := start(t, nil)
			c := enter(t, b.addr, master)
			tc.cause(t, b, c)
			first, body, err := c.next(patience)
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("packet %#x % x, %v; want the end of the connection and nothing before it", first, body, err)
			}
		})
	}
}
