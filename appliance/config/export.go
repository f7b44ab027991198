package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"smartconnect/appliance/seal"
	"smartconnect/telegram"
)

// Origin is the box that an export comes from.
type Origin struct {
	Serial   string
	Firmware string
}

// export is the file of the whole configuration that an owner keeps. It has either
// the public form of the configuration and its version, or, sealed, the content of
// config.json.
type export struct {
	Export  int             // the form of this file
	Origin                  // members of the same level
	Version int             `json:",omitempty"`
	Config  json.RawMessage `json:",omitempty"`
	Sealed  string          `json:",omitempty"` // a file of age in its text form
}

// exportForm is the form of the file there is.
const exportForm = 1

// Export returns the saved configuration as a file for the owner, without secrets.
func (s *Store) Export(from Origin) []byte {
	return export{Export: exportForm, Origin: from, Version: version, Config: Public(s.Config())}.text()
}

// ExportSealed returns the saved configuration as a file for the owner, with all
// secrets, sealed with a passphrase. The error is a Problems at "/passphrase" for
// one that will not do.
func (s *Store) ExportSealed(from Origin, passphrase telegram.Secret) ([]byte, error) {
	if why := wrongPassphrase(passphrase.Reveal()); why != "" {
		return nil, Problems{{Path: "/passphrase", Text: why}}
	}
	sealed, err := seal.Seal(file(s.Config()), passphrase)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return export{Export: exportForm, Origin: from, Sealed: sealed}.text(), nil
}

func (e export) text() []byte {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	if err := to.Encode(e); err != nil { // our own JSON
		panic(fmt.Sprintf("config: %v", err))
	}
	return b.Bytes()
}

// The length of a passphrase, in characters.
const (
	minPassphrase = 10
	maxPassphrase = 128
)

// wrongPassphrase says why a file is not sealed with s, "" if it can be. The file
// comes back with the passphrase in a header, where blanks at the ends are lost and
// a browser writes no character beyond Latin-1.
func wrongPassphrase(s string) string {
	switch n := utf8.RuneCountInString(s); {
	case n < minPassphrase || n > maxPassphrase:
		return fmt.Sprintf("a passphrase has %d to %d characters, and this has %d", minPassphrase, maxPassphrase, n)
	case !printable(s):
		return "a passphrase has printable characters only"
	case strings.ContainsFunc(s, func(r rune) bool { return r > 0xFF }):
		return "a passphrase has letters, digits and signs of western European languages only"
	case strings.TrimSpace(s) != s:
		return "a passphrase neither begins nor ends with a blank"
	}
	return ""
}
