package identity

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"smartconnect/appliance/config"
)

// Label is what a sticker on the box says.
type Label struct {
	Serial        string   `json:"serial"`
	User          string   `json:"user"`
	Password      string   `json:"password"` // "" once the owner has deleted label.txt
	MQTTUser      string   `json:"mqtt_user"`
	MQTTPassword  string   `json:"mqtt_password"`  // "" once the owner has deleted label.txt
	CAFingerprint string   `json:"ca_fingerprint"` // SHA-256, as openssl and browsers print it
	MACs          []string `json:"macs"`
	Note          string   `json:"note,omitempty"` // why a password is missing
}

// Why a password is missing.
const (
	deleted = "deleted by the owner; make a new one with: smartconnect label --new-password"
	changed = "changed by the owner; make a new one with: smartconnect label --new-password"
	printed = "as on the printed label; make a new one with: smartconnect label --new-password"
)

// label returns everything but the passwords.
func (id *Identity) label() Label {
	return Label{Serial: id.kept.Serial, User: User, MQTTUser: MQTTUser, CAFingerprint: id.ca.fingerprint(), MACs: id.macs()}
}

// Label returns the label. Its passwords are those of label.txt, and its note says
// why one is missing.
func (id *Identity) Label() (Label, error) {
	id.current()
	id.mu.Lock()
	l := id.label()
	id.mu.Unlock()
	b, err := config.ReadFile(id.path(labelName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("identity: %w", err)
	}
	written := parseLabel(b)
	l.Password, l.MQTTPassword = written.Password, written.MQTTPassword
	if l.Password == "" || l.MQTTPassword == "" {
		l.Note = cmp.Or(written.Note, deleted)
	}
	return l, nil
}

// written returns what label.txt says, and whether there is one that can be read.
func (id *Identity) written() (l Label, ok bool) {
	b, err := config.ReadFile(id.path(labelName))
	return parseLabel(b), err == nil
}

// lines are the lines of a label in the order they are printed in.
var lines = []struct {
	title string
	of    func(*Label) *string
}{
	{"Serial number", func(l *Label) *string { return &l.Serial }},
	{"User", func(l *Label) *string { return &l.User }},
	{"Password", func(l *Label) *string { return &l.Password }},
	{"MQTT user", func(l *Label) *string { return &l.MQTTUser }},
	{"MQTT password", func(l *Label) *string { return &l.MQTTPassword }},
	{"CA SHA-256", func(l *Label) *string { return &l.CAFingerprint }},
}

// Text returns the label as lines "Serial number: ABCDEF012345".
func (l Label) Text() []byte {
	var b bytes.Buffer
	for _, line := range lines {
		text := *line.of(&l)
		if text == "" {
			text = "(" + l.Note + ")"
		}
		fmt.Fprintf(&b, "%-15s%s\n", line.title+":", text)
	}
	for _, mac := range l.MACs {
		fmt.Fprintf(&b, "%-15s%s\n", "MAC address:", mac)
	}
	return b.Bytes()
}

// parseLabel reads what Text wrote; what it does not know stays empty. The note is
// what stands where a password is missing.
func parseLabel(b []byte) Label {
	var l Label
	for text := range strings.Lines(string(b)) {
		title, rest, _ := strings.Cut(text, ":")
		rest = strings.TrimSpace(rest)
		for _, line := range lines {
			switch note, missing := strings.CutPrefix(rest, "("); {
			case line.title != title:
			case missing:
				l.Note = strings.TrimSuffix(note, ")")
			default:
				*line.of(&l) = rest
			}
		}
	}
	return l
}

// hostMACs returns the hardware addresses of the network interfaces: those of
// real ones, or, where there are none (a container), all.
func hostMACs() []string {
	interfaces, _ := net.Interfaces() // a label without them is better than none
	all, devices := []string{}, []string{}
	for _, i := range interfaces {
		if len(i.HardwareAddr) != 6 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		all = append(all, i.HardwareAddr.String())
		if _, err := os.Stat(filepath.Join("/sys/class/net", i.Name, "device")); err == nil {
			devices = append(devices, i.HardwareAddr.String())
		}
	}
	if len(devices) > 0 {
		return devices
	}
	return all
}
