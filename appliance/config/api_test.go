package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestValidateAPI(t *testing.T) {
	hosts := func(names ...string) func(*Config) { return func(c *Config) { c.API.Hosts = names } }
	check := func(s string) func(*Config) { return func(c *Config) { c.Internet.Check = s } }
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // the path, "" for none
	}{
		{"a host without a name", hosts("a.example", ""), "/API/Hosts/1"},
		{"a host with a port", hosts("a.example:443"), "/API/Hosts/0"},
		{"a host with its scheme", hosts("https://a.example"), "/API/Hosts/0"},
		{"a host that is everybody", hosts("*.example"), "/API/Hosts/0"},
		{"a host with a dot too many", hosts("a.example."), "/API/Hosts/0"},
		{"a host that is an address", hosts("192.168.10.101"), "/API/Hosts/0"},
		{"a host that is an address of IPv6", hosts("fd00::1"), "/API/Hosts/0"},
		{"a host of 254 octets", hosts(strings.Repeat("a", 254)), "/API/Hosts/0"},
		{"a host twice", hosts("a.example", "b.example", "A.example"), "/API/Hosts/2"},
		{"17 hosts", hosts(strings.Split("a b c d e f g h i j k l m n o p q", " ")...), "/API/Hosts"},
		{"16 hosts", hosts(strings.Split("a b c d e f g h i j k l m n o p", " ")...), ""},
		{"hosts", hosts("meter.example.com", "my_box.dyn.example.net"), ""},

		{"a check without port", check("example.com"), "/Internet/Check"},
		{"a check without host", check(":443"), "/Internet/Check"},
		{"a check of port 0", check("example.com:0"), "/Internet/Check"},
		{"a check of a named port", check("example.com:https"), "/Internet/Check"},
		{"a check of a page", check("https://example.com:443"), "/Internet/Check"},
		{"a check with a blank", check("example .com:443"), "/Internet/Check"},
		{"a check of 300 octets", check(strings.Repeat("a", 296) + ":443"), "/Internet/Check"},
		{"a check of an address", check("[2001:db8::1]:443"), ""},
		{"a check of a host", check("example.com:443"), ""},
	} {
		given := Default()
		c.change(&given)
		err := given.Validate(known)
		problems, _ := errors.AsType[Problems](err)
		if c.want == "" && err != nil || c.want != "" && (len(problems) != 1 || problems[0].Path != c.want) {
			t.Errorf("%s: error %v, want it at %q", c.name, err, c.want)
		}
	}
}

// What costs privacy is off until the owner wants it.
func TestPrivateAsDelivered(t *testing.T) {
	c := Default()
	if c.API.PlainHTTP || len(c.API.Hosts) != 0 || c.History.OnDisk || c.Internet.Check != "" {
		t.Errorf("%+v %+v %+v", c.API, c.History, c.Internet)
	}
	const all = `{"API":{"PlainHTTP":true,"Hosts":["a.example"]},"History":{"OnDisk":true},"Internet":{"Check":"example.com:443"}}`
	c = changed(t, all)
	if !c.API.PlainHTTP || !slices.Equal(c.API.Hosts, []string{"a.example"}) || !c.History.OnDisk || c.Internet.Check != "example.com:443" {
		t.Errorf("%+v %+v %+v", c.API, c.History, c.Internet)
	}
	if back := changed(t, all, `{"API":null,"History":{"OnDisk":null},"Internet":{"Check":null}}`); !equal(back, Default()) {
		t.Errorf("null leaves %s", file(back))
	}
}

// The lists of a configuration that was handed out are the caller's own.
func TestHostsAreCloned(t *testing.T) {
	c := changed(t, `{"API":{"Hosts":["a.example"]}}`)
	copied := c.clone()
	copied.API.Hosts[0] = "b.example"
	if c.API.Hosts[0] != "a.example" {
		t.Error("a change of the copy changes the configuration")
	}
}
