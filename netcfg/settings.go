// Package netcfg holds the network settings of the box: the groups DefaultNetIf,
// Ethernet and WiFi of the Smart Connect manual (sections 5.1 and 5.2), under
// the manual's names and checked as the manual means them. The product speaks
// IPv4 only.
//
// # Adding a setting
//
// Add the field, under the name it has in the JSON, to its struct and its check
// to Validate.
package netcfg

import (
	"fmt"
	"net/netip"
	"unicode"
	"unicode/utf8"

	"smartconnect/telegram"
)

// The words of the settings, as the manual writes them.
const (
	Ethernet = "Ethernet"
	WiFi     = "WiFi"
	DHCP     = "DHCP"
	Static   = "Static"
)

// Settings are the network settings. The names of the fields are those of the
// JSON.
type Settings struct {
	DefaultNetIf string // Ethernet or WiFi: the one interface that is up
	Ethernet     Interface
	WiFi         Wireless
}

// Interface says how an interface gets its address.
type Interface struct {
	IpMode     string     // DHCP or Static
	StaticIPv4 StaticIPv4 `json:",omitzero"` // used with Static, kept with DHCP
}

// StaticIPv4 is a fixed address. IpAddress and Netmask are needed to use it,
// Gateway and DNS are not: a charger on the same cable needs neither, and the
// manual's tip is to enter the charger's own address for both.
type StaticIPv4 struct {
	IpAddress Address
	Netmask   Prefix
	Gateway   Address
	DNS       Address
}

// Wireless is the Wi-Fi client. The manual keeps SSID and password out of its
// JSON; here they are part of it.
type Wireless struct {
	Interface
	SSID     string          // 1 to 32 octets, "" for none
	Password telegram.Secret // WPA2 passphrase
}

// Defaults returns the settings of a box as it leaves the factory.
func Defaults() Settings {
	return Settings{
		DefaultNetIf: Ethernet,
		Ethernet:     Interface{IpMode: DHCP},
		WiFi:         Wireless{Interface: Interface{IpMode: DHCP}},
	}
}

// Problem is one thing that is wrong with a setting: where, as a JSON pointer
// (RFC 6901), and what, as a sentence.
type Problem struct{ Path, Text string }

// Validate returns everything that is wrong with the settings.
func (s Settings) Validate() []Problem {
	var found []Problem
	add := func(path, format string, args ...any) {
		found = append(found, Problem{path, fmt.Sprintf(format, args...)})
	}
	if s.DefaultNetIf != Ethernet && s.DefaultNetIf != WiFi {
		add("/DefaultNetIf", "%q is no interface; it is Ethernet or WiFi", s.DefaultNetIf)
	}
	s.Ethernet.validate("/Ethernet", add)
	s.WiFi.validate("/WiFi", add)

	if n := len(s.WiFi.SSID); n > 32 {
		add("/WiFi/SSID", "is %d octets long; a network name has at most 32", n)
	} else if !printable(s.WiFi.SSID) {
		add("/WiFi/SSID", "%q holds characters that cannot be printed", s.WiFi.SSID)
	}
	if s.WiFi.Password.IsSet() && !passphrase(s.WiFi.Password.Reveal()) {
		add("/WiFi/Password", "a WPA2 password has 8 to 63 printable ASCII characters")
	}
	return found
}

func (i Interface) validate(path string, add func(path, format string, args ...any)) {
	if i.IpMode != DHCP && i.IpMode != Static {
		add(path+"/IpMode", "%q is no mode; it is DHCP or Static", i.IpMode)
	}
	path += "/StaticIPv4"
	a := i.StaticIPv4
	if i.IpMode == Static && !a.IpAddress.IsValid() {
		add(path+"/IpAddress", "is needed when IpMode is Static")
	}
	if i.IpMode == Static && a.Netmask == 0 {
		add(path+"/Netmask", "is needed when IpMode is Static")
	}
	if why := a.unfit(); why != "" {
		add(path+"/IpAddress", "%s", why)
	}
	if a.Gateway.IsValid() && !host(a.Gateway.Addr) {
		add(path+"/Gateway", "%s is not the address of one host", a.Gateway)
	}
	if a.DNS.IsValid() && !host(a.DNS.Addr) && !a.DNS.IsLoopback() { // a resolver may run on this host
		add(path+"/DNS", "%s is not the address of one host", a.DNS)
	}
}

// unfit says why IpAddress cannot be the address of this box, "" if it can or
// is not set.
func (a StaticIPv4) unfit() string {
	switch {
	case !a.IpAddress.IsValid():
		return ""
	case !host(a.IpAddress.Addr):
		return fmt.Sprintf("%s is not the address of one host", a.IpAddress)
	case a.Netmask == 0 || a.Netmask > 30: // /31 and /32 have no such addresses (RFC 3021)
		return ""
	case a.IpAddress.Addr == a.net().Addr():
		return fmt.Sprintf("%s is the address of the network %s itself", a.IpAddress, a.net())
	case a.IpAddress.Addr == broadcast(a.net()):
		return fmt.Sprintf("%s is the broadcast address of the network %s", a.IpAddress, a.net())
	}
	return ""
}

func (a StaticIPv4) net() netip.Prefix {
	return netip.PrefixFrom(a.IpAddress.Addr, int(a.Netmask)).Masked()
}

// host reports whether a can be the address of one host on a network: no
// 0.0.0.0/8, loopback, multicast, reserved or broadcast address.
func host(a netip.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first < 224 && !a.IsLoopback()
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

func passphrase(s string) bool {
	if len(s) < 8 || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError { // bad UTF-8, or what JSON's "\ud800" alone becomes
			return false
		}
	}
	return true
}

// Notes returns what is allowed but will probably not work, as sentences that
// name the setting. The manual's own page stores the Wi-Fi name apart from the
// choice of interface, so an unfinished setting is no error.
func (s Settings) Notes() []string {
	var notes []string
	if s.DefaultNetIf == WiFi && s.WiFi.SSID == "" {
		notes = append(notes, "DefaultNetIf is WiFi, but WiFi.SSID names no network yet")
	}
	if s.DefaultNetIf == WiFi && s.WiFi.SSID != "" && !s.WiFi.Password.IsSet() {
		notes = append(notes, "WiFi.Password is not set, and only WPA2 networks can be joined")
	}
	for _, i := range []struct {
		name string
		Interface
	}{{Ethernet, s.Ethernet}, {WiFi, s.WiFi.Interface}} {
		a := i.StaticIPv4
		if i.IpMode == Static && a.Gateway.IsValid() && !a.net().Contains(a.Gateway.Addr) {
			notes = append(notes, fmt.Sprintf("%s.StaticIPv4.Gateway %s is outside the network %s", i.name, a.Gateway, a.net()))
		}
	}
	return notes
}
