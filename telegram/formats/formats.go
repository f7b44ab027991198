// Package formats lists the meter formats. A new format is one name here.
package formats

import (
	"fmt"
	"strings"

	"smartconnect/telegram"
	"smartconnect/telegram/dlms"
	"smartconnect/telegram/p1"
	"smartconnect/telegram/tic"
)

// All returns every format. The one whose line setting is the most usual comes
// first, and one that may hold the telegrams of another before that other.
func All() []telegram.Format {
	return []telegram.Format{p1.Format, dlms.Format, tic.Format, p1.Encrypted}
}

// Auto is the format name that stands for "find out".
const Auto = "auto"

// Names returns the names of the formats, Auto first.
func Names() []string {
	names := []string{Auto}
	for _, f := range All() {
		names = append(names, f.Name)
	}
	return names
}

// Select returns the formats that a name stands for: one of them, or all for
// Auto.
func Select(name string) ([]telegram.Format, error) {
	if name == Auto {
		return All(), nil
	}
	for _, f := range All() {
		if name == f.Name {
			return []telegram.Format{f}, nil
		}
	}
	return nil, fmt.Errorf("formats: unknown format %q: want one of %s", name, strings.Join(Names(), ", "))
}
