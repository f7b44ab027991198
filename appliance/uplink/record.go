package uplink

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"smartconnect/appliance/payload"
)

// A record of the file is: the form (1), whom it is for (8 octets), the flags QoS
// and retain (1), the length of the topic (2), the topic, and the payload.
const (
	form       = 1
	headLength = 1 + 8 + 1 + 2
	retained   = 0x80
)

// encode returns the record of a message.
func encode(addressee uint64, m payload.Message) []byte {
	b := make([]byte, 0, headLength+len(m.Topic)+len(m.Payload))
	b = append(b, form)
	b = binary.BigEndian.AppendUint64(b, addressee)
	flags := m.QoS
	if m.Retain {
		flags |= retained
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Topic)))
	return append(append(b, m.Topic...), m.Payload...)
}

// decode returns the message of a record, or why it is not to be sent.
func decode(addressee uint64, b []byte) (payload.Message, error) {
	if len(b) < headLength || b[0] != form {
		return payload.Message{}, fmt.Errorf("uplink: a record of %d octets of an unknown form", len(b))
	}
	if to := binary.BigEndian.Uint64(b[1:]); to != addressee {
		return payload.Message{}, fmt.Errorf("uplink: a record for another broker or site")
	}
	flags, n := b[9], int(binary.BigEndian.Uint16(b[10:]))
	rest := b[headLength:]
	if n == 0 || n > len(rest) {
		return payload.Message{}, fmt.Errorf("uplink: a record with a topic of %d octets, of %d", n, len(rest))
	}
	return payload.Message{Topic: string(rest[:n]), Payload: rest[n:], QoS: flags &^ retained, Retain: flags&retained != 0}, nil
}

// addressee identifies whom messages are for. What was kept for one broker and site
// is not sent to another one that the owner has chosen since.
func addressee(broker, base string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(broker + "\x00" + base)) // never fails
	return h.Sum64()
}
