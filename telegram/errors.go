package telegram

import (
	"errors"
	"fmt"
)

// The classes of a lost telegram. Errors of the decoders wrap one of them, and
// everything that counts or prints losses goes by the class.
var (
	ErrChecksum    = errors.New("checksum mismatch")
	ErrMalformed   = errors.New("malformed telegram")
	ErrDecrypt     = errors.New("cannot decrypt")
	ErrUnsupported = errors.New("unsupported telegram")
	ErrReplay      = errors.New("telegram played again")
)

// ErrDamaged says that octets of a telegram are missing or wrong: it was cut off,
// a segment of it was lost, or it cannot be read and had no checksum. It is of
// the class malformed; any other error of that class is of a telegram that came
// whole.
var ErrDamaged error = subclass{"damaged telegram", ErrMalformed}

// subclass is an error class within another, under a text of its own.
type subclass struct {
	text string
	of   error
}

// Error implements error.
func (s subclass) Error() string { return s.text }

// Unwrap returns the class it is within.
func (s subclass) Unwrap() error { return s.of }

// What is wrong with the key; both are of the class decrypt.
var (
	ErrKeyRequired = fmt.Errorf("%w: a key is required", ErrDecrypt)
	ErrKeyWrong    = fmt.Errorf("%w: the key is wrong", ErrDecrypt)
)

// ErrAuthKeyWrong says that the key decrypts, and the tag does not verify with
// the authentication key. It is a wrong key, and of the class decrypt.
var ErrAuthKeyWrong error = subclass{"cannot authenticate: the authentication key is wrong", ErrKeyWrong}

// ErrUnencrypted says that a plain telegram came where encrypted ones are due; it
// is of the class decrypt.
var ErrUnencrypted = fmt.Errorf("%w: the telegram is not encrypted, and a key is set", ErrDecrypt)

// ErrUntagged says that a telegram without a tag came from a meter that has sent
// them; it is of the class decrypt.
var ErrUntagged = fmt.Errorf("%w: the telegram has no tag, and those before had one", ErrDecrypt)

// ErrListUnknown says that a telegram was read but not understood: a list of
// values without names that no profile knows. It is of the class unsupported.
var ErrListUnknown = fmt.Errorf("%w: unknown list", ErrUnsupported)

// stages names the steps on the way of a telegram at which it can be lost, by the
// error that says so. What is of none of them came whole and could be decrypted:
// it was lost at "parse".
var stages = [...]struct {
	err  error
	name string
}{
	{ErrChecksum, "checksum"},
	{ErrDamaged, "segments"},
	{ErrReplay, "replay"},
	{ErrDecrypt, "decrypt"},
}

// Stage returns the step at which a telegram was lost: checksum, segments (it is
// not whole), decrypt, replay, or parse (it is whole, and not understood).
func Stage(err error) string {
	for _, s := range stages {
		if errors.Is(err, s.err) {
			return s.name
		}
	}
	return "parse"
}

// classes names the error classes as decode, the status and the counters do.
var classes = [...]struct {
	err  error
	name string
}{
	{ErrChecksum, "checksum"},
	{ErrDecrypt, "decrypt"},
	{ErrUnsupported, "unsupported"},
	{ErrReplay, "replay"},
	{ErrMalformed, "malformed"},
}

// Class returns the name of the class an error belongs to: checksum, decrypt,
// unsupported, replay or malformed (also for an error of no class).
func Class(err error) string {
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return "malformed"
}
