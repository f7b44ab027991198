package config

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestEffects(t *testing.T) {
	const users = `{"Broker":{"Users":[{"Name":"a"},{"Name":"b","Password":"0123456789"}]}}`
	for _, c := range []struct {
		name, first, patch     string
		changed, restart, note string
	}{
		{"nothing", everything, `{"MQTT":{"Site":"chalet"}}`, "", "", ""},
		{"one setting", `{}`, `{"Meter":{"Format":"tic","Line":""}}`, "/Meter/Format", "/Meter/Format", ""},
		{"a secret alone", everything, `{"MQTT":{"Password":"other"}}`, "/MQTT/Password", "/MQTT/Password", ""},
		{"both names of the meter type", `{}`, `{"MeterType":"Eastron-SDM630"}`, "/MeterType /Modbus/Servers/0/MeterType", "/MeterType /Modbus/Servers/0/MeterType", ""},
		{"the network", `{}`, `{"DefaultNetIf":"WiFi","Ethernet":{"IpMode":"Static","StaticIPv4":{"IpAddress":"10.0.0.2","Netmask":"24","Gateway":"10.0.1.1"}},"WiFi":{"SSID":"a","Password":"12345678"}}`,
			"/DefaultNetIf /Ethernet/IpMode /Ethernet/StaticIPv4/IpAddress /Ethernet/StaticIPv4/Netmask /Ethernet/StaticIPv4/Gateway /WiFi/SSID /WiFi/Password", "",
			"DefaultNetIf: " + NetworkNotApplied + "|Ethernet: " + NetworkNotApplied + "|WiFi: " + NetworkNotApplied + "|Ethernet.StaticIPv4.Gateway 10.0.1.1 is outside the network 10.0.0.0/24"},
		{"what is written as text", `{}`, `{"Meter":{"Line":"9600 8N1","UTCOffset":"2h"},"Broker":{"StaleAfter":"1m"}}`, "/Meter/Line /Meter/UTCOffset /Broker/StaleAfter", "/Meter/Line /Meter/UTCOffset /Broker/StaleAfter", ""},
		{"a row more", `{}`, `{"Modbus":{"Servers":[{},{"Listen":":503"}]}}`, "/Modbus/Servers", "/Modbus/Servers", ""},
		{"rows of a row", users, `{"Broker":{"Users":[{"Name":"a","Rules":[{"Access":"deny","Topic":"#"}]},{"Name":"b","Password":"0123456789","Rules":[]}]}}`,
			"/Broker/Users/0/Rules/0/Access /Broker/Users/1/Rules", "/Broker/Users/0/Rules/0/Access /Broker/Users/1/Rules", `Broker.Users: "a" has no password and cannot log in`},
		{"a password of a row", users, `{"Broker":{"Users":[{"Name":"a"},{"Name":"b","Password":"01234567890"}]}}`, "/Broker/Users/1/Password", "/Broker/Users/1/Password", `Broker.Users: "a" has no password and cannot log in`},
		{"texts of a list", `{"API":{"Hosts":["a","b"]}}`, `{"API":{"Hosts":["a","c"]}}`, "/API/Hosts/1", "/API/Hosts/1", ""},
		{"a user without password", `{}`, `{"Broker":{"Users":[{"Name":"a"}]}}`, "/Broker/Users", "/Broker/Users", `Broker.Users: "a" has no password and cannot log in`},
	} {
		_, e, err := patch(changed(t, c.first), []byte(c.patch), known, fakeHash)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, list := range []struct {
			name, want string
			got        []string
		}{{"Changed", c.changed, e.Changed}, {"RestartRequired", c.restart, e.RestartRequired}} {
			if got := strings.Join(list.got, " "); got != list.want {
				t.Errorf("%s: %s %q, want %q", c.name, list.name, got, list.want)
			}
		}
		if got := strings.Join(e.Notes, "|"); got != c.note {
			t.Errorf("%s: notes %q, want %q", c.name, got, c.note)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		pointers []string
		want     string
	}{
		{nil, ""},
		{[]string{"/MQTT/Broker"}, "MQTT.Broker"},
		{[]string{"/MeterType", "/Modbus/Servers/0/MeterType"}, "MeterType, Modbus.Servers.0.MeterType"},
		{[]string{"/a", "/b", "/c", "/d"}, "a, b, c, d"},
		{[]string{"/a", "/b", "/c", "/d", "/e", "/f"}, "a, b, c, d and 2 more"},
	} {
		if got := Names(c.pointers); got != c.want {
			t.Errorf("%q: %q, want %q", c.pointers, got, c.want)
		}
	}
}

// Every pointer that a change names leads to a setting that differs.
func TestPointersLead(t *testing.T) {
	before, after := Default(), changed(t, everything)
	pointers := Compare(before, after).Changed
	if len(pointers) < 50 {
		t.Errorf("only %d settings differ: %q", len(pointers), pointers)
	}
	for _, pointer := range pointers {
		now, ok := follow(t, file(after), pointer)
		if was, _ := follow(t, file(before), pointer); !ok || reflect.DeepEqual(was, now) {
			t.Errorf("%s leads to %v, before %v", pointer, now, was)
		}
	}
}

// follow returns what a JSON pointer leads to.
func follow(t *testing.T, text []byte, pointer string) (any, bool) {
	t.Helper()
	tree, _, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var path []any
	for step := range strings.SplitSeq(pointer[1:], "/") {
		if n, err := strconv.Atoi(step); err == nil {
			path = append(path, n)
		} else {
			path = append(path, step)
		}
	}
	return at(tree, path...)
}
