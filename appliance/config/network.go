package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// Network is a network of addresses, or a single one.
type Network struct{ netip.Prefix }

// UnmarshalText reads "192.168.1.0/24" or "192.168.1.20".
func (n *Network) UnmarshalText(b []byte) error {
	if a, err := netip.ParseAddr(string(b)); err == nil && a.Zone() == "" {
		a = a.Unmap()
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(b))
	if err != nil || p != p.Masked() {
		return fmt.Errorf("%.40q is neither an address nor a network such as 192.168.1.0/24", b)
	}
	n.Prefix = p
	return nil
}

// MarshalText prints an address alone where it is one.
func (n Network) MarshalText() ([]byte, error) {
	if n.IsSingleIP() {
		return []byte(n.Addr().String()), nil
	}
	return []byte(n.String()), nil
}

// maxNetworks is more than chargers and energy managers have.
const maxNetworks = 16

// networks checks a list of them.
func (p *Problems) networks(path string, list []Network) {
	if n := len(list); n > maxNetworks {
		p.add(path, "has %d rows; it has at most %d", n, maxNetworks)
	}
	for i, n := range list {
		if slices.Index(list, n) < i {
			p.add(fmt.Sprintf("%s/%d", path, i), "stands there twice")
		}
	}
}
