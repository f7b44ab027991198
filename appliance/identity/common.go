package identity

import "strings"

// minVariety is the fewest different characters of a password. "aaaaaaaaaa" and
// "1212121212" have fewer.
const minVariety = 5

// Passwords that guessers begin with (EN 303 645 5.1-1): words, with whatever digits
// and signs around them, and rows of the alphabet and of keyboards.
var (
	commonWords = []string{
		"password", "passwort", "kennwort", "motdepasse", "wachtwoord", "secret", "geheim", "changeme", "letmein",
		"welcome", "willkommen", "bienvenue", "welkom", "administrator", "admin", "user", "smartconnect", "smartmeter",
	}
	commonRows = []string{
		"01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
	}
	// disguise is how people write a word when digits and signs are asked for.
	disguise = strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", " ", "", "-", "", "_", "", ".", "")
)

// common reports whether a password in lower case is one of those.
func common(password string) bool {
	variety := map[rune]bool{}
	for _, r := range password {
		variety[r] = true
	}
	if len(variety) < minVariety {
		return true
	}
	for _, row := range commonRows {
		if strings.Contains(row, password) {
			return true
		}
	}
	core := strings.Trim(password, " 0123456789!?.,:;+-*/_#$%&=()")
	word := disguise.Replace(core)
	for _, known := range commonWords {
		word = strings.ReplaceAll(word, known, "")
	}
	return word == "" && core != "" // digits alone may be chosen well
}
