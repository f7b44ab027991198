package payload

import "strings"

// CommandFilter returns what to subscribe to for the commands.
func (t *Outside) CommandFilter() string { return t.base + "/cmd/+" }

// CommandName returns the command that came under a topic; ok is false for any
// other topic, the responses to commands among them.
func (t *Outside) CommandName(topic string) (name string, ok bool) {
	name, ok = strings.CutPrefix(topic, t.base+"/cmd/")
	if !ok || !legalLevel(name) {
		return "", false
	}
	return name, true
}

// Response returns the answer to the command of that name. MQTT 3.1.1 has no
// response topic that the asker could name, so it is a fixed one.
func (t *Outside) Response(name string, body []byte) Message {
	return Message{Topic: t.base + "/cmd/" + name + "/response", Payload: body, QoS: 1}
}
