package netcfg

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// route is a way to everywhere.
type route struct {
	link    string
	gateway netip.Addr // not valid where the link itself leads there
	metric  int
}

// defaultRoutes returns the default routes of /proc/net/route, the preferred
// first. A line that cannot be read is none.
func defaultRoutes(table []byte) []route {
	var found []route
	for line := range strings.Lines(string(table)) {
		if r, ok := parseRoute(strings.Fields(line)); ok {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b route) int { return cmp.Compare(a.metric, b.metric) })
	return found
}

// parseRoute reads the columns Iface, Destination, Gateway, Flags, RefCnt, Use,
// Metric, Mask (net/ipv4/fib_trie.c); ok is false for other than default routes.
func parseRoute(columns []string) (r route, ok bool) {
	if len(columns) < 8 {
		return route{}, false
	}
	var n [8]uint64
	for _, hex := range []int{1, 2, 3, 7} {
		var err error
		if n[hex], err = strconv.ParseUint(columns[hex], 16, 32); err != nil {
			return route{}, false
		}
	}
	metric, err := strconv.Atoi(columns[6])
	destination, gateway, flags, mask := n[1], n[2], n[3], n[7]
	if err != nil || destination != 0 || mask != 0 || flags&routeUp == 0 || flags&routeReject != 0 {
		return route{}, false
	}
	r = route{link: columns[0], metric: metric}
	if flags&routeGateway != 0 {
		r.gateway = address4(uint32(gateway))
	}
	return r, true
}

// address4 undoes what the kernel does to an address: it prints its four octets
// as one number of the machine.
func address4(n uint32) netip.Addr {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// Flags of a route (linux/route.h).
const (
	routeUp      = 0x1
	routeGateway = 0x2
	routeReject  = 0x200
)
