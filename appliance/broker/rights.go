package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"smartconnect/appliance/payload"
	"smartconnect/telegram"
)

// Access is what a rule speaks of: receiving messages, sending them, or both.
type Access uint8

// The kinds of access.
const (
	Read Access = 1 << iota
	Write
	ReadWrite = Read | Write
)

// Rule allows or denies access to the topics that match a filter. Of a list of
// rules the first that speaks of the access and matches the topic decides; where
// none does, access is denied.
type Rule struct {
	Deny   bool
	Access Access
	Filter string
}

// words are how a configuration says what a rule does.
var words = map[string]Rule{
	"read":      {Access: Read},
	"write":     {Access: Write},
	"readwrite": {Access: ReadWrite},
	"deny":      {Access: ReadWrite, Deny: true},
}

// ParseRule returns the rule of a word (read, write, readwrite, deny) and a topic
// filter.
func ParseRule(word, filter string) (Rule, error) {
	r, ok := words[word]
	if !ok {
		return Rule{}, fmt.Errorf("broker: access %q: want read, write, readwrite or deny", word)
	}
	r.Filter = filter
	return r, CheckFilter(filter)
}

// User is somebody who may log in.
type User struct {
	Name string
	// Verify reports whether the password is the user's; from is the IP address
	// it comes from. It is asked by one connection at a time, and seldom by one
	// that keeps being wrong. What costs time (bcrypt) should remember what was
	// right before: after a power cut everybody comes back at once.
	Verify func(from string, password []byte) bool
	Rules  []Rule
}

// Password returns a Verify for a password that is known as it is. The time it
// takes tells nothing of the password.
func Password(password telegram.Secret) func(from string, given []byte) bool {
	want := sha256.Sum256([]byte(password.Reveal()))
	isSet := password.IsSet()
	return func(_ string, given []byte) bool {
		got := sha256.Sum256(given)
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && isSet
	}
}

// birthTopic is where Home Assistant says that it has come up, and birthWord how.
const (
	birthTopic = "homeassistant/status"
	birthWord  = "online"
)

// ReadOnly returns the rules of somebody who may read all that the box says,
// and neither the commands others send nor what the broker says of itself.
//
// Below homeassistant/ and openWB/ nobody else can say anything but whether Home
// Assistant is up, and Home Assistant subscribes to a filter for every kind of
// thing it knows: all of them are granted, though only one will bring something.
func ReadOnly(serial string) []Rule {
	base := payload.Base(serial)
	return []Rule{
		{Deny: true, Access: Read, Filter: base + "/cmd/#"},
		{Access: Read, Filter: base + "/#"},
		{Access: Read, Filter: "homeassistant/#"},
		{Access: Read, Filter: "compat/victron-grid/" + serial},
		{Access: Read, Filter: "openWB/#"},
	}
}

// allowed reports whether the rules allow the access to a topic.
func allowed(rules []Rule, access Access, topic string) bool {
	for _, r := range rules {
		if r.Access&access != 0 && Match(r.Filter, topic) {
			return !r.Deny
		}
	}
	return false
}

// maySubscribe reports whether a subscription could ever bring a message that
// the rules allow. It is no more than an early answer for a client that asks
// for something it will not get: each message is checked again on delivery, and
// so "#" is a subscription to everything one may read.
func maySubscribe(rules []Rule, filter string) bool {
	filter, err := cutShare(filter)
	if err != nil {
		return false
	}
	if !strings.ContainsAny(filter, "+#") {
		return allowed(rules, Read, filter)
	}
	for _, r := range rules {
		if !r.Deny && r.Access&Read != 0 && overlap(r.Filter, filter) {
			return true
		}
	}
	return false
}

// mayPublish reports whether the rules allow to send a message to a topic. Only
// commands can be sent at all, and that Home Assistant is up, whatever the rules
// say: nobody may forge a reading or an answer, or fill the memory with topics of
// his own.
func mayPublish(rules []Rule, base, topic string) bool {
	_, command := commandName(base, topic)
	return (command || topic == birthTopic) && allowed(rules, Write, topic)
}

// checkUsers says what is wrong with a list of users.
func checkUsers(users []User) error {
	var wrong []error
	names := map[string]bool{}
	for i, u := range users {
		switch {
		case u.Name == "" || strings.ContainsRune(u.Name, 0):
			wrong = append(wrong, fmt.Errorf("broker: user %d: name %q", i+1, u.Name))
		case names[u.Name]:
			wrong = append(wrong, fmt.Errorf("broker: user %q is there twice", u.Name))
		}
		names[u.Name] = true
		if u.Verify == nil {
			wrong = append(wrong, fmt.Errorf("broker: user %q has no password", u.Name))
		}
		for n, r := range u.Rules {
			if err := CheckFilter(r.Filter); err != nil {
				wrong = append(wrong, fmt.Errorf("broker: user %q, rule %d: %w", u.Name, n+1, err))
			}
			if r.Access == 0 || r.Access > ReadWrite {
				wrong = append(wrong, fmt.Errorf("broker: user %q, rule %d: access %d", u.Name, n+1, r.Access))
			}
		}
	}
	return errors.Join(wrong...)
}
