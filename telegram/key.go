package telegram

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ParseKey reads an AES-128 key as grid operators hand it out: 32 hex digits,
// with spaces or colons between them and in either case. The Secret it
// returns holds the 32 digits in lower case.
func ParseKey(s string) (Secret, error) {
	digits := strings.Map(func(r rune) rune {
		if r == ' ' || r == ':' {
			return -1
		}
		return r
	}, s)
	for i, r := range digits {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return Secret{}, fmt.Errorf("telegram: key: character %d is no hex digit: want 32 of them", i+1)
		}
	}
	if len(digits) != 32 {
		return Secret{}, fmt.Errorf("telegram: key has %d hex digits: want 32", len(digits))
	}
	return NewSecret(strings.ToLower(digits)), nil
}

// KeyOctets returns the 16 octets of a key that ParseKey has read; ok is false
// for anything else.
func KeyOctets(s Secret) (key [16]byte, ok bool) {
	if len(s.s) != 32 {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(s.s))
	return key, err == nil
}
