package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Known is what this build can do, as far as settings name it.
type Known struct {
	Formats    []string           // names of the meter formats, beside Auto
	Profiles   []string           // names of the scaler profiles, beside Auto
	MeterTypes []string           // names of the meters Modbus can emulate
	Payloads   []string           // names of what a telegram can become for a broker outside
	Source     func(string) error // says what is wrong with a Meter.Source
}

// Bounds of the lists. They keep a configuration small enough to be read and
// written whole.
const (
	maxServers  = 8
	maxClients  = 256
	maxTogether = 512 // clients of all servers; more would take the descriptors that the API needs
	maxUsers    = 32
	maxRules    = 64
	maxText     = 255
	maxObjects  = 128 // of a list of a meter
	maxDemand   = 10_000_000
)

// Validate returns nil, or a Problems with everything that is wrong with c.
func (c Config) Validate(k Known) error { return c.problems(k).err() }

func (c Config) problems(k Known) Problems {
	var p Problems
	for _, one := range c.Settings.Validate() {
		p.add(one.Path, "%s", one.Text)
	}
	c.MQTT.check(&p, k)
	c.Meter.check(&p, k)
	c.Modbus.check(&p, k)
	c.Broker.check(&p)
	c.API.check(&p)
	c.Internet.check(&p)
	if len(c.Modbus.Servers) > 0 && c.MeterType != c.Modbus.Servers[0].MeterType {
		p.add(topMeterType, "is not the same as %s, whose other name it is", rowMeterType)
	}
	c.checkListeners(&p)
	return p
}

func (m Modbus) check(p *Problems, k Known) {
	if n := len(m.Servers); n < 1 || n > maxServers {
		p.add("/Modbus/Servers", "has %d rows; it has 1 to %d", n, maxServers)
	}
	together := 0
	for i, s := range m.Servers {
		path := fmt.Sprintf("/Modbus/Servers/%d", i)
		p.word(path+"/MeterType", s.MeterType, k.MeterTypes)
		p.listen(path+"/Listen", s.Listen)
		if s.MaxClients < 1 || s.MaxClients > maxClients {
			p.add(path+"/MaxClients", "%d is not from 1 to %d", s.MaxClients, maxClients)
		} else if together += s.MaxClients; together > maxTogether {
			p.add(path+"/MaxClients", "makes %d clients of all servers together; there is room for %d", together, maxTogether)
		}
		p.networks(path+"/AllowFrom", s.AllowFrom)
		p.word(path+"/WhenStale", s.WhenStale, WhenStaleWords)
		p.word(path+"/WhenMissing", s.WhenMissing, WhenMissingWords)
		p.word(path+"/Currents", s.Currents, CurrentsWords)
	}
}

// checkListeners finds ports that would be opened twice.
func (c Config) checkListeners(p *Problems) {
	type listener struct{ path, addr string }
	var all []listener
	add := func(path, addr string) {
		for _, l := range all {
			if Overlap(addr, l.addr) {
				p.add(path, "%q is taken by %s", addr, l.path)
			}
		}
		all = append(all, listener{path, addr})
	}
	for i, s := range c.Modbus.Servers {
		add(fmt.Sprintf("/Modbus/Servers/%d/Listen", i), s.Listen)
	}
	if c.Broker.Enabled {
		for _, d := range c.Broker.Doors() {
			add(d.Path, d.Listen)
		}
	}
	if c.Meter.Share != "" {
		add("/Meter/Share", c.Meter.Share)
	}
}

// Overlap reports whether two addresses to listen on cannot be had at the same
// time: the same port, and the same host or every one. Port 0 is another one
// each time.
func Overlap(a, b string) bool {
	hostA, portA, errA := splitListen(a)
	hostB, portB, errB := splitListen(b)
	portA, portB = strings.TrimLeft(portA, "0"), strings.TrimLeft(portB, "0")
	return errA == nil && errB == nil && portA == portB && portA != "" &&
		(hostA == hostB || hostA.IsUnspecified() || hostB.IsUnspecified())
}

func splitListen(s string) (host netip.Addr, port string, err error) {
	name, port, err := net.SplitHostPort(s)
	switch {
	case err != nil:
	case name == "":
		host = netip.IPv6Unspecified()
	case name == "localhost":
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		host, err = netip.ParseAddr(name)
		host = host.Unmap()
	}
	return host, port, err
}

// word checks that s is one of the words.
func (p *Problems) word(path, s string, known words) {
	if !known.has(s) {
		p.add(path, "%.80q is none of %s", s, known)
	}
}

// line checks that s is one printable line of least to most octets.
func (p *Problems) line(path, s string, least, most int) {
	switch {
	case len(s) < least:
		p.add(path, "is empty")
	case len(s) > most:
		p.add(path, "is %d octets long, of at most %d", len(s), most)
	case !printable(s):
		p.add(path, "%.80q holds characters that cannot be printed", s)
	}
}

// listen checks a local address. Port 0 lets the system choose.
func (p *Problems) listen(path, s string) {
	if _, number, err := splitListen(s); err != nil || !port(number, 0) {
		p.add(path, "%.80q is not a port to listen on such as \":502\" or \"192.168.10.101:502\"", s)
	}
}

func port(s string, least int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= least && n <= 65535 && s == strconv.Itoa(n)
}

// hostName reports whether s can be a host: letters, digits, dots, hyphens (and
// the underscores some people use), or an IPv6 address.
func hostName(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return len(s) <= 253
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError { // what JSON's "\ud800" alone becomes
			return false
		}
	}
	return true
}
