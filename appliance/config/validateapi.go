package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// maxHosts is more names than a house has for one box.
const maxHosts = 16

func (a API) check(p *Problems) {
	if n := len(a.Hosts); n > maxHosts {
		p.add("/API/Hosts", "has %d rows; it has at most %d", n, maxHosts)
	}
	first := map[string]int{}
	for i, name := range a.Hosts {
		path := fmt.Sprintf("/API/Hosts/%d", i)
		_, notAName := netip.ParseAddr(name)
		folded := strings.ToLower(name)
		switch known, taken := first[folded]; {
		case notAName == nil:
			p.add(path, "%.80q is an address, and the box answers under each it has; a row is a name", name)
		case !hostName(name):
			p.add(path, "%.80q is not the name of a host such as meter.example.com", name)
		case taken:
			p.add(path, "%.80q is /API/Hosts/%d too", name, known)
		default:
			first[folded] = i
		}
	}
}

func (i Internet) check(p *Problems) {
	if i.Check == "" {
		return
	}
	host, number, err := net.SplitHostPort(i.Check)
	if err != nil || len(i.Check) > maxText || !hostName(host) || !port(number, 1) {
		p.add("/Internet/Check", "%.80q is not a host with its port such as example.com:443, or \"\" to call nobody", i.Check)
	}
}
