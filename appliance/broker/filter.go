package broker

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTopic and maxLevels are the longest topic or filter a client may name, in
// octets and in levels. Ours have less than 100 and at most 6; the broker's index
// keeps a node for each level of each subscription, so that length is memory.
const (
	maxTopic  = 256
	maxLevels = 16
)

// CheckFilter says what is wrong with an MQTT topic filter (MQTT 5, 4.7.1).
func CheckFilter(filter string) error {
	wrong := ""
	switch {
	case filter == "":
		wrong = "is empty"
	case len(filter) > maxTopic:
		wrong = fmt.Sprintf("has %d octets, at most %d are allowed", len(filter), maxTopic)
		filter = filter[:maxTopic]
	case strings.Count(filter, "/") >= maxLevels:
		wrong = fmt.Sprintf("has %d levels, at most %d are allowed", strings.Count(filter, "/")+1, maxLevels)
	case !utf8.ValidString(filter) || strings.ContainsRune(filter, 0):
		wrong = "is not text"
	default:
		wrong = wrongWildcard(filter)
	}
	if wrong == "" {
		return nil
	}
	return fmt.Errorf("broker: topic filter %q %s", filter, wrong)
}

func wrongWildcard(filter string) string {
	for level := range strings.SplitSeq(filter, "/") {
		if len(level) > 1 && strings.ContainsAny(level, "#+") {
			return "has a wildcard that is not a level of its own"
		}
	}
	if i := strings.IndexByte(filter, '#'); i >= 0 && i != len(filter)-1 {
		return "has a # before its last level"
	}
	return ""
}

// Match reports whether a topic name matches a filter (MQTT 5, 4.7). The filter
// is one that CheckFilter accepts.
func Match(filter, topic string) bool {
	return topic != "" && overlap(filter, topic)
}

// overlap reports whether some topic matches both filters. A topic name is a
// filter that only it matches.
func overlap(a, b string) bool {
	// Wildcards do not stand for the first level of $SYS and its like (4.7.2).
	if wild(a) && strings.HasPrefix(b, "$") || wild(b) && strings.HasPrefix(a, "$") {
		return false
	}
	for {
		x, restA, moreA := strings.Cut(a, "/")
		y, restB, moreB := strings.Cut(b, "/")
		if x == "#" || y == "#" {
			return true
		}
		if x != y && x != "+" && y != "+" {
			return false
		}
		if !moreA || !moreB {
			// "a/#" matches "a" too (4.7.1.2).
			return moreA == moreB || restA == "#" || restB == "#"
		}
		a, b = restA, restB
	}
}

func wild(filter string) bool {
	return strings.HasPrefix(filter, "#") || strings.HasPrefix(filter, "+")
}

// cutShare returns the filter behind the name of a shared subscription
// ($share/group/filter, MQTT 5, 4.8.2), and any other filter as it is.
func cutShare(filter string) (string, error) {
	const prefix = "$share/"
	if len(filter) < len(prefix) || !strings.EqualFold(filter[:len(prefix)], prefix) {
		return filter, nil
	}
	_, shared, ok := strings.Cut(filter[len(prefix):], "/")
	if !ok || shared == "" {
		return "", errors.New("broker: shared subscription without a filter")
	}
	return shared, nil
}
