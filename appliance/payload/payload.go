// Package payload turns a snapshot into what is published about it: the topics
// of a box and the octets under them. It knows no network: the broker and the
// uplink send what it makes.
//
// # The topics
//
// Below smart-connect/<serial>/, all retained:
//
//	status             online or offline, plain words
//	info               one JSON object: what this box and its meter are
//	electricity        one JSON object: seq, timestamp, quality, every quantity
//	value/<quantity>   a bare number in the unit of the quantity table, or null
//	value/quality      ok or stale
//	<class>/<channel>  one JSON object for each meter behind the M-Bus: gas/1
//
// Signs: import is positive, and currents are magnitudes.
//
// # Adding to it
//
// A quantity that is added to the quantity table has its key and its topic
// already. A new topic is a field of [Tree] and one line in [Tree.Reading].
package payload

import (
	"strconv"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// Device is the box as it presents itself.
type Device struct {
	Serial   string // 12 characters 0-9A-Z
	Model    string
	Firmware string // version of the firmware
}

// Message is one message to publish. All of them are meant to be retained, so
// that who comes later knows the state at once.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
}

// The payloads of the status topic: the words Home Assistant expects of an
// availability topic.
const (
	OnlineWord  = "online"
	OfflineWord = "offline"
)

// Expiry returns when the meter counts as silent if nothing more comes: one
// limit after the instantaneous values came. A meter that never sent any (a
// heat meter, an energy-only list) is judged by its telegrams.
func Expiry(s *snapshot.Snapshot, staleAfter time.Duration) time.Time {
	at := s.At[telegram.Instantaneous]
	if at.IsZero() {
		at = s.Received
	}
	return at.Add(s.Limit(staleAfter))
}

// Online reports whether the meter is heard of at now. A nil snapshot is that
// of a box that has not heard its meter yet.
func Online(s *snapshot.Snapshot, now time.Time, staleAfter time.Duration) bool {
	return s != nil && !now.After(Expiry(s, staleAfter))
}

// AppendChannel appends the reading of M-Bus channel number (from 1) as one
// JSON object: channel, type, id, timestamp (Unix seconds UTC when the device
// was read), value, unit. A channel without a live reading keeps its keys and
// has nulls.
func AppendChannel(dst []byte, number int, c *telegram.Channel) []byte {
	dst = append(dst, `{"channel":`...)
	dst = strconv.AppendInt(dst, int64(number), 10)
	if !c.Live() {
		return append(dst, `,"type":null,"id":null,"timestamp":null,"value":null,"unit":null}`...)
	}
	dst = append(dst, `,"type":`...)
	dst = snapshot.AppendString(dst, c.Device.Class())
	dst = append(dst, `,"id":`...)
	dst = snapshot.AppendString(dst, c.ID.String())
	dst = append(dst, `,"timestamp":`...)
	dst = strconv.AppendInt(dst, c.Time.Unix(), 10)
	dst = append(dst, `,"value":`...)
	dst = snapshot.AppendValue(dst, c.Value)
	dst = append(dst, `,"unit":`...)
	dst = appendText(dst, c.Unit.String())
	return append(dst, '}')
}

// appendText appends a text, or null where there is none.
func appendText(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return snapshot.AppendString(dst, s)
}
