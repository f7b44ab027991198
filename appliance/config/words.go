package config

import "strings"

// The words of the settings that are one of a few. Whoever acts on a word has a
// table of its own with the same words; a test of the appliance compares them.
var (
	// WhenStaleWords say what Modbus answers past StaleAfter and before the
	// first telegram: exception 0B, the last values, zeros, or not-a-number.
	WhenStaleWords = words{"exception", "hold", "zero", "nan"}
	// WhenMissingWords say what Modbus answers for currents or a power that the
	// meter never sends: exception 0B, or 0 as the original does.
	WhenMissingWords = words{"exception", "zero"}
	// VerifyWords say what must vouch for an encrypted text of P1: its tag where an
	// authentication key is set and its checksum where not, the tag, or the
	// checksum.
	VerifyWords = words{Auto, "strict", "checksum"}
	// ShareAsWords say how telegrams are handed on: as they come, or as texts of P1.
	ShareAsWords = words{"raw", "p1"}
	// CurrentsWords say whether phase currents carry the sign of their power.
	CurrentsWords = words{"magnitude", "signed"}
	// CommandsWords say whether commands that come through the broker outside are
	// obeyed: auto does so where the broker is known by its certificate.
	CommandsWords = words{Auto, "on", "off"}
	// AccessWords are the rights of a rule of the broker.
	AccessWords = words{"read", "write", "readwrite", "deny"}
)

type words []string

func (w words) has(s string) bool {
	for _, word := range w {
		if word == s {
			return true
		}
	}
	return false
}

// String lists the words for a sentence: "a, b or c".
func (w words) String() string {
	if len(w) < 2 {
		return strings.Join(w, "")
	}
	return strings.Join(w[:len(w)-1], ", ") + " or " + w[len(w)-1]
}
