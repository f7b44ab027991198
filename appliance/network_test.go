package appliance

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"smartconnect/api"
	"smartconnect/netcfg"
)

// host is a machine with a cable, an address and a gateway; change takes from it.
func host(change func(*netcfg.Host)) netcfg.Host {
	h := netcfg.Host{
		Known:     true,
		Link:      netcfg.Link{Name: "eth0", Kind: netcfg.Ethernet, Device: true, Up: true, Carrier: true, SpeedMbit: 100, MAC: "b8:27:eb:00:00:01"},
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.20/24"), netip.MustParsePrefix("fe80::1/64")},
		All:       []netip.Addr{netip.MustParseAddr("192.168.1.20")},
		Gateway:   netip.MustParseAddr("192.168.1.1"),
	}
	if change != nil {
		change(&h)
	}
	return h
}

func addressed(texts ...string) func(*netcfg.Host) {
	return func(h *netcfg.Host) {
		h.Addresses = nil
		for _, s := range texts {
			h.Addresses = append(h.Addresses, netip.MustParsePrefix(s))
		}
	}
}

// What is not known, or not there by design, is off and never a fault.
func TestLampsOfTheNetwork(t *testing.T) {
	for _, c := range []struct {
		name          string
		host          netcfg.Host
		link, address api.Lamp // without the sentences
	}{
		{"a system that tells nothing", netcfg.Host{}, api.Lamp{State: api.Off, Reason: api.ReasonUnknown}, api.Lamp{State: api.Off, Reason: api.ReasonUnknown}},
		{"one that tells its addresses alone", host(func(h *netcfg.Host) { *h = netcfg.Host{Addresses: h.Addresses} }), api.Lamp{State: api.Off, Reason: api.ReasonUnknown}, api.Lamp{State: api.OK}},
		{"a container on its loopback", netcfg.Host{Known: true}, api.Lamp{State: api.Off, Reason: api.ReasonNoInterface}, api.Lamp{State: api.Off, Reason: api.ReasonNoInterface}},
		{"switched off", host(func(h *netcfg.Host) { h.Link.Up, h.Link.Carrier, h.Addresses = false, false, nil }), api.Lamp{State: api.Fault, Reason: api.ReasonInterfaceDown}, api.Lamp{State: api.Fault, Reason: api.ReasonNoAddress}},
		{"no cable", host(func(h *netcfg.Host) { h.Link.Carrier = false }), api.Lamp{State: api.Fault, Reason: api.ReasonNoCarrier}, api.Lamp{State: api.OK}},
		{"no Wi-Fi", host(func(h *netcfg.Host) { h.Link.Carrier, h.Link.Kind = false, netcfg.WiFi }), api.Lamp{State: api.Fault, Reason: api.ReasonNotAssociated}, api.Lamp{State: api.OK}},
		{"no address", host(addressed("fe80::1/64")), api.Lamp{State: api.OK}, api.Lamp{State: api.Fault, Reason: api.ReasonNoAddress}},
		{"no DHCP server", host(addressed("169.254.3.4/16")), api.Lamp{State: api.OK}, api.Lamp{State: api.Waiting, Reason: api.ReasonLinkLocal}},
		{"a charger on the same cable", host(func(h *netcfg.Host) { h.Gateway = netip.Addr{} }), api.Lamp{State: api.OK}, api.Lamp{State: api.OK, Reason: api.ReasonNoGateway}},
		{"as it should be", host(nil), api.Lamp{State: api.OK}, api.Lamp{State: api.OK}},
	} {
		for _, lamp := range []struct {
			name      string
			got, want api.Lamp
		}{{"link", linkStatus(c.host).Lamp, c.link}, {"address", addressStatus(c.host).Lamp, c.address}} {
			if (lamp.got.Detail == "") != (lamp.got.Reason == "") {
				t.Errorf("%s: %s: the sentence of reason %q is %q", c.name, lamp.name, lamp.got.Reason, lamp.got.Detail)
			}
			if lamp.got.Detail = ""; lamp.got != lamp.want {
				t.Errorf("%s: %s is %+v, want %+v", c.name, lamp.name, lamp.got, lamp.want)
			}
		}
	}
	s := addressStatus(host(nil))
	if len(s.List) != 2 || s.List[0] != (api.Prefix{Address: "192.168.1.20/24"}) || !s.List[1].LinkLocal || s.Gateway != "192.168.1.1" {
		t.Errorf("the addresses are %+v", s)
	}
}

// However often the status is asked for, the files are read every 2 s at most.
func TestTheNetworkIsReadNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		n := &network{read: func() netcfg.Host { reads++; return host(nil) }}
		for range 100 {
			if n.now().Link.Name != "eth0" {
				t.Fatal("no link")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if reads != 5 {
			t.Errorf("read %d times in 10 s", reads)
		}
	})
}
