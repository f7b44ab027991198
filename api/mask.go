package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// texts are the strings of a JSON document, names of members too.
	texts = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// amounts are values of a meter in a sentence: "(5000 W)", "230.1 V". A word may
	// come before the number, a letter may not: what is coded in letters and digits
	// has no amounts.
	amounts = regexp.MustCompile(`(^|[\s(=:,/])[-−+]?\d[\d.,\x{202f}\x{a0}]*(?:e[-+]?\d+)?[ \x{202f}\x{a0}]?((?:(?:k|M|m)?(?:Wh|W|varh|var|VAh|VA|V|A)|Hz|GJ|m3)\b|m³)`)
	// numbers are what may identify a meter that nobody has named: a serial number,
	// a system title.
	numbers = regexp.MustCompile(`[0-9A-Za-z]{8,}`)
)

// kept is how many characters of an identifier tell its maker and not the house.
const kept = 4

// masker returns what writes a value as JSON without values of a meter, and with
// no more than the beginning of the identifiers of meters. Anything else that
// looks like one is taken for one, but for the serial number of the box.
func masker(meters []string, serial string) func(v any) json.RawMessage {
	var pairs []string
	meters = slices.Clone(meters)
	slices.SortFunc(meters, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be a part of another
	for _, id := range meters {
		if len(id) > kept {
			pairs = append(pairs, id, short(id))
		}
	}
	named := strings.NewReplacer(pairs...)
	text := func(s string) string {
		s = amounts.ReplaceAllString(named.Replace(s), "$1– $2")
		return numbers.ReplaceAllStringFunc(s, func(word string) string {
			if word == serial || digits(word) < 6 {
				return word
			}
			return short(word)
		})
	}
	return func(v any) json.RawMessage {
		return texts.ReplaceAllFunc(marshal(v), func(quoted []byte) []byte {
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				panic(fmt.Errorf("api: file for support: %w", err))
			}
			return marshal(text(s))
		})
	}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("api: file for support: %w", err))
	}
	return b
}

func short(id string) string { return string([]rune(id)[:min(kept, len([]rune(id)))]) + "…" }

func digits(s string) int {
	return len(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }), ""))
}
