package netcfg

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Other is the kind of a link that is neither Ethernet nor WiFi: a bridge, a
// tunnel, a modem.
const Other = "other"

// Link is one network interface as the kernel shows it below /sys/class/net
// (Documentation/ABI/testing/sysfs-class-net). The zero Link is none.
type Link struct {
	Name      string
	Kind      string // Ethernet, WiFi or Other
	Device    bool   // there is hardware behind it: no bridge, no veth, nothing of a container
	Up        bool   // switched on
	Carrier   bool   // a cable with somebody at its other end, or a Wi-Fi that has let the box in
	SpeedMbit int    // 0: not known
	MAC       string
}

const linkFolder = "sys/class/net"

// readLinks returns the interfaces but for the loopback, by name, and whether
// the kernel shows any at all: in some sandboxes it does not.
func readLinks(root fs.FS) (links []Link, known bool) {
	found, err := fs.ReadDir(root, linkFolder)
	if err != nil {
		return nil, false
	}
	for _, f := range found {
		if l, ok := readLink(root, f.Name()); ok {
			links = append(links, l)
		}
	}
	return links, len(found) > 0
}

// readLink reads one interface; ok is false where it is the loopback, or none: a
// bond leaves a plain file among the folders.
func readLink(root fs.FS, name string) (l Link, ok bool) {
	folder := path.Join(linkFolder, name)
	attribute := func(name string) string {
		b, _ := fs.ReadFile(root, path.Join(folder, name)) // carrier and speed of what is switched off are EINVAL
		return strings.TrimSpace(string(b))
	}
	exists := func(name string) bool {
		_, err := fs.Stat(root, path.Join(folder, name))
		return err == nil
	}
	hardware, flags := attribute("type"), attribute("flags")
	bits, err := strconv.ParseUint(flags, 0, 32)
	if err != nil || bits&flagLoopback != 0 {
		return Link{}, false
	}
	l = Link{Name: name, Kind: Other, Device: exists("device"), Up: bits&flagUp != 0, MAC: attribute("address")}
	switch {
	case exists("wireless"), exists("phy80211"):
		l.Kind = WiFi
	case hardware == etherType && !exists("bridge"):
		l.Kind = Ethernet
	}
	l.Carrier = l.Up && attribute("carrier") == "1" && !slices.Contains(unusable, attribute("operstate"))
	if n, err := strconv.Atoi(attribute("speed")); err == nil && n > 0 { // -1: the driver does not know
		l.SpeedMbit = n
	}
	return l, true
}

// Bits of flags (if.h), and the hardware type of Ethernet and Wi-Fi (if_arp.h).
const (
	flagUp       = 0x1
	flagLoopback = 0x8
	etherType    = "1"
)

// unusable are the operational states (RFC 2863) in which a carrier is not
// enough: a Wi-Fi that is dormant has found the network and not yet been let in.
var unusable = []string{"down", "dormant", "lowerlayerdown", "notpresent"}
