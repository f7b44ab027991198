package api

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"smartconnect/telegram"
)

// State says in one word how a part of the box is doing.
type State string

// The states. Every part uses those that can happen to it.
const (
	OK      State = "ok"      // works
	Waiting State = "waiting" // started, nothing has come yet
	Stale   State = "stale"   // worked, and has been silent for longer than it may
	Fault   State = "fault"   // cannot work; the detail says why
	Off     State = "off"     // not configured, or not a part of this box
)

// MeterState says in one word how the meter and the line to it are doing, down
// to the fault that an installer has to look for.
type MeterState string

// The states of the meter. Those from NoSignal to ListUnknown are the places at
// which a telegram can be lost, in the order of its way.
const (
	MeterOK       MeterState = "ok"              // values come as they should
	MeterStale    MeterState = "stale"           // they came, and come no more
	NoSignal      MeterState = "no-signal"       // nothing is received
	Receiving     MeterState = "receiving"       // octets come, no whole telegram yet
	Garbage       MeterState = "garbage"         // octets come that are no telegram
	WrongLine     MeterState = "wrong-line"      // octets come, and show that the line settings are not the meter's
	ChecksumError MeterState = "checksum-errors" // telegrams come damaged
	KeyRequired   MeterState = "key-required"    // they are encrypted, and no key is set
	KeyInvalid    MeterState = "key-invalid"     // what is set is no key
	KeyWrong      MeterState = "key-wrong"       // the key does not decrypt, or the other one not authenticate
	Unencrypted   MeterState = "unencrypted"     // plain telegrams come where a key is set, and are refused
	Replay        MeterState = "replay"          // only telegrams come that were heard before
	ListUnknown   MeterState = "list-unknown"    // they come whole, and are not understood
	SeveralMeters MeterState = "several-meters"  // telegrams of several meters take turns
)

// Status is everything the box tells about itself at one moment. It is the
// contract between the appliance, which fills it, the status endpoint, which
// sends it as it stands, and the page, which shows it in words. It holds no
// secret.
type Status struct {
	Serial          string   `json:"serial"`           // serial number of the box
	Model           string   `json:"model"`            // what the box calls itself towards machines
	Version         string   `json:"version"`          // firmware version
	SupportUntil    string   `json:"support_until"`    // last day of security updates, "2031-12-31"; "" where nobody has promised any
	UptimeSeconds   int64    `json:"uptime_seconds"`   // since this life of the box began: a reset starts again at 0
	RestartRequired bool     `json:"restart_required"` // saved settings take effect with the next reset
	RestartFor      []string `json:"restart_for"`      // JSON pointers of these settings
	Warnings        []string `json:"warnings"`         // sentences for the owner that belong to no single part

	Light    Light     `json:"light"`
	Meter    Meter     `json:"meter"`
	Events   []Event   `json:"events"`   // the latest first, at most 32
	Readings []Reading `json:"readings"` // what is worth a glance, in the order to show; see Reading
	Modbus   []Modbus  `json:"modbus"`   // one for each configured server
	Broker   Broker    `json:"broker"`
	MQTT     MQTT      `json:"mqtt"`
	Network  Network   `json:"network"`
}

// Meter is the state of the meter and of the line to it.
type Meter struct {
	State  MeterState `json:"state"`
	Level  State      `json:"level"`  // how good or bad that is, in the word that the other parts use
	Detail string     `json:"detail"` // a sentence that says why it is not ok; "" if it is

	Source string `json:"source"` // where telegrams come from: "/dev/ttyUSB0", "tcp://10.0.0.7:2000", "sim:dsmr5"
	Line   string `json:"line"`   // settings of the serial line: "115200 8N1"; "" where there is none

	Searching bool        `json:"searching"` // for the line settings: Line is the one that is tried now
	Tried     []TriedLine `json:"tried"`     // and these were, the last one at the end
	Format    string      `json:"format"`    // name of the telegram format in use; "" until one is known
	ID        string      `json:"id"`        // what the meter calls itself: its serial number or equipment identifier
	Header    string      `json:"header"`    // identification line of its telegrams, or maker and model

	Encrypted     bool `json:"encrypted"`     // the latest telegram was encrypted
	Authenticated bool `json:"authenticated"` // and its tag verified with the authentication key

	Out   *Out   `json:"out"`   // the copy to a second device; null where there is none
	Share *Share `json:"share"` // the telegrams over TCP; null where they are not shared

	PeriodSeconds Number `json:"period_seconds"` // expected time between fresh values
	AgeSeconds    Number `json:"age_seconds"`    // age of the instantaneous values; missing before the first
	LimitSeconds  Number `json:"limit_seconds"`  // age past which they no longer pass for fresh

	Seq                 uint64            `json:"seq"`                    // number of the latest snapshot, 0 before the first
	Telegrams           uint64            `json:"telegrams"`              // good telegrams in this life
	Stages              Stages            `json:"stages"`                 // how far what came has come
	Errors              map[string]uint64 `json:"errors"`                 // lost telegrams by error class: "checksum": 3; reader failures as "source"
	LastError           string            `json:"last_error"`             // text of the latest of these errors, "" if there was none
	LastErrorAgeSeconds Number            `json:"last_error_age_seconds"` // how long ago that was
}

// Stages counts what has passed each step on the way of a telegram in this life,
// and what was lost at it: the first that stands still, or the first loss that
// grows, names the fault.
type Stages struct {
	Octets    uint64 `json:"octets"`    // received
	Noise     uint64 `json:"noise"`     // of them, those that belong to no telegram
	Frames    uint64 `json:"frames"`    // with a right check sequence; a telegram of text is one
	Checksum  uint64 `json:"checksum"`  // lost: the check sequence is wrong
	Segments  uint64 `json:"segments"`  // lost: cut off, or a frame of it is missing
	Decrypt   uint64 `json:"decrypt"`   // lost: no key, or the wrong one
	Replay    uint64 `json:"replay"`    // lost: heard before
	Parse     uint64 `json:"parse"`     // lost: whole, and not understood
	Telegrams uint64 `json:"telegrams"` // good ones
}

// TriedLine is a line setting that was listened with, and was not the meter's.
type TriedLine struct {
	Line    string `json:"line"`
	Seconds Number `json:"seconds"` // for how long
	Octets  int    `json:"octets"`  // that came
	Seen    string `json:"seen"`    // what they looked like, in words
}

// Out is the state of the copy of the meter's octets to a second device.
type Out struct {
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Device string `json:"device"`
	Octets uint64 `json:"octets"` // written
	Lost   uint64 `json:"lost"`   // octets it was too slow or not there for
}

// Share is the state of the telegrams' own port.
type Share struct {
	State     State  `json:"state"`
	Detail    string `json:"detail"`
	Listen    string `json:"listen"`
	Readers   int    `json:"readers"`   // here and on the API
	Telegrams uint64 `json:"telegrams"` // handed on
	Lost      uint64 `json:"lost"`      // that slow readers did not get, for each of them
}

// Event is something about the meter that an owner should know, whether or not it
// is so still.
type Event struct {
	Time  int64  `json:"time"`  // UTC, in seconds since 1970
	Kind  string `json:"kind"`  // a word: "implausible"
	Text  string `json:"text"`  // a sentence
	Count int    `json:"count"` // how often, in the ten minutes from Time on
}

// Reading is one value of the meter for a person to look at. The page puts
// names that differ in a final _l1, _l2, _l3 on one line.
type Reading struct {
	Name    string `json:"name"`    // as in the quantity table: "active_power_l1"
	Value   Number `json:"value"`   // missing where the meter did not say
	Unit    string `json:"unit"`    // base unit of the quantity: "W"
	Derived bool   `json:"derived"` // computed from others, and not sent by the meter
}

// Modbus is the state of one Modbus TCP server.
type Modbus struct {
	State      State             `json:"state"`  // Stale: answers, but by the policy for a silent meter
	Detail     string            `json:"detail"` // a sentence that says why it is not ok; "" if it is
	MeterType  string            `json:"meter_type"`
	Listen     string            `json:"listen"`      // address it listens on, or would
	Clients    int               `json:"clients"`     // connections open now
	MaxClients int               `json:"max_clients"` // and how many may be
	Refused    uint64            `json:"refused"`     // connections, for want of a place or because their address is not allowed
	Requests   uint64            `json:"requests"`    // in this life, exceptions included
	Exceptions map[string]uint64 `json:"exceptions"`  // by code, two hex digits: "0B": 12
}

// Broker is the state of the embedded MQTT broker.
type Broker struct {
	State    State  `json:"state"`    // of its worst door
	Detail   string `json:"detail"`   // a sentence that says why it is not ok; "" if it is
	Listen   string `json:"listen"`   // address of the plain door, or what it would be
	Doors    []Door `json:"doors"`    // all ways in
	Clients  int    `json:"clients"`  // connected now
	Messages uint64 `json:"messages"` // handed to clients in this life
	Dropped  uint64 `json:"dropped"`  // messages that a client had no room for
	Refused  uint64 `json:"refused"`  // logins
	Commands uint64 `json:"commands"` // taken
}

// Door is one way into the broker.
type Door struct {
	State     State  `json:"state"`
	Detail    string `json:"detail"`
	Listen    string `json:"listen"`
	TLS       bool   `json:"tls"`
	WebSocket bool   `json:"websocket"`
}

// MQTT is the state of the connection to a broker outside. The counters are of this
// life.
type MQTT struct {
	State  State  `json:"state"`  // Waiting: for the first connection, or for the clock
	Reason string `json:"reason"` // why there is no connection, in a word: "untrusted"; "" while there is one
	Detail string `json:"detail"` // the same in a sentence
	Broker string `json:"broker"` // its address

	SinceSeconds   Number `json:"since_seconds"`    // how long that has been so
	NextTrySeconds Number `json:"next_try_seconds"` // until the next attempt; missing while there is none

	Sent       uint64 `json:"sent"`        // messages that the broker has acknowledged
	Waiting    uint64 `json:"waiting"`     // messages that it has not
	KeptOctets uint64 `json:"kept_octets"` // of them on the disk
	Dropped    uint64 `json:"dropped"`     // for which there was no room any more, the oldest
	Damaged    uint64 `json:"damaged"`     // on the disk, and lost
	Strayed    uint64 `json:"strayed"`     // kept for another broker or site than that of now, and not sent
	Thinned    uint64 `json:"thinned"`     // telegrams of a long outage that were not kept, as the owner wants
	Commands   uint64 `json:"commands"`    // requests that came
	Refused    uint64 `json:"refused"`     // of them retained, or too many at once
}

// Number is a number that may be missing: null in JSON, "–" on the page.
type Number struct{ telegram.Value }

// Seconds returns a time span as a Number, to a tenth of a second.
func Seconds(d time.Duration) Number {
	return Number{telegram.Of(math.Round(d.Seconds()*10) / 10)}
}

// MarshalJSON gives the number in its shortest form, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if v, ok := n.Get(); ok {
		return strconv.AppendFloat(nil, v, 'f', -1, 64), nil
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	var v *float64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*n = Number{}
	if v != nil {
		n.Value = telegram.Of(*v)
	}
	return nil
}

// status returns the appliance's status with its lists and counters in place:
// a client can range over them without asking for null.
func (s *Server) status() Status {
	st := s.Status()
	st.RestartFor, st.Warnings = listed(st.RestartFor), listed(st.Warnings)
	st.Readings = listed(st.Readings)
	st.Events = listed(st.Events)
	st.Light.Colours = listed(st.Light.Colours)
	st.Meter.Tried = listed(st.Meter.Tried)
	st.Modbus = append([]Modbus{}, st.Modbus...) // its rows are changed below
	st.Network.Addresses = listed(st.Network.Addresses)
	st.Network.Address.List, st.Network.Address.DNS = listed(st.Network.Address.List), listed(st.Network.Address.DNS)
	st.Broker.Doors = listed(st.Broker.Doors)
	st.Meter.Errors = counters(st.Meter.Errors)
	for i := range st.Modbus {
		st.Modbus[i].Exceptions = counters(st.Modbus[i].Exceptions)
	}
	return st
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func counters(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.status())
}
