package config

import (
	"fmt"
	"log/slog"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/telegram"
)

// HashCost is the cost of the bcrypt hashes the box makes: one comparison takes
// 50 to 100 ms on the small processors it runs on.
const HashCost = 10

// The lengths of a password that can be set, in octets. bcrypt reads no more
// than 72; fewer than 10 are too easily tried.
const (
	minPassword = 10
	maxPassword = 72
)

// Hash is a password of which only the bcrypt hash is kept. It does not print,
// log or marshal.
type Hash struct {
	kept  string          // the bcrypt hash, "" for no password
	plain telegram.Secret // a new password, until the patch that brings it is accepted
	said  bool            // the patch says something about it
}

// IsSet reports whether there is a password. Nobody can log in without one.
func (h Hash) IsSet() bool { return h.kept != "" }

// Reveal returns the bcrypt hash, for the one place that compares with it.
func (h Hash) Reveal() string { return h.kept }

// write notes what a patch says: a new password, or "" for none.
func (h *Hash) write(plain string) { *h = Hash{plain: telegram.NewSecret(plain), said: true} }

// keep takes a hash from the file of the configuration.
func (h *Hash) keep(hash string) { *h = Hash{kept: hash} }

// settle turns what a patch said into what is kept: the new password's hash,
// the hash from before where the patch said nothing, or none.
func (h *Hash) settle(before Hash, hash func(telegram.Secret) (string, error)) (err error) {
	switch {
	case !h.said:
		*h = before
	case h.plain.IsSet():
		h.kept, err = hash(h.plain)
	}
	h.plain, h.said = telegram.Secret{}, false
	return err
}

// wrong says what is wrong with the password, "" if nothing is.
func (h Hash) wrong() string {
	if n := len(h.plain.Reveal()); h.plain.IsSet() && (n < minPassword || n > maxPassword) {
		return fmt.Sprintf("a password has %d to %d octets", minPassword, maxPassword)
	}
	if h.plain.IsSet() && !printable(h.plain.Reveal()) {
		return "a password has printable characters only"
	}
	if h.IsSet() {
		if _, err := bcrypt.Cost([]byte(h.kept)); err != nil {
			return "what is stored is not a bcrypt hash; a password is set through the API"
		}
	}
	return ""
}

// bcryptHash makes the hash of a password of at most 72 octets.
func bcryptHash(plain telegram.Secret) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(plain.Reveal()), HashCost)
	if err != nil {
		return "", fmt.Errorf("config: hashing a password: %w", err)
	}
	return string(b), nil
}

// Format implements fmt.Formatter without the hash.
func (h Hash) Format(f fmt.State, verb rune) { h.plain.Format(f, verb) }

// LogValue implements slog.LogValuer without the hash.
func (h Hash) LogValue() slog.Value { return h.plain.LogValue() }

// MarshalJSON returns null: a hash leaves through no JSON by accident.
func (h Hash) MarshalJSON() ([]byte, error) { return h.plain.MarshalJSON() }
