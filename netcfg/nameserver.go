package netcfg

import (
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// nameServers returns the addresses of the nameserver lines of resolv.conf(5).
func nameServers(file []byte) []netip.Addr {
	var found []netip.Addr
	for line := range strings.Lines(string(file)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return found
}

// readNameServers returns who is asked for names. Where that is systemd-resolved
// on this host, it is whom that asks.
func readNameServers(root fs.FS) []netip.Addr {
	b, _ := fs.ReadFile(root, "etc/resolv.conf") // none: nobody is asked
	list := nameServers(b)
	if slices.ContainsFunc(list, func(a netip.Addr) bool { return !a.IsLoopback() }) {
		return list
	}
	b, _ = fs.ReadFile(root, "run/systemd/resolve/resolv.conf")
	if behind := nameServers(b); behind != nil {
		return behind
	}
	return list
}
