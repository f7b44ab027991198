// Package payload turns a snapshot into what is published about it: the topics
// of a box and the octets under them. It knows no network: the broker and the
// uplink send what it makes.
//
// # The topics of the house
//
// On the broker of the box ([Tree]), below smart-connect/<serial>/, all retained:
//
//	status             online or offline, plain words
//	info               one JSON object: what this box and its meter are
//	electricity        one JSON object: seq, timestamp, quality, every quantity
//	value/<quantity>   a bare number in the unit of the quantity table, or null
//	value/quality      ok or stale
//	<class>/<channel>  one JSON object for each meter behind the M-Bus: gas/1
//
// # The topics outside
//
// On a broker elsewhere ([Outside]), below devices/<site>/smart-connect/<serial>/,
// JSON objects at QoS 1, of which status and info are retained:
//
//	status                  whether the box is there; its will is the same
//	info                    what box and meter are, and which commands are obeyed
//	data/electricity        format xemex: the instantaneous values of a telegram
//	data/value/<quantity>   format values: one number each, with its time and unit
//	data/energy             where it is asked for: every counter
//	data/<class>/<channel>  and the meters behind the M-Bus
//	event                   what has happened
//	cmd/<name>              to the box; it answers under cmd/<name>/response
//
// The format rl-dsp has a topic of its own, dt/<site>/<meter>/ds. [Schemas] holds a
// JSON schema of each of these payloads.
//
// Signs: import is positive, and currents are magnitudes.
//
// [HomeAssistant] describes either tree to Home Assistant, under
// homeassistant/device/smart-connect-<serial>/config, retained. [Compat] tells the
// reading in the forms of other products: compat/victron-grid/<serial>, retained, and
// openWB/set/mqtt/counter/<number>/get/…
//
// # Adding to it
//
// A quantity that is added to the quantity table has its key and its topic
// already, and a test names the schemas it is missing in. A new topic of the house
// is a field of [Tree] and one line in [Tree.Reading]. A new format outside is a
// row of formats and a schema of its name. A unit that Home Assistant should know is
// a row of byUnit, and another product's form one of compatForms.
package payload

import (
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

// Message is one message to publish. Those of the broker of the box are all
// retained, so that who comes later knows the state at once.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
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

// appendText appends a text, or null where there is none.
func appendText(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return snapshot.AppendString(dst, s)
}
