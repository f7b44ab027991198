package uplink

import (
	"errors"
	"fmt"
	"net"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// guarded ends a connection whose peer sends what the library cannot bear: a packet
// of up to 256 MiB, which it would make room for as soon as one is announced; a
// SUBACK with more answers than it has asked questions, at which it panics in a
// goroutine of its own; a CONNACK with a code that MQTT 3.1.1 does not have, which it
// takes for success. Who the broker is must not matter to the house.
type guarded struct {
	net.Conn
	left  int  // octets of the packet that is read
	begun bool // its first octet has been read
	kind  byte // its type
	size  int  // its length as far as it has been read
	shift uint
}

const (
	maxPacket  = 128 << 10 // octets, above any command
	subackSize = 3         // MQTT 3.1.1, 3.9: the identifier and a code for the one filter
	maxRefusal = 5         // MQTT 3.1.1, 3.2.2.3: not authorized
)

// errCode is the error of a refusal that MQTT 3.1.1 does not know.
var errCode = errors.New("uplink: the broker refuses the connection with a code that MQTT 3.1.1 does not have")

// Read implements io.Reader.
func (c *guarded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.left > 0 {
			skip := min(c.left, len(b))
			if code := 1 - (c.size - c.left); c.kind == packets.Connack && 0 <= code && code < skip && b[code] > maxRefusal {
				return 0, fmt.Errorf("%w: %d", errCode, b[code])
			}
			c.left -= skip
			b = b[skip:]
			continue
		}
		octet := b[0]
		b = b[1:]
		if !c.begun && octet>>4 == 0 {
			return 0, fmt.Errorf("uplink: the broker sends %#x, which begins no packet", octet)
		}
		if !c.begun {
			c.begun, c.kind, c.size, c.shift = true, octet>>4, 0, 0
			continue
		}
		c.size |= int(octet&0x7f) << c.shift
		c.shift += 7
		switch more := octet&0x80 != 0; {
		case c.size > maxPacket || more && c.shift >= 28:
			return 0, fmt.Errorf("uplink: the broker sends a packet of more than %d octets", maxPacket)
		case more:
		case c.kind == packets.Suback && c.size != subackSize:
			return 0, fmt.Errorf("uplink: the broker sends a SUBACK of %d octets, want %d", c.size, subackSize)
		default:
			c.begun, c.left = false, c.size
		}
	}
	return n, err
}
