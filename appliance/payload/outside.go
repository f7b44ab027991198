package payload

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// UnknownSite stands for a site that nobody has named.
const UnknownSite = "unknown-site"

// OutsideOptions are what an owner chooses of the tree outside.
type OutsideOptions struct {
	Energy       bool     // the counters and the M-Bus too: for the owner's own broker
	Capabilities []string // names of the commands that are obeyed
}

// Outside makes the messages of one box for a broker outside. Nothing of a
// telegram is retained there: what is kept for days must not pass for new. It
// remembers what the meter has sent, and belongs to one goroutine.
type Outside struct {
	device  Device
	site    string
	format  *format
	options OutsideOptions

	base        string
	electricity string
	energy      string
	values      [telegram.NumQuantities]string
	dsp         dsp

	seen     [telegram.NumQuantities]bool
	channels channels
	sheet    sheet
}

// NewOutside returns the tree of a box at a site (one level of a topic, "" for
// UnknownSite) in the format of that name ("" for the first of [Formats]).
func NewOutside(d Device, site, formatName string, o OutsideOptions) (*Outside, error) {
	if site == "" {
		site = UnknownSite
	}
	for what, level := range map[string]string{"site": site, "serial number": d.Serial} {
		if !legalLevel(level) {
			return nil, fmt.Errorf("payload: %s %q is not one level of a topic", what, level)
		}
	}
	f, err := formatByName(formatName)
	if err != nil {
		return nil, err
	}
	base := "devices/" + site + "/smart-connect/" + d.Serial
	t := &Outside{
		device: d, site: site, format: f, options: o,
		base:        base,
		electricity: base + "/data/electricity",
		energy:      base + "/data/energy",
		channels:    channels{base: base + "/data"},
		sheet:       sheet{qos: 1},
	}
	for q := range telegram.NumQuantities {
		t.values[q] = base + "/data/value/" + q.String()
	}
	return t, nil
}

// legalLevel reports whether s can be one level of a topic (MQTT 3.1.1, 1.5.3 and 4.7).
func legalLevel(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsAny(s, "/+#\x00")
}

// Base returns what the topics begin with, without the last slash.
func (t *Outside) Base() string { return t.base }

// Telegram returns what is published of one telegram, QoS 1 and not retained. at
// is when it came; zero where the clock of the box is not to be believed, which
// makes its timestamps null. The slice is valid until the next call, the payloads
// for ever.
func (t *Outside) Telegram(s *snapshot.Snapshot, quality snapshot.Quality, at time.Time) []Message {
	for q := range telegram.NumQuantities {
		t.seen[q] = t.seen[q] || s.Get(q).OK()
	}
	t.sheet.begin()
	t.format.write(t, s, quality, at)
	if t.options.Energy {
		t.writeEnergy(s, at)
		t.channels.write(&t.sheet, s)
	}
	return t.sheet.messages
}

// Status returns the message that says whether the box is there, retained. The
// timestamp of one that goes is null in its will: the broker sends that, and
// cannot know when.
func (t *Outside) Status(online bool, at time.Time) Message {
	b := append([]byte(`{"online":`), strconv.FormatBool(online)...)
	b = snapshot.AppendTime(append(b, `,"timestamp":`...), at)
	if online {
		b = snapshot.AppendString(append(b, `,"version":`...), t.device.Firmware)
	}
	return Message{Topic: t.base + "/status", Payload: append(b, '}'), QoS: 1, Retain: true}
}

// Will returns the status the broker is to publish when the box is gone.
func (t *Outside) Will() Message { return t.Status(false, time.Time{}) }

// description is the payload of Info.
type description struct {
	Serial        string   `json:"serial"`
	Model         string   `json:"model"`
	Firmware      string   `json:"firmware"`
	Meter         *string  `json:"meter"`
	Format        *string  `json:"format"`         // of the meter: p1, dlms, tic
	PayloadFormat string   `json:"payload_format"` // one of Formats
	PowerSign     string   `json:"power_sign"`
	PhaseSign     *string  `json:"phase_sign"`
	CurrentSign   string   `json:"current_sign"`
	Capabilities  []string `json:"capabilities"`
}

// Info returns the message that describes the box and its meter, retained: one
// JSON object with a fixed key set, in which is null what only a meter can tell
// before it has. phase_sign is unsigned where the power of a single phase cannot be
// negative, whatever flows (TIC sends apparent powers), else signed. s may be nil.
func (t *Outside) Info(s *snapshot.Snapshot) Message {
	d := description{
		Serial: t.device.Serial, Model: t.device.Model, Firmware: t.device.Firmware,
		PayloadFormat: t.format.name,
		PowerSign:     "import_positive", CurrentSign: "magnitude",
		Capabilities: append([]string{}, t.options.Capabilities...),
	}
	if s != nil {
		d.PhaseSign = known("signed")
		if s.Apparent {
			d.PhaseSign = known("unsigned")
		}
		d.Meter, d.Format = known(s.Meter.Name()), known(s.Format)
	}
	return Message{Topic: t.base + "/info", Payload: encoded(d), QoS: 1, Retain: true}
}

// known returns a text, or nil where there is none.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Event returns the message that tells what has happened: a word for its kind and
// a sentence about it.
func (t *Outside) Event(seq uint64, at time.Time, kind, detail string) Message {
	var when *int64
	if telegram.Plausible(at) {
		unix := at.Unix()
		when = &unix
	}
	return Message{Topic: t.base + "/event", QoS: 1, Payload: encoded(struct {
		Seq       uint64 `json:"seq"`
		Timestamp *int64 `json:"timestamp"`
		Kind      string `json:"kind"`
		Detail    string `json:"detail"`
	}{seq, when, kind, detail})}
}

// encoded returns v as JSON. Only plain structs come here, which always have one.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
