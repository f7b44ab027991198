package netcfg

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// machine is the files of a host: those of its links, "name/attribute" → content,
// and others by their whole path.
func machine(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range files {
		if !strings.HasPrefix(name, "proc/") && !strings.HasPrefix(name, "etc/") && !strings.HasPrefix(name, "run/") {
			name = linkFolder + "/" + name
		}
		m[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

// nic is the files of one interface.
func nic(name, flags, carrier, state string, more ...string) map[string]string {
	f := map[string]string{
		name + "/flags": flags + "\n", name + "/carrier": carrier + "\n", name + "/operstate": state + "\n",
		name + "/type": "1\n", name + "/address": "b8:27:eb:00:00:01\n", name + "/speed": "-1\n",
	}
	for i := 0; i < len(more); i += 2 {
		f[name+"/"+more[i]] = more[i+1]
	}
	return f
}

func join(all ...map[string]string) map[string]string {
	files := map[string]string{"lo/flags": "0x9\n", "lo/type": "772\n", "lo/carrier": "1\n"}
	for _, f := range all {
		for k, v := range f {
			files[k] = v
		}
	}
	return files
}

const routeHeader = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

// way is a default route over the gateway 192.168.1.1, as a little-endian kernel prints it.
func way(link string, metric int) string {
	return fmt.Sprintf("%s\t00000000\t0101A8C0\t0003\t0\t0\t%d\t00000000\t0\t0\t0\n", link, metric)
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestReadHost(t *testing.T) {
	eth := nic("eth0", "0x1003", "1", "up", "device/uevent", "", "speed", "1000\n")
	wlan := nic("wlan0", "0x1003", "1", "up", "device/uevent", "", "phy80211/name", "phy0", "wireless/x", "")
	docker := nic("docker0", "0x1003", "1", "up", "bridge/bridge_id", "8000")
	addresses := map[string][]netip.Prefix{
		"lo": prefixes("127.0.0.1/8"), "docker0": prefixes("172.17.0.1/16"),
		"eth0": prefixes("fe80::1/64", "192.168.1.20/24"), "wlan0": prefixes("169.254.7.8/16"),
	}
	const every = "[172.17.0.1/16 192.168.1.20/24 169.254.7.8/16 fe80::1/64] <none> []"
	for _, c := range []struct {
		name  string
		files map[string]string
		link  string // of what is chosen: name, kind, device, up, carrier, speed
		rest  string // addresses, gateway, name servers
	}{
		{"no files at all", nil, "unknown", every},
		{"the loopback alone", join(), "none", every},
		{"a file that is no link, and one that cannot be read", join(map[string]string{"bonding_masters": "", "eth7/type": "1"}), "none", every},
		{"switched off", join(nic("eth0", "0x1002", "", "down", "device/uevent", "")), "eth0 Ethernet device", "[192.168.1.20/24 fe80::1/64] <none> []"},
		{"no cable", join(nic("eth0", "0x1003", "0", "down", "device/uevent", "")), "eth0 Ethernet device up", "[192.168.1.20/24 fe80::1/64] <none> []"},
		{"Wi-Fi that waits to be let in", join(nic("wlan0", "0x1003", "1", "dormant", "device/uevent", "", "phy80211/name", "phy0")), "wlan0 WiFi device up", "[169.254.7.8/16] <none> []"},
		{"no cable, and a bridge that is up", join(nic("eth0", "0x1003", "0", "down", "device/uevent", ""), docker), "eth0 Ethernet device up", "[192.168.1.20/24 fe80::1/64] <none> []"},
		{"a route on a cable that is out, and Wi-Fi", join(nic("eth0", "0x1003", "0", "down", "device/uevent", ""), wlan, map[string]string{"proc/net/route": routeHeader + way("eth0", 100) + way("wlan0", 600)}), "wlan0 WiFi device up carrier", "[169.254.7.8/16] 192.168.1.1 []"},

		{"a cable", join(eth, map[string]string{"proc/net/route": routeHeader + way("eth0", 0), "etc/resolv.conf": "nameserver 192.168.1.1\n"}), "eth0 Ethernet device up carrier 1000", "[192.168.1.20/24 fe80::1/64] 192.168.1.1 [192.168.1.1]"},
		{"a cable without a way out", join(eth), "eth0 Ethernet device up carrier 1000", "[192.168.1.20/24 fe80::1/64] <none> []"},
		{"cable and Wi-Fi, by metric", join(eth, wlan, map[string]string{"proc/net/route": routeHeader + way("wlan0", 600) + way("eth0", 100)}), "eth0 Ethernet device up carrier 1000", "[192.168.1.20/24 fe80::1/64] 192.168.1.1 []"},
		{"Wi-Fi, and no cable", join(nic("eth0", "0x1003", "0", "down", "device/uevent", ""), wlan), "wlan0 WiFi device up carrier", "[169.254.7.8/16] <none> []"},
		{"a container", join(nic("eth0", "0x1003", "1", "up")), "eth0 Ethernet up carrier", "[192.168.1.20/24 fe80::1/64] <none> []"},
		{"a bridge with the route", join(eth, docker, map[string]string{"proc/net/route": routeHeader + way("docker0", 0)}), "docker0 other up carrier", "[172.17.0.1/16] 192.168.1.1 []"},
		{"systemd-resolved", join(eth, map[string]string{"etc/resolv.conf": "nameserver 127.0.0.53\n", "run/systemd/resolve/resolv.conf": "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n"}), "eth0 Ethernet device up carrier 1000", "[192.168.1.20/24 fe80::1/64] <none> [9.9.9.9 2620:fe::fe]"},
	} {
		h := ReadHost(machine(c.files), addresses)
		if got := describe(h); got != c.link {
			t.Errorf("%s: the link is %q, want %q", c.name, got, c.link)
		}
		gateway := "<none>"
		if h.Gateway.IsValid() {
			gateway = h.Gateway.String()
		}
		if got := fmt.Sprint(h.Addresses, " ", gateway, " ", h.DNS); got != c.rest {
			t.Errorf("%s: %s, want %s", c.name, got, c.rest)
		}
		if len(h.All) != 3 || h.All[0] != h.Addresses[0].Addr() {
			t.Errorf("%s: all addresses are %v", c.name, h.All)
		}
	}
}

func describe(h Host) string {
	l := h.Link
	switch {
	case !h.Known:
		return "unknown"
	case l == (Link{}):
		return "none"
	}
	words := []string{l.Name, l.Kind}
	for _, w := range []struct {
		is   bool
		word string
	}{{l.Device, "device"}, {l.Up, "up"}, {l.Carrier, "carrier"}, {l.SpeedMbit > 0, fmt.Sprint(l.SpeedMbit)}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

func TestUsableAndLinkLocal(t *testing.T) {
	for _, c := range []struct {
		name              string
		addresses         []netip.Prefix
		usable, linkLocal string
	}{
		{"none", nil, "", ""},
		{"IPv6 alone", prefixes("fe80::1/64", "2001:db8::1/64"), "", ""},
		{"made up by the box itself", prefixes("169.254.7.8/16"), "", "169.254.7.8"},
		{"both, until the old one is dropped", prefixes("169.254.7.8/16", "10.0.0.7/8"), "10.0.0.7", "169.254.7.8"},
		{"as it should be", prefixes("192.168.1.20/24"), "192.168.1.20", ""},
	} {
		h := Host{Addresses: c.addresses}
		for what, pair := range map[string]struct {
			of   func() (netip.Addr, bool)
			want string
		}{"usable": {h.Usable, c.usable}, "link-local": {h.LinkLocal, c.linkLocal}} {
			a, ok := pair.of()
			if ok != (pair.want != "") || ok && a.String() != pair.want {
				t.Errorf("%s: %s is %v %v, want %q", c.name, what, a, ok, pair.want)
			}
		}
	}
}

func TestDefaultRoutes(t *testing.T) {
	gateway := netip.MustParseAddr("192.168.1.1")
	for _, c := range []struct {
		name, table string
		want        []route
	}{
		{"nothing", "", nil},
		{"the header alone", routeHeader, nil},
		{"a line cut short", routeHeader + "eth0\t00000000\t0101A8C0\t0003\n", nil},
		{"no numbers", "eth0 default gateway UG 0 0 x 0\n", nil},
		{"no default route", "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", nil},
		{"half of everything, as VPNs have it", "tun0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", nil},
		{"a route that refuses", "eth0\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n", nil},
		{"one that is down", "eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", nil},
		{"a modem needs no gateway", "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", []route{{link: "ppp0"}}},
		{"two, the better first", routeHeader + way("wlan0", 600) + way("eth0", 100), []route{{"eth0", gateway, 100}, {"wlan0", gateway, 600}}},
	} {
		if got := defaultRoutes([]byte(c.table)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNameServers(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"nothing", "", "[]"},
		{"what is none", "# nameserver 1.1.1.1\nsearch home\nnameserver\nnameserver router\n", "[]"},
		{"both families, once each", "nameserver 10.0.0.1\nnameserver\tfe80::1%eth0 # router\nnameserver 10.0.0.1\n", "[10.0.0.1 fe80::1%eth0]"},
	} {
		if got := fmt.Sprint(nameServers([]byte(c.file))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// The files of the machine that the tests run on are read without a fault.
func TestThisHost(t *testing.T) {
	h := ReadHost(os.DirFS("/"), LocalAddresses())
	t.Logf("%+v", h)
	if h.Link != (Link{}) && (!h.Known || h.Link.Name == "lo" || h.Link.Kind == "") {
		t.Errorf("the link that matters is %+v", h.Link)
	}
	if len(LocalAddresses()["lo"]) == 0 {
		t.Error("the loopback has no address")
	}
}
