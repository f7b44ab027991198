package identity

import (
	"crypto/rand"
	"strings"
)

const (
	serialAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	serialLength   = 12

	// No two characters that look alike on a small label: no 0 o, 1 i l, 2 z,
	// 5 s, 8 b. 25 characters, 4 groups of 5: 92 bits.
	passwordAlphabet = "34679acdefghjkmnpqrtuvwxy"
	passwordGroups   = 4
	passwordGroup    = 5
)

// randomPassword returns a password such as "k7mxt-9fqdc-3hwra-6vyjn".
func randomPassword() string {
	groups := make([]string, passwordGroups)
	for i := range groups {
		groups[i] = randomText(passwordAlphabet, passwordGroup)
	}
	return strings.Join(groups, "-")
}

// randomText returns n characters of the alphabet, each as likely as any other.
func randomText(alphabet string, n int) string {
	fair := byte(256 / len(alphabet) * len(alphabet)) // octets from here on would favour the first characters
	var text []byte
	for b := make([]byte, 1); len(text) < n; {
		_, _ = rand.Read(b) // never fails
		if b[0] < fair {
			text = append(text, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(text)
}
