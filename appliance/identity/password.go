package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// minLength is the fewest characters of a password that the owner chooses.
const minLength = 10

// users are the users of the label: where the hash of each is kept, and where the
// label shows the password.
var users = map[string]struct {
	hash  func(*kept) *string
	shown func(*Label) *string
}{
	User:     {func(k *kept) *string { return &k.PasswordHash }, func(l *Label) *string { return &l.Password }},
	MQTTUser: {func(k *kept) *string { return &k.MQTTPasswordHash }, func(l *Label) *string { return &l.MQTTPassword }},
}

// Refusal is an error that says, by user, why a password will not do. No sentence
// holds it.
type Refusal map[string]string

// Error implements error.
func (r Refusal) Error() string {
	var all []string
	for _, user := range slices.Sorted(maps.Keys(r)) {
		all = append(all, user+": "+r[user])
	}
	return "identity: " + strings.Join(all, "; ")
}

// SetPasswords gives users of the label, by their names, passwords that the owner
// has chosen: all of them, or none. The old ones are void at once. A label that is
// still there says that they were changed; NewPassword is the way back. The error
// is a Refusal for passwords that will not do.
func (id *Identity) SetPasswords(given map[string]string) error {
	if err := id.judge(given); err != nil {
		return err
	}
	hashes := map[string]string{}
	for user, password := range given {
		hash, err := id.hash(password)
		if err != nil {
			return fmt.Errorf("identity: %w", err)
		}
		hashes[user] = hash
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	err := id.locked(func() error {
		if err := errors.Join(id.read(), id.finish()); err != nil {
			return err
		}
		k, l := id.kept, id.label()
		written, there := id.written()
		l.Password, l.MQTTPassword, l.Note = written.Password, written.MQTTPassword, changed
		if k.Label == nil {
			k.Label = &labelHashes{k.PasswordHash, k.MQTTPasswordHash}
		}
		for user, hash := range hashes {
			*users[user].hash(&k), *users[user].shown(&l) = hash, ""
		}
		if !there {
			return id.keep(k, nil)
		}
		return id.keep(k, l.Text())
	})
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

// judge returns a Refusal for passwords that will not do. What takes a comparison
// is looked at last.
func (id *Identity) judge(given map[string]string) error {
	now := id.current()
	wrong := Refusal{}
	for user, password := range given {
		if _, ok := users[user]; !ok {
			return fmt.Errorf("identity: %q is no user of the label", user)
		}
		if why := wrongPassword(password, now.Serial); why != "" {
			wrong[user] = why
			continue
		}
		for other, at := range users {
			next, changes := given[other]
			same := next == password
			if !changes || other == user {
				same = bcrypt.CompareHashAndPassword([]byte(*at.hash(&now)), []byte(password)) == nil
			}
			switch {
			case !same:
			case other == user:
				wrong[user] = "is the present one"
			default:
				wrong[user] = fmt.Sprintf("is also that of the user %q: each opens one thing only, as what is said on port 1883 may be overheard", other)
			}
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// keep writes what is to be kept, and the label that goes with it, nil for none.
// The label is written first under another name, the hashes second, and then the
// label gets its name: whoever dies on the way leaves a pending label that finish
// takes or drops, by the hashes.
func (id *Identity) keep(k kept, label []byte) error {
	content, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if label != nil {
		if err := config.WriteFile(id.path(pendingName), label, mode); err != nil {
			return err
		}
	}
	if err := config.WriteFile(id.path(keptName), append(content, '\n'), mode); err != nil {
		return err
	}
	if err := id.read(); err != nil {
		return err
	}
	return id.finish()
}

// issue makes new passwords and a label with both.
func (id *Identity) issue(serial string) error {
	l := id.label()
	l.Serial, l.Password, l.MQTTPassword = serial, randomPassword(), randomPassword()
	k := kept{Version: version, Serial: serial}
	var hashing sync.WaitGroup
	var err, mqttErr error
	hashing.Go(func() { k.PasswordHash, err = id.hash(l.Password) })
	hashing.Go(func() { k.MQTTPasswordHash, mqttErr = id.hash(l.MQTTPassword) })
	hashing.Wait()
	if err := errors.Join(err, mqttErr); err != nil {
		return err
	}
	return id.keep(k, l.Text())
}

func (id *Identity) hash(password string) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(password), id.hashCost)
	return string(b), err
}

// wrongPassword says why a password of the owner's own will not do, "" if it will.
// Serial numbers are on every label and in every topic.
func wrongPassword(password, serial string) string {
	switch n := utf8.RuneCountInString(password); {
	case n < minLength:
		return fmt.Sprintf("a password has at least %d characters, and this has %d", minLength, n)
	case len(password) > maxLength:
		return fmt.Sprintf("a password has at most %d octets, and this has %d", maxLength, len(password))
	case strings.ContainsFunc(password, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }):
		return "a password has printable characters only"
	case strings.Contains(strings.ToUpper(password), serial):
		return "holds the serial number, which everybody can read"
	case common(strings.ToLower(password)):
		return "is among the first that anybody tries: take several words, or what a password manager makes"
	}
	return ""
}
