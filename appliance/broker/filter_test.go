package broker

import (
	"regexp"
	"strings"
	"testing"
)

func TestCheckFilter(t *testing.T) {
	for _, filter := range []string{
		"", "a#", "a/#b", "#/a", "a/#/b", "##", "+a", "a/b+", "a+/b", "++", "a\x00b", "a\xff", strings.Repeat("a", 257), strings.Repeat("a/", 16),
	} {
		if CheckFilter(filter) == nil {
			t.Errorf("filter %q accepted", filter)
		}
	}
	for _, filter := range []string{"#", "+", "/", "a", "a/", "/a", "a//b", "+/+/#", "a/+/b", "$SYS/#", "maß/#", strings.Repeat("a", 256), strings.Repeat("a/", 15)} {
		if err := CheckFilter(filter); err != nil {
			t.Errorf("filter %q: %v", filter, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		// what naive matchers get wrong
		{"data/power", "data/power/x", false}, // a prefix is no match
		{"data/power", "data/powerful", false},
		{"data/+", "data/a/b", false},
		{"data/+", "data", false},
		{"+", "/a", false},
		{"a/b", "a", false},
		{"a", "a/", false},
		{"a/+/c", "a/b/d", false},
		{"#", "$SYS/broker/uptime", false}, // 4.7.2
		{"+/broker/uptime", "$SYS/broker/uptime", false},
		{"#", "", false},
		{"A", "a", false},
		{"data/#", "data", true}, // 4.7.1.2
		{"data/#", "data/", true},
		{"data/+", "data/", true}, // + stands for an empty level too
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"$SYS/#", "$SYS/broker/uptime", true},
		{"a/+/c/#", "a/b/c", true},
		{"+", "$", false},

		{"#", "a/b/c", true},
		{"a/b/c", "a/b/c", true},
		{"a/#", "b/a", false},
		{"a/+/c", "a/b/c", true},
		{"+/tennis/#", "sport/tennis/ranking/1", true},
	} {
		if got := Match(c.filter, c.topic); got != c.want {
			t.Errorf("Match(%q, %q) = %t, want %t", c.filter, c.topic, got, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a/+", "b/+", false},
		{"a/b", "a/+/c", false},
		{"a/b/#", "a/c/#", false},
		{"#", "$SYS/#", false},
		{"+/x", "$SYS/x", false},
		{"a/+", "a", false},
		{"#", "a/b", true},
		{"#", "+/b", true},
		{"a/+/c", "+/b/+", true},
		{"a/#", "a", true},
		{"a/b/#", "a/b", true},
		{"a/b/#", "a/+", true},
		{"$SYS/#", "$SYS/+/x", true},
	} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("overlap(%q, %q) = %t, the other way %t, want %t", c.a, c.b, overlap(c.a, c.b), overlap(c.b, c.a), c.want)
		}
	}
}

func TestCutShare(t *testing.T) {
	for filter, want := range map[string]string{
		"$share/g":       "error",
		"$share/g/":      "error",
		"$share/":        "error",
		"$share":         "$share", // the library refuses it
		"$SHARE/g/a":     "a",
		"$share/g/a/b/#": "a/b/#",
		"a/$share/g":     "a/$share/g",
	} {
		got, err := cutShare(filter)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("cutShare(%q) = %q, want %q", filter, got, want)
		}
	}
}

// asRegexp says the same as a filter in another language.
func asRegexp(filter string) *regexp.Regexp {
	var s strings.Builder
	for i, level := range strings.Split(filter, "/") {
		sep := "/"
		if i == 0 {
			sep = ""
		}
		switch {
		case level == "#" && i == 0:
			s.WriteString(`[^$](?s:.*)`)
		case level == "#":
			s.WriteString(`(?:/(?s:.*))?`)
		case level == "+" && i == 0:
			s.WriteString(`(?:[^/$][^/]*)?`)
		case level == "+":
			s.WriteString(sep + `[^/]*`)
		default:
			s.WriteString(sep + regexp.QuoteMeta(level))
		}
	}
	return regexp.MustCompile(`\A(?:` + s.String() + `)\z`)
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][3]string{
		{"a/#", "a", "+"}, {"#", "$SYS/x", "$SYS/#"}, {"+/b/#", "a/b", "a/+"}, {"a//+", "a//", "#"}, {"+", "", "a"}, {"/#", "/", "+/+"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, filter, topic, other string) {
		if CheckFilter(filter) != nil || CheckFilter(topic) != nil || strings.ContainsAny(topic, "+#") {
			return
		}
		got := Match(filter, topic)
		if want := asRegexp(filter).MatchString(topic); got != want {
			t.Errorf("Match(%q, %q) = %t, want %t", filter, topic, got, want)
		}
		if CheckFilter(other) == nil && got && Match(other, topic) && !overlap(filter, other) {
			t.Errorf("%q and %q both match %q and do not overlap", filter, other, topic)
		}
	})
}
