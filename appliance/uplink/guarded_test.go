package uplink

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// stream is a connection that brings what it holds in pieces.
type stream struct {
	net.Conn
	r    io.Reader
	size int
}

func (s *stream) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.size)]) }

func TestPacketsAreBounded(t *testing.T) {
	small := append([]byte{0x30, 3}, "abc"...)
	large := append([]byte{0x30, 0x80, 0x80, 0x08}, make([]byte, 128<<10)...)
	for _, c := range []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"nothing", nil, true},
		{"a packet without a body, and another", []byte{0xd0, 0, 0x20, 2, 0, 0}, true},
		{"small ones", bytes.Repeat(small, 100), true},
		{"the largest there may be", large, true},
		{"an octet more", []byte{0x30, 0x81, 0x80, 0x08}, false},
		{"256 MiB", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, false},
		{"an answer to one subscription", []byte{0x90, 3, 0, 1, 1}, true},
		{"an answer to two", []byte{0x90, 4, 0, 1, 1, 1}, false},
		{"an answer to none", []byte{0x90, 2, 0, 1}, false},
		{"let in", []byte{0x20, 2, 0, 0, 0xd0, 0}, true},
		{"not authorised", []byte{0x20, 2, 0, 5}, true},
		{"refused with a code of MQTT 5", []byte{0x20, 2, 0, 0x87}, false},
		{"a type that is none", []byte{0x00, 0}, false},
		{"a length without an end", []byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x80}, false},
		{"large behind small", append(bytes.Repeat(small, 3), 0x30, 0xff, 0xff, 0x7f), false},
	} {
		for _, size := range []int{1, 2, 7, 4096} {
			got, err := io.ReadAll(&guarded{Conn: &stream{r: bytes.NewReader(c.in), size: size}})
			if (err == nil) != c.ok || c.ok && !bytes.Equal(got, c.in) {
				t.Errorf("%s, %d octets a read: %d octets, %v", c.name, size, len(got), err)
			}
		}
	}
}

// Whatever a broker says, the process lives: a panic in a goroutine of the library
// would end it.
func FuzzBroker(f *testing.F) {
	for _, seed := range []string{
		"", "\xd0\x00", "\x90\x03\x00\x01\x01", "\x90\x04\x00\x01\x01\x01", "\x40\x02\x00\x01", "\x40\x00", "\x62\x02\x00\x01", "\x50\x02\x00\x07",
		"\x30\x03\x00\x01a", "\x32\x05\x00\x01a\x00\x01", "\x36\x05\x00\x01a\x00\x01", "\x34\x06\x00\x01a\x00\x01x", "\x30\x02\x00\xff", "\xb0\x02\x00\x01", "\x20\x02\x00\x00", "\xe0\x00", "\x10\x00", "\x00\x00", "\xf0\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, says []byte) {
		ours, theirs := net.Pipe()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			defer theirs.Close()
			go io.Copy(io.Discard, theirs)
			_ = theirs.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = theirs.Write([]byte{0x20, 2, 0, 0})
			_, _ = theirs.Write(says)
		}()
		u := &Uplink{ClientID: serial, Tree: tree(t)}
		c := u.client(address{dial: "broker:1883"}, patient, &guarded{Conn: ours}, func(error) {}, func(mqtt.Client, mqtt.Message) {})
		if c.Connect().Wait(); c.IsConnected() {
			c.Subscribe("a/+", 1, nil)
			c.Publish("b", 1, false, []byte("c"))
		}
		for waiting := true; waiting && c.IsConnectionOpen(); {
			select {
			case <-gone:
				waiting = false
			case <-time.After(100 * time.Microsecond):
			}
		}
		time.Sleep(time.Millisecond) // for what is under way in the library
		ours.Close()
		<-gone
	})
}
