package netcfg

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"smartconnect/telegram"
)

func ip(s string) Address {
	if s == "" {
		return Address{}
	}
	return Address{netip.MustParseAddr(s)}
}

// fixed returns default settings with a static Ethernet address.
func fixed(address string, mask Prefix, gateway, dns string) Settings {
	s := Defaults()
	s.Ethernet = Interface{IpMode: Static, StaticIPv4: StaticIPv4{ip(address), mask, ip(gateway), ip(dns)}}
	return s
}

func wifi(ssid, password string) Settings {
	s := Defaults()
	s.WiFi.SSID, s.WiFi.Password = ssid, telegram.NewSecret(password)
	return s
}

func change(f func(*Settings)) Settings {
	s := Defaults()
	f(&s)
	return s
}

func TestValidate(t *testing.T) {
	const e = "/Ethernet/StaticIPv4"
	for _, c := range []struct {
		name  string
		given Settings
		want  []string // paths
	}{
		{"no interface of that name", change(func(s *Settings) { s.DefaultNetIf = "ethernet" }), []string{"/DefaultNetIf"}},
		{"no mode of that name", change(func(s *Settings) { s.Ethernet.IpMode = "static"; s.WiFi.IpMode = "" }), []string{"/Ethernet/IpMode", "/WiFi/IpMode"}},
		{"static without anything", change(func(s *Settings) { s.Ethernet.IpMode = Static }), []string{e + "/IpAddress", e + "/Netmask"}},
		{"static Wi-Fi without anything", change(func(s *Settings) { s.WiFi.IpMode = Static }), []string{"/WiFi/StaticIPv4/IpAddress", "/WiFi/StaticIPv4/Netmask"}},
		{"no host: any", fixed("0.0.0.0", 24, "", ""), []string{e + "/IpAddress"}},
		{"no host: loopback", fixed("127.0.0.1", 8, "", ""), []string{e + "/IpAddress"}},
		{"no host: multicast", fixed("224.0.0.251", 24, "", ""), []string{e + "/IpAddress"}},
		{"no host: everybody", fixed("255.255.255.255", 24, "", ""), []string{e + "/IpAddress"}},
		{"no host: the network", fixed("192.168.10.0", 24, "", ""), []string{e + "/IpAddress"}},
		{"no host: its broadcast", fixed("192.168.10.127", 25, "", ""), []string{e + "/IpAddress"}},
		{"gateway and DNS are no hosts", fixed("192.168.10.101", 24, "0.0.0.0", "239.1.1.1"), []string{e + "/Gateway", e + "/DNS"}},
		{"a wrong address that is not in use yet", change(func(s *Settings) { s.Ethernet.StaticIPv4.IpAddress = ip("127.0.0.1") }), []string{e + "/IpAddress"}},
		{"network name of 33 octets", wifi(strings.Repeat("ü", 16)+"x", ""), []string{"/WiFi/SSID"}},
		{"network name with a line end", wifi("a\nb", ""), []string{"/WiFi/SSID"}},
		{"network name that is no UTF-8", wifi("a\xffb", ""), []string{"/WiFi/SSID"}},
		{"name with half a surrogate", wifi("net\ufffd", "8 chars!"), []string{"/WiFi/SSID"}},
		{"password of 7", wifi("net", "1234567"), []string{"/WiFi/Password"}},
		{"password of 64", wifi("net", strings.Repeat("a", 64)), []string{"/WiFi/Password"}},
		{"password not ASCII", wifi("net", "pässwörter"), []string{"/WiFi/Password"}},

		{"as delivered", Defaults(), nil},
		{"manual, section 5.2", fixed("192.168.10.101", 24, "192.168.10.1", "192.168.10.1"), nil},
		{"the charger as gateway and DNS", fixed("192.168.10.101", 24, "192.168.10.50", "192.168.10.50"), nil},
		{"no gateway, no DNS", fixed("192.168.10.101", 24, "", ""), nil},
		{"gateway on another network", fixed("192.168.10.101", 24, "10.0.0.1", ""), nil},
		{"a resolver on this host", fixed("192.168.10.101", 24, "", "127.0.0.53"), nil},
		{"link-local", fixed("169.254.164.254", 16, "", ""), nil},
		{"two hosts on a cable", fixed("192.168.10.0", 31, "192.168.10.1", ""), nil},
		{"one host", fixed("192.168.10.0", 32, "", ""), nil},
		{"Wi-Fi", wifi("Zuhause über uns", "8 chars!"), nil},
		{"Wi-Fi with the longest names", wifi(strings.Repeat("ü", 16), strings.Repeat("~", 63)), nil},
		{"Wi-Fi chosen, to be named later", change(func(s *Settings) { s.DefaultNetIf = WiFi }), nil},
	} {
		var got []string
		for _, p := range c.given.Validate() {
			got = append(got, p.Path)
			if p.Text == "" || strings.Contains(p.Text, "1234567") {
				t.Errorf("%s: %s: %q", c.name, p.Path, p.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: problems at %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAddressText(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"", ""}, {"192.168.10.101", "192.168.10.101"}, {"255.255.255.255", "255.255.255.255"},
	} {
		var a Address
		if err := a.UnmarshalText([]byte(c.given)); err != nil {
			t.Errorf("%q: %v", c.given, err)
		}
		if got, _ := a.MarshalText(); string(got) != c.want {
			t.Errorf("%q is printed %q", c.given, got)
		}
	}
	for _, bad := range []string{"192.168.10", "192.168.10.256", "192.168.010.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "smart-connect.local", "10.0.0.1/24", " 10.0.0.1"} {
		a := ip("10.0.0.1")
		err := a.UnmarshalText([]byte(bad))
		if err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v, want one that names it", bad, err)
		}
		if a != ip("10.0.0.1") {
			t.Errorf("%q changed the address to %s", bad, a)
		}
	}
}

func TestPrefixText(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"", ""}, {"24", "24"}, {"1", "1"}, {"32", "32"},
		{"255.255.255.0", "24"}, {"255.255.255.255", "32"}, {"128.0.0.0", "1"}, {"255.255.254.0", "23"},
	} {
		var p Prefix
		if err := p.UnmarshalText([]byte(c.given)); err != nil {
			t.Errorf("%q: %v", c.given, err)
		}
		if got, _ := p.MarshalText(); string(got) != c.want {
			t.Errorf("%q is printed %q, want %q", c.given, got, c.want)
		}
	}
	for _, bad := range []string{"0", "33", "-1", "/24", "24.0", "255.255.0.255", "0.0.0.0", "0.0.0.255", "255.255.255", "ffffff00"} {
		p := Prefix(8)
		if err := p.UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), bad) || p != 8 {
			t.Errorf("%q: error %v and prefix %d, want an error that names it and the prefix kept", bad, err, p)
		}
	}
}

func TestNotes(t *testing.T) {
	for _, c := range []struct {
		name  string
		given Settings
		want  string // a part of the only note, "" for none
	}{
		{"Wi-Fi without a name", change(func(s *Settings) { s.DefaultNetIf = WiFi }), "WiFi.SSID"},
		{"Wi-Fi without a password", change(func(s *Settings) { s.DefaultNetIf = WiFi; s.WiFi.SSID = "net" }), "WPA2"},
		{"gateway elsewhere", fixed("192.168.10.101", 24, "10.0.0.1", ""), "10.0.0.1 is outside the network 192.168.10.0/24"},
		{"as delivered", Defaults(), ""},
		{"all well", fixed("192.168.10.101", 24, "192.168.10.1", ""), ""},
		{"without a gateway", fixed("192.168.10.101", 24, "", ""), ""},
	} {
		notes := c.given.Notes()
		if c.want == "" && len(notes) == 0 {
			continue
		}
		if len(notes) != 1 || c.want == "" || !strings.Contains(notes[0], c.want) {
			t.Errorf("%s: notes %q, want %q", c.name, notes, c.want)
		}
	}
}
