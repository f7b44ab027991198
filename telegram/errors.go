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

// What is wrong with the key; both are of the class decrypt.
var (
	ErrKeyRequired = fmt.Errorf("%w: a key is required", ErrDecrypt)
	ErrKeyWrong    = fmt.Errorf("%w: the key is wrong", ErrDecrypt)
)

// ErrUnencrypted says that a plain telegram came where encrypted ones are due; it
// is of the class decrypt.
var ErrUnencrypted = fmt.Errorf("%w: the telegram is not encrypted, and a key is set", ErrDecrypt)

// ErrListUnknown says that a telegram was read but not understood: a list of
// values without names that no profile knows. It is of the class unsupported.
var ErrListUnknown = fmt.Errorf("%w: unknown list", ErrUnsupported)

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
