package payload

import (
	"fmt"
	"strings"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// HomeAssistantStatusTopic is where Home Assistant says online when it has
// started: whoever is discovered says everything again then.
const HomeAssistantStatusTopic = "homeassistant/status"

// HomeAssistantOptions are what a description for Home Assistant takes from elsewhere.
type HomeAssistantOptions struct {
	ConfigurationURL string        // of the page of the box, "" for none
	StaleAfter       time.Duration // the owner's limit, 0 for that of the period
}

// HomeAssistant describes a box to Home Assistant: its device-based MQTT discovery
// (since 2024.11), one retained JSON object that names every entity. It remembers
// what it has named, and belongs to one goroutine.
type HomeAssistant struct {
	device  Device
	options HomeAssistantOptions
	places  places

	seen     [telegram.NumQuantities]bool
	channels [telegram.NumChannels]struct { // what was live; id "" for nothing
		device telegram.Device
		unit   telegram.Unit
		component
	}
	gone     map[string]bool // components that were named and are no more
	apparent bool
	expire   time.Duration // after which a momentary value is none, 0 before the first telegram
	message  Message
}

// places says where in a tree the values are.
type places struct {
	base         string // of the channels, "" where the tree has none
	shared       string // the state topic of most components
	availability availability
	of           func(q telegram.Quantity) (topic, template string, ok bool)
}

// availability is one entry of the key of that name. Without a template the words
// are those of the status topic of the house.
type availability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template,omitempty"`
}

// HomeAssistant describes this tree.
func (t *Tree) HomeAssistant(o HomeAssistantOptions) *HomeAssistant {
	return &HomeAssistant{device: t.device, options: o, gone: map[string]bool{}, places: places{
		base: t.base, shared: t.electricity, availability: availability{Topic: t.status},
		of: func(q telegram.Quantity) (topic, template string, ok bool) {
			if q.Momentary() { // the object keeps old values and says that they are
				return t.electricity, "{{ value_json." + q.String() + " if value_json.quality == 'ok' else none }}", true
			}
			return t.electricity, "{{ value_json." + q.String() + " }}", true
		},
	}}
}

// HomeAssistant describes this tree, to the owner's own Home Assistant: it listens
// to one broker only. The format rl-dsp is for utilities and is refused.
func (t *Outside) HomeAssistant(o HomeAssistantOptions) (*HomeAssistant, error) {
	f := t.format
	if f.place == nil {
		return nil, fmt.Errorf("payload: Home Assistant cannot be told of the format %q", f.name)
	}
	p := places{
		availability: availability{Topic: t.base + "/status", Template: "{{ 'online' if value_json.online else 'offline' }}"},
		of: func(q telegram.Quantity) (topic, template string, ok bool) {
			topic, key, ok := f.place(t, q)
			if q.Momentary() {
				return topic, fmt.Sprintf(lately, key), ok
			}
			return topic, "{{ value_json." + key + " }}", ok
		},
	}
	if f.shared {
		p.shared = t.electricity
	}
	if t.options.Energy {
		p.base = t.base + "/data"
	}
	return &HomeAssistant{device: t.device, options: o, gone: map[string]bool{}, places: p}, nil
}

// lately is the template of a value of the moment outside: what an outage has held
// up must not pass for what is now. Two minutes leave room for clocks that are not
// quite the same.
const lately = "{{ value_json.%s if value_json.timestamp is none or now().timestamp() - value_json.timestamp < 120 else none }}"

// Discovery returns the description after a telegram: a component for each
// quantity the meter has sent and each live M-Bus channel. It is the same message,
// octet for octet, until there is something new to say. s is not nil.
func (h *HomeAssistant) Discovery(s *snapshot.Snapshot) Message {
	changed := h.message.Payload == nil || h.apparent != s.Apparent
	h.apparent = s.Apparent
	for q := range telegram.NumQuantities {
		if v := s.Get(q); !h.seen[q] && v.OK() && (!idle(q) || v.Or(0) > 0) {
			h.seen[q], changed = true, true
		}
	}
	for i := range s.Channels {
		if c := &s.Channels[i]; h.places.base != "" && c.Live() {
			changed = h.name(i, c) || changed
		}
	}
	// The period is learned and wanders: only one that has become longer is told,
	// in steps.
	if need := max(minExpiry, 2*s.Limit(h.options.StaleAfter)); need > h.expire {
		h.expire, changed = (need + expiryStep - 1).Truncate(expiryStep), true
	}
	if changed {
		h.message = Message{Topic: h.topic(), Payload: h.describe(), QoS: 1, Retain: true}
	}
	return h.message
}

const (
	minExpiry  = 30 * time.Second
	expiryStep = 30 * time.Second
)

// name describes the live channel i and reports whether it was another. One that
// falls silent keeps its component: its value is null.
func (h *HomeAssistant) name(i int, c *telegram.Channel) bool {
	known := &h.channels[i]
	if known.id != "" && known.device == c.Device && known.unit == c.Unit {
		return false
	}
	old := known.id
	known.device, known.unit, known.component = c.Device, c.Unit, channelComponent(c, h.places.base, i+1)
	if old != "" && old != known.id {
		h.gone[old] = true
	}
	delete(h.gone, known.id)
	return true
}

// Removal returns the message that takes the box out of Home Assistant.
func (h *HomeAssistant) Removal() Message {
	return Message{Topic: h.topic(), QoS: 1, Retain: true}
}

// Removal takes back what was told of this tree when it had a format that Home
// Assistant can be told of.
func (t *Outside) Removal() Message {
	return (&HomeAssistant{device: t.device}).Removal()
}

func (h *HomeAssistant) node() string  { return "smart-connect-" + h.device.Serial }
func (h *HomeAssistant) topic() string { return "homeassistant/device/" + h.node() + "/config" }

// describe returns the description. The key names are those of DEVICE_DISCOVERY_SCHEMA
// in Home Assistant (components/mqtt/schemas.py).
func (h *HomeAssistant) describe() []byte {
	type device struct {
		Identifiers      []string `json:"identifiers"`
		Name             string   `json:"name"`
		Manufacturer     string   `json:"manufacturer"`
		Model            string   `json:"model"`
		Version          string   `json:"sw_version"`
		Serial           string   `json:"serial_number"`
		ConfigurationURL string   `json:"configuration_url,omitempty"`
	}
	type origin struct {
		Name    string `json:"name"`
		Version string `json:"sw_version"`
	}
	components := map[string]any{}
	// One that is not named any more stays until its description is empty.
	for id := range h.gone {
		components[id] = map[string]string{"platform": "sensor"}
	}
	for _, c := range h.channels {
		if c.id != "" {
			components[c.id] = h.finish(c.component)
		}
	}
	for q, seen := range h.seen {
		q := telegram.Quantity(q)
		topic, template, ok := h.places.of(q)
		if !seen || !ok {
			continue
		}
		c := quantityComponent(q, h.apparent)
		c.Topic, c.Template = topic, template
		if q.Momentary() {
			c.Expire = int(h.expire / time.Second)
		}
		components[c.id] = h.finish(c)
	}
	return encoded(struct {
		Device       device         `json:"device"`
		Origin       origin         `json:"origin"`
		Topic        string         `json:"state_topic,omitempty"`
		Availability []availability `json:"availability"`
		QoS          int            `json:"qos"`
		Components   map[string]any `json:"components"`
	}{
		device{
			Identifiers: []string{h.node()}, Name: h.device.Model + " " + h.device.Serial,
			Manufacturer: manufacturer, Model: h.device.Model, Version: h.device.Firmware,
			Serial: h.device.Serial, ConfigurationURL: h.options.ConfigurationURL,
		},
		origin{manufacturer, h.device.Firmware},
		h.places.shared, []availability{h.places.availability}, 1, components,
	})
}

// manufacturer is who made the box and its description.
const manufacturer = "smartconnect"

// finish adds what all components have and leaves out what the device says for all.
func (h *HomeAssistant) finish(c component) component {
	c.Platform = "sensor"
	c.UniqueID = h.node() + "-" + strings.ReplaceAll(c.id, "_", "-")
	if c.Topic == h.places.shared {
		c.Topic = ""
	}
	return c
}
