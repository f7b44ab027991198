package netcfg

import (
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"slices"
)

// Host is how this machine stands in its network, whoever has set that up.
type Host struct {
	Known     bool           // the kernel shows its interfaces
	Link      Link           // the one that matters; zero: there is none
	Addresses []netip.Prefix // of that link, or of all where there is none; those of IPv4 first
	All       []netip.Addr   // the IPv4 addresses of all links, those of that link first
	Gateway   netip.Addr     // on that link; not valid: none
	DNS       []netip.Addr   // name servers, of either family
}

// ReadHost reads the state of the machine whose files are below root, and whose
// interfaces have these addresses. It needs no rights, changes nothing, and leaves
// out what it cannot read.
//
// The link that matters is that of the default route, else the first that is
// hardware, one with a carrier before others.
func ReadHost(root fs.FS, addresses map[string][]netip.Prefix) Host {
	var h Host
	var links []Link
	links, h.Known = readLinks(root)
	table, _ := fs.ReadFile(root, "proc/net/route") // none: no route is known
	routes := defaultRoutes(table)
	h.Link = choose(links, routes, addresses)
	for _, r := range routes {
		if r.link == h.Link.Name && r.gateway.IsValid() && !h.Gateway.IsValid() {
			h.Gateway = r.gateway
		}
	}
	names := slices.Sorted(maps.Keys(addresses))
	slices.SortStableFunc(names, func(a, b string) int { return others(a, h.Link) - others(b, h.Link) })
	for _, name := range names {
		for _, p := range addresses[name] {
			a := p.Addr()
			if a.IsLoopback() {
				continue
			}
			if name == h.Link.Name || h.Link == (Link{}) {
				h.Addresses = append(h.Addresses, p)
			}
			if a.Is4() {
				h.All = append(h.All, a)
			}
		}
	}
	slices.SortStableFunc(h.Addresses, func(a, b netip.Prefix) int { return a.Addr().BitLen() - b.Addr().BitLen() })
	h.DNS = readNameServers(root)
	return h
}

// choose returns the link that matters. One without hardware counts where it
// has a route or an address: it is all that a container has.
func choose(links []Link, routes []route, addresses map[string][]netip.Prefix) Link {
	place := func(l Link) int { return slices.IndexFunc(routes, func(r route) bool { return r.link == l.Name }) }
	routed := func(l Link) bool { return place(l) >= 0 }
	links = slices.Clone(links)
	slices.SortStableFunc(links, func(a, b Link) int { return place(a) - place(b) })
	for _, fits := range []func(Link) bool{
		func(l Link) bool { return routed(l) && l.Carrier },
		routed,
		func(l Link) bool { return l.Device && l.Carrier },
		func(l Link) bool { return l.Device && l.Up },
		func(l Link) bool { return l.Device },
		func(l Link) bool { return l.Carrier && len(addresses[l.Name]) > 0 },
	} {
		if i := slices.IndexFunc(links, fits); i >= 0 {
			return links[i]
		}
	}
	return Link{}
}

// others puts the link l before all others.
func others(name string, l Link) int {
	if name == l.Name {
		return 0
	}
	return 1
}

// LocalAddresses returns the addresses of this machine by interface.
func LocalAddresses() map[string][]netip.Prefix {
	found := map[string][]netip.Prefix{}
	links, _ := net.Interfaces() // what cannot be asked for has no address
	for _, l := range links {
		addrs, _ := l.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				found[l.Name] = append(found[l.Name], p)
			}
		}
	}
	return found
}

// Usable returns the first IPv4 address that others reach, and whether there is
// one: one that the box has given itself, for want of a DHCP server (RFC 3927), is
// known on its own cable alone.
func (h Host) Usable() (netip.Addr, bool) {
	for _, p := range h.Addresses {
		if a := p.Addr(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// LinkLocal returns the address that the box has given itself, if it has.
func (h Host) LinkLocal() (netip.Addr, bool) {
	for _, p := range h.Addresses {
		if a := p.Addr(); a.Is4() && a.IsLinkLocalUnicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}
