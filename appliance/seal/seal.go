// Package seal closes and opens what leaves the box with secrets in it: files of
// age (age-encryption.org/v1) with a passphrase, in their text form, which the
// owner can open with the age tool as well.
package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"

	"smartconnect/telegram"
)

// The work of scrypt, as the exponent of 2. 14 takes 16 MiB and well under a second
// of a small processor; a file that asks for much more would be an attack on that.
const (
	work    = 14
	maxWork = 15
)

// maxLength is the most that is opened, in octets; far above what a configuration
// has.
const maxLength = 1 << 20

// ErrPassphrase is wrapped by the error of Open for a passphrase that is not the
// file's.
var ErrPassphrase = errors.New("wrong passphrase")

// turn lets one file at a time be sealed or opened: each takes 16 to 32 MiB.
var turn sync.Mutex

// Seal returns plain sealed with the passphrase, which must not be empty.
func Seal(plain []byte, passphrase telegram.Secret) (string, error) {
	turn.Lock()
	defer turn.Unlock()
	to, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	to.SetWorkFactor(work)
	var text bytes.Buffer
	armored := armor.NewWriter(&text)
	sealed, err := age.Encrypt(armored, to)
	if err == nil {
		_, err = sealed.Write(plain)
		err = errors.Join(err, sealed.Close(), armored.Close())
	}
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return text.String(), nil
}

// Open returns what was sealed.
func Open(text string, passphrase telegram.Secret) ([]byte, error) {
	turn.Lock()
	defer turn.Unlock()
	with, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	with.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader([]byte(text))), passphraseOnly{with})
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("seal: %w", ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", brief{err})
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxLength+1))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", brief{err})
	}
	if len(plain) > maxLength {
		return nil, fmt.Errorf("seal: more than %d octets are sealed", maxLength)
	}
	return plain, nil
}

// passphraseOnly tells a file for somebody's key from one with another passphrase.
type passphraseOnly struct{ *age.ScryptIdentity }

// Unwrap implements age.Identity.
func (p passphraseOnly) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != "scrypt" {
			return nil, fmt.Errorf("it is sealed for a key of the kind %.40q, not with a passphrase", s.Type)
		}
	}
	return p.ScryptIdentity.Unwrap(stanzas)
}

// brief is an error that does not repeat the whole file.
type brief struct{ error }

// Error implements error.
func (b brief) Error() string { return fmt.Sprintf("%.160s", b.error.Error()) }

// Unwrap returns the whole error.
func (b brief) Unwrap() error { return b.error }
