package broker

import (
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

const (
	serial = "0A1B2C3D4E5F"
	base   = "smart-connect/" + serial
)

func TestRulesInOrder(t *testing.T) {
	denyThenAllow := []Rule{{Deny: true, Access: Read, Filter: "#"}, {Access: Read, Filter: "data/#"}}
	allowThenDeny := []Rule{{Access: Read, Filter: "data/#"}, {Deny: true, Access: Read, Filter: "#"}}
	for _, c := range []struct {
		name   string
		rules  []Rule
		access Access
		topic  string
		want   bool
	}{
		{"no rules", nil, Read, "data/x", false},
		{"no rule matches", allowThenDeny[:1], Read, "other", false},
		{"rule of another access", allowThenDeny[:1], Write, "data/x", false},
		{"the first decides: deny", denyThenAllow, Read, "data/x", false},
		{"the first decides: allow", allowThenDeny, Read, "data/x", true},
		{"the second decides", allowThenDeny, Read, "other", false},
		{"both in one rule", []Rule{{Access: ReadWrite, Filter: "a"}}, Write, "a", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 100 { // an order kept in a map would show
				if got := allowed(c.rules, c.access, c.topic); got != c.want {
					t.Fatalf("allowed = %t, want %t", got, c.want)
				}
			}
		})
	}
}

func TestMayPublish(t *testing.T) {
	all := []Rule{{Access: ReadWrite, Filter: "#"}}
	reset := []Rule{{Access: Write, Filter: base + "/cmd/reset"}}
	for _, c := range []struct {
		rules []Rule
		topic string
		want  bool
	}{
		{all, base + "/electricity", false},
		{all, base + "/value/active_power", false},
		{all, base + "/status", false},
		{all, base + "/cmd", false},
		{all, base + "/cmdx/reset", false},
		{all, "smart-connect/OTHERSERIAL0/cmd/reset", false},
		{all, "other", false},
		{all, "$SYS/broker/uptime", false},
		{all, "", false},
		{all, base + "/cmd/", false},
		{all, base + "/cmd/+", false},
		{all, base + "/cmd/reset/response", false},
		{all, base + "/cmd/reset/", false},
		{all, "homeassistant/status/", false},
		{all, "homeassistant/device/smart-connect-" + serial + "/config", false},
		{all, "openWB/mqtt/counter/1/get/power", false},
		{ReadOnly(serial), "homeassistant/status", false},
		{reset, "homeassistant/status", false},
		{[]Rule{{Access: Write, Filter: "homeassistant/#"}}, "homeassistant/status", true},
		{nil, base + "/cmd/reset", false},
		{ReadOnly(serial), base + "/cmd/reset", false},
		{reset, base + "/cmd/firmware", false},
		{reset, base + "/cmd/reset", true},
		{all, base + "/cmd/reset", true},
	} {
		if got := mayPublish(c.rules, base, c.topic); got != c.want {
			t.Errorf("rules %v: publish to %q = %t, want %t", c.rules, c.topic, got, c.want)
		}
	}
}

func TestMaySubscribe(t *testing.T) {
	for _, c := range []struct {
		rules  []Rule
		filter string
		want   bool
	}{
		{nil, "#", false},
		{[]Rule{{Access: Write, Filter: "#"}}, "#", false},
		{ReadOnly(serial), "$SYS/#", false},
		{ReadOnly(serial), "other/#", false},
		{ReadOnly(serial), "smart-connect/OTHERSERIAL0/#", false},
		{ReadOnly(serial), base + "/cmd/reset", false},
		{ReadOnly(serial), "$share/g/other/#", false},
		{ReadOnly(serial), "$share/g", false},
		{ReadOnly(serial), base + "/cmd/reset/response", false},
		{ReadOnly(serial), "compat/victron-grid/OTHERSERIAL0", false},
		{ReadOnly(serial), "compat/victron-grid/" + serial, true},
		{ReadOnly(serial), "homeassistant/device/smart-connect-" + serial + "/config", true},
		{ReadOnly(serial), "homeassistant/sensor/+/config", true},
		{ReadOnly(serial), "homeassistant/status", true},
		{ReadOnly(serial), "openWB/mqtt/counter/7/get/power", true},
		{[]Rule{{Access: Read, Filter: base + "/cmd/+/response"}}, base + "/cmd/reset", false},
		{[]Rule{{Access: Read, Filter: base + "/cmd/+/response"}}, base + "/cmd/reset/response", true},
		{ReadOnly(serial), base + "/electricity", true},
		{ReadOnly(serial), "#", true},
		{ReadOnly(serial), "smart-connect/+/status", true},
		{ReadOnly(serial), "$share/g/" + base + "/#", true},
		{[]Rule{{Access: Read, Filter: "$SYS/#"}}, "$SYS/#", true},
	} {
		if got := maySubscribe(c.rules, c.filter); got != c.want {
			t.Errorf("rules %v: subscribe to %q = %t, want %t", c.rules, c.filter, got, c.want)
		}
	}
}

func TestPassword(t *testing.T) {
	for _, c := range []struct {
		secret, given string
		want          bool
	}{
		{"", "", false}, // none set lets nobody in
		{"secret", "", false},
		{"secret", "secre", false},
		{"secret", "secrets", false},
		{"secret", "Secret", false},
		{"secret", "secret", true},
	} {
		if got := Password(telegram.NewSecret(c.secret))("::1", []byte(c.given)); got != c.want {
			t.Errorf("password %q, given %q: %t, want %t", c.secret, c.given, got, c.want)
		}
	}
}

func TestParseRule(t *testing.T) {
	for _, c := range [][2]string{{"", "a"}, {"Read", "a"}, {"rw", "a"}, {"read ", "a"}, {"read", ""}, {"deny", "a#"}} {
		if r, err := ParseRule(c[0], c[1]); err == nil {
			t.Errorf("ParseRule(%q, %q) = %v", c[0], c[1], r)
		}
	}
	for word, want := range map[string]Rule{
		"read":      {Access: Read, Filter: "a/#"},
		"write":     {Access: Write, Filter: "a/#"},
		"readwrite": {Access: ReadWrite, Filter: "a/#"},
		"deny":      {Access: ReadWrite, Filter: "a/#", Deny: true},
	} {
		if r, err := ParseRule(word, "a/#"); r != want || err != nil {
			t.Errorf("ParseRule(%q) = %v, %v; want %v", word, r, err, want)
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	verify := Password(telegram.NewSecret("x"))
	good := func(b *Broker) { b.Device.Serial = serial }
	for _, c := range []struct {
		name string
		set  func(*Broker)
		want string
	}{
		{"no serial number", func(b *Broker) { b.Device.Serial = "" }, `serial number ""`},
		{"serial number with a level", func(b *Broker) { b.Device.Serial = "a/b" }, `serial number "a/b"`},
		{"serial number that is a wildcard", func(b *Broker) { b.Device.Serial = "+" }, `serial number "+"`},
		{"user without a name", func(b *Broker) { b.Users = []User{{Verify: verify}} }, `user 1: name ""`},
		{"name with a NUL", func(b *Broker) { b.Users = []User{{Name: "a\x00b", Verify: verify}} }, `name "a\x00b"`},
		{"user twice", func(b *Broker) { b.Users = []User{{Name: "a", Verify: verify}, {Name: "a", Verify: verify}} }, `user "a" is there twice`},
		{"no password", func(b *Broker) { b.Users = []User{{Name: "a"}} }, `user "a" has no password`},
		{"bad filter", func(b *Broker) {
			b.Users = []User{{Name: "a", Verify: verify, Rules: []Rule{{Access: Read, Filter: "x"}, {Access: Read, Filter: "a#"}}}}
		}, `user "a", rule 2: broker: topic filter "a#"`},
		{"no access", func(b *Broker) {
			b.Users = []User{{Name: "a", Verify: verify, Rules: []Rule{{Filter: "x"}}}}
		}, `user "a", rule 1: access 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b Broker
			good(&b)
			c.set(&b)
			if err := b.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	var b Broker
	good(&b)
	b.Users = []User{{Name: "a", Verify: verify, Rules: ReadOnly(serial)}}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	one, other := attempt{user: "one"}, attempt{user: "other"}
	if b.wait(one, now) {
		t.Error("waits before any failure")
	}
	if !b.failed(one, now) {
		t.Error("the first failure is no news")
	}
	if b.wait(other, now) {
		t.Error("another user waits too")
	}
	pause := firstPause
	for range 10 { // 0.5 s, 1 s, 2 s … 30 s
		if !b.wait(one, now.Add(pause-1)) || b.wait(one, now.Add(pause)) {
			t.Errorf("pause is not %v", pause)
		}
		now = now.Add(pause)
		if b.failed(one, now) {
			t.Errorf("failure after %v is news again", pause)
		}
		pause = min(2*pause, maxPause)
	}
	b.succeeded(one)
	if b.wait(one, now) || !b.failed(one, now) {
		t.Error("a success does not start it over")
	}
	for i := range 3 * maxAttempts {
		b.failed(attempt{user: string(rune('a' + i))}, now)
	}
	if len(b.failures) > maxAttempts {
		t.Errorf("remembers %d failures, at most %d", len(b.failures), maxAttempts)
	}
}
