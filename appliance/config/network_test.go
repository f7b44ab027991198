package config

import (
	"strings"
	"testing"
)

func TestAllowFrom(t *testing.T) {
	for _, test := range []struct{ given, says, kept string }{
		{`["192.168.1.20","10.0.0.0/8","fe80::/10","::ffff:192.168.1.21"]`, "", `["192.168.1.20","10.0.0.0/8","fe80::/10","192.168.1.21"]`},
		{`[]`, "", `[]`},
		{`["charger.local"]`, `/Modbus/Servers/0/AllowFrom/0: "charger.local" is neither an address nor a network`, ""},
		{`["192.168.1.20/24"]`, `"192.168.1.20/24" is neither`, ""}, // of which the owner meant either
		{`["10.0.0.1","10.0.0.1"]`, "/Modbus/Servers/0/AllowFrom/1: stands there twice", ""},
		{`[` + strings.Repeat(`"10.0.0.1",`, 16) + `"10.0.0.2"]`, "has 17 rows; it has at most 16", ""},
		{`"10.0.0.1"`, "wants a list", ""},
	} {
		c, _, err := Patch(Default(), []byte(`{"Modbus":{"Servers":[{"AllowFrom":`+test.given+`}]}}`), known)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v, want %q", test.given, err, test.says)
			}
			continue
		}
		if shown := strings.Join(strings.Fields(string(Public(c))), ""); err != nil || !strings.Contains(shown, `"AllowFrom":`+test.kept) {
			t.Errorf("%s: %v %s", test.given, err, shown)
		}
	}
}
