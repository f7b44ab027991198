package uplink

import (
	"fmt"
	"net"
)

// guarded ends a connection whose peer sends what the library cannot bear: a packet
// of up to 256 MiB, which it would make room for as soon as one is announced, and a
// SUBACK with more answers than it has asked questions, at which it panics in a
// goroutine of its own. Who the broker is must not matter to the house.
type guarded struct {
	net.Conn
	left  int  // octets of the packet that is read
	begun bool // its first octet has been read
	kind  byte // which that was
	size  int  // its length as far as it has been read
	shift uint
}

const (
	// maxPacket is above any command, in octets.
	maxPacket = 128 << 10
	suback    = 9
	// subackSize is the length of the answer to a subscription to one filter, the
	// only kind that is made here.
	subackSize = 3
)

// Read implements io.Reader.
func (c *guarded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.left > 0 {
			skip := min(c.left, len(b))
			c.left -= skip
			b = b[skip:]
			continue
		}
		octet := b[0]
		b = b[1:]
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
		case c.kind == suback && c.size != subackSize:
			return 0, fmt.Errorf("uplink: the broker sends a SUBACK of %d octets, want %d", c.size, subackSize)
		default:
			c.begun, c.left = false, c.size
		}
	}
	return n, err
}
