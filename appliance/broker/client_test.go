package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; nothing waits that long
// when all is well.
const patience = 5 * time.Second

// client speaks MQTT 3.1.1 octet by octet, so that it can also misbehave.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

// login is what a CONNECT packet says.
type login struct {
	id, user, password   string
	keep                 bool // the session outlives the connection
	willTopic, willWords string
	willRetain           bool
}

// message is a PUBLISH packet.
type message struct {
	topic, payload string
	qos            byte
	retain         bool
}

func dial(t testing.TB, addr net.Addr) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

// enter connects and returns a client that was let in.
func enter(t testing.TB, addr net.Addr, l login) *client {
	t.Helper()
	c := dial(t, addr)
	if present, code := c.connect(l); code != 0 || present {
		t.Fatalf("CONNECT of %q as %q: session present %t, return code %d; want a new session", l.user, l.id, present, code)
	}
	return c
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func packet(first byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
}

func (c *client) send(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// connect returns what CONNACK says; code 255 is a connection closed without.
func (c *client) connect(l login) (present bool, code byte) {
	c.t.Helper()
	flags := byte(0)
	fields := [][]byte{text(l.id)}
	if !l.keep {
		flags |= 0x02
	}
	if l.willTopic != "" {
		flags |= 0x04
		fields = append(fields, text(l.willTopic), text(l.willWords))
	}
	if l.willRetain {
		flags |= 0x20
	}
	if l.user != "" {
		flags |= 0x80
		fields = append(fields, text(l.user))
	}
	if l.password != "" {
		flags |= 0x40
		fields = append(fields, text(l.password))
	}
	fields = append([][]byte{text("MQTT"), {4, flags, 0, 0}}, fields...)
	c.send(packet(0x10, fields...))
	first, body, err := c.next(patience)
	if err != nil {
		return false, 255
	}
	if first != 0x20 || len(body) != 2 {
		c.t.Fatalf("got packet %#x % x, want CONNACK", first, body)
	}
	return body[0] == 1, body[1]
}

// next reads one packet.
func (c *client) next(within time.Duration) (first byte, body []byte, err error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	if first, err = c.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.in, body)
	return first, body, err
}

// subscribe returns the code that SUBACK gives the filter: 0 or 1 the QoS
// granted, 0x80 refused.
func (c *client) subscribe(filter string, qos byte) byte {
	c.t.Helper()
	c.send(packet(0x82, []byte{0, 10}, text(filter), []byte{qos}))
	for {
		first, body, err := c.next(patience)
		if err != nil {
			c.t.Fatalf("waiting for SUBACK: %v", err)
		}
		if first == 0x90 {
			return body[2]
		}
	}
}

func (c *client) publish(m message) {
	c.t.Helper()
	first := byte(0x30) | m.qos<<1
	id := []byte{}
	if m.qos > 0 {
		id = []byte{0, 77}
	}
	if m.retain {
		first |= 1
	}
	c.send(packet(first, text(m.topic), id, []byte(m.payload)))
}

// receive returns the next message, acknowledged.
func (c *client) receive(within time.Duration) (message, error) {
	for {
		first, body, err := c.next(within)
		if err != nil {
			return message{}, err
		}
		if first&0xf0 != 0x30 {
			continue
		}
		m := message{qos: first >> 1 & 3, retain: first&1 == 1}
		n := int(binary.BigEndian.Uint16(body))
		m.topic, body = string(body[2:2+n]), body[2+n:]
		if m.qos > 0 {
			c.send(packet(0x40, body[:2]))
			body = body[2:]
		}
		m.payload = string(body)
		return m, nil
	}
}

// until reads messages up to the first on the topic and returns them all.
func (c *client) until(topic string) []message {
	c.t.Helper()
	var all []message
	for {
		m, err := c.receive(patience)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", topic, err)
		}
		all = append(all, m)
		if m.topic == topic {
			return all
		}
	}
}

// alive asks for an answer to a ping, past all that came before it.
func (c *client) alive() error {
	if _, err := c.Write([]byte{0xc0, 0}); err != nil {
		return err
	}
	for {
		first, _, err := c.next(patience)
		if err != nil {
			return err
		}
		if first == 0xd0 {
			return nil
		}
	}
}

// closed waits for the other side to close.
func (c *client) closed(within time.Duration) error {
	for {
		_, _, err := c.next(within)
		if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
			return fmt.Errorf("still open after %v", within)
		}
		if err != nil {
			return nil
		}
	}
}
