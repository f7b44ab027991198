package appliance

import (
	"os"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/netcfg"
	"smartconnect/telegram"
)

// network is the host's network as it was a moment ago: a page that asks every
// second, and ten of them, must not have the files of the kernel read each time.
type network struct {
	read func() netcfg.Host

	mu   sync.Mutex
	host netcfg.Host
	at   time.Time
}

// rereadAfter is how old the state of the network may be.
const rereadAfter = 2 * time.Second

func newNetwork() *network {
	return &network{read: func() netcfg.Host { return netcfg.ReadHost(os.DirFS("/"), netcfg.LocalAddresses()) }}
}

// now returns the state of the network.
func (n *network) now() netcfg.Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at.IsZero() || time.Since(n.at) >= rereadAfter {
		n.host, n.at = n.read(), time.Now()
	}
	return n.host
}

// networkStatus says how the box stands in its network.
func (l *life) networkStatus() api.Network {
	h := l.network.now()
	s := api.Network{Link: linkStatus(h), Address: addressStatus(h), Internet: internetLamp(l.reach(), h)}
	for _, a := range h.All {
		s.Addresses = append(s.Addresses, a.String())
	}
	s.State, s.Detail = s.Address.State, s.Address.Detail
	if s.State == api.OK {
		s.Detail = "network settings are " + config.NetworkNotApplied
	}
	return s
}

// linkStatus is the lamp of the cable or the Wi-Fi.
func linkStatus(h netcfg.Host) api.Link {
	l := h.Link
	s := api.Link{Interface: l.Name, Kind: l.Kind, MAC: l.MAC}
	if l.SpeedMbit > 0 {
		s.SpeedMbit = api.Number{Value: telegram.Of(float64(l.SpeedMbit))}
	}
	switch {
	case !h.Known:
		s.Lamp = api.Lamp{State: api.Off, Reason: api.ReasonUnknown, Detail: "this system does not tell about its interfaces"}
	case l == (netcfg.Link{}):
		s.Lamp = api.Lamp{State: api.Off, Reason: api.ReasonNoInterface, Detail: "this host has no interface that leads anywhere"}
	case !l.Up:
		s.Lamp = api.Lamp{State: api.Fault, Reason: api.ReasonInterfaceDown, Detail: l.Name + " is switched off on this host"}
	case !l.Carrier && l.Kind == netcfg.WiFi:
		s.Lamp = api.Lamp{State: api.Fault, Reason: api.ReasonNotAssociated, Detail: l.Name + " is connected to no Wi-Fi: are name and password right, and is it near enough?"}
	case !l.Carrier:
		s.Lamp = api.Lamp{State: api.Fault, Reason: api.ReasonNoCarrier, Detail: "no cable at " + l.Name + ", or nothing at its other end that is switched on"}
	default:
		s.State = api.OK
	}
	return s
}

// addressStatus is the lamp of the network.
func addressStatus(h netcfg.Host) api.Address {
	var s api.Address
	for _, p := range h.Addresses {
		s.List = append(s.List, api.Prefix{Address: p.String(), LinkLocal: p.Addr().IsLinkLocalUnicast()})
	}
	for _, a := range h.DNS {
		s.DNS = append(s.DNS, a.String())
	}
	if h.Gateway.IsValid() {
		s.Gateway = h.Gateway.String()
	}
	_, usable := h.Usable()
	own, linkLocal := h.LinkLocal()
	switch {
	case usable && h.Known && h.Link != (netcfg.Link{}) && s.Gateway == "": // a charger on the same cable needs none
		s.Lamp = api.Lamp{State: api.OK, Reason: api.ReasonNoGateway, Detail: "no gateway is set: nothing beyond this network can be reached"}
	case usable:
		s.State = api.OK
	case linkLocal:
		s.Lamp = api.Lamp{State: api.Waiting, Reason: api.ReasonLinkLocal, Detail: "no DHCP server has answered: " + own.String() + " is of the box's own choosing, and only who is on the same cable and has chosen his likewise reaches it"}
	case !h.Known:
		s.Lamp = api.Lamp{State: api.Off, Reason: api.ReasonUnknown, Detail: "this system does not tell about its interfaces"}
	case h.Link == (netcfg.Link{}):
		s.Lamp = api.Lamp{State: api.Off, Reason: api.ReasonNoInterface, Detail: "this host has no address but its own loopback"}
	default:
		s.Lamp = api.Lamp{State: api.Fault, Reason: api.ReasonNoAddress, Detail: h.Link.Name + " has no IPv4 address: neither has a DHCP server given one, nor is one set"}
	}
	return s
}
