package api

// Network is how the box stands in its network: three lamps, each of which can
// shine only where the one before it does.
type Network struct {
	State     State    `json:"state"`     // that of Address
	Detail    string   `json:"detail"`    // a sentence, also when ok: that saved settings are not applied, and why
	Addresses []string `json:"addresses"` // the IPv4 addresses of all interfaces, without prefix length

	Link     Link    `json:"link"`     // the page's lamp Link
	Address  Address `json:"address"`  // Network
	Internet Lamp    `json:"internet"` // Internet
}

// Lamp is a state with its reason.
type Lamp struct {
	State  State  `json:"state"`
	Reason string `json:"reason"` // why it is not ok, in a word: "no-carrier"; "" if it is
	Detail string `json:"detail"` // the same in a sentence
}

// The reasons of the lamps.
const (
	ReasonUnknown       = "unknown"        // the system does not tell
	ReasonNoInterface   = "no-interface"   // the host has none but the loopback
	ReasonInterfaceDown = "interface-down" // it is switched off
	ReasonNoCarrier     = "no-carrier"     // no cable, or nobody at its other end
	ReasonNotAssociated = "not-associated" // with no Wi-Fi
	ReasonNoAddress     = "no-address"
	ReasonLinkLocal     = "link-local"  // the address is one of the box's own making
	ReasonNoGateway     = "no-gateway"  // nothing leads out of this network
	ReasonNotChecked    = "not-checked" // nobody wants it to be
	ReasonChecking      = "checking"    // for the first time
	ReasonNameUnknown   = "name-unknown"
	ReasonUnreachable   = "unreachable"
	ReasonRefused       = "refused"   // nobody listens there
	ReasonNoAnswer      = "no-answer" // somebody may, and says nothing
)

// Link is the interface that matters: that of the default route, or else the
// first that is hardware.
type Link struct {
	Lamp
	Interface string `json:"interface"`  // its name: "eth0"; "" where there is none
	Kind      string `json:"kind"`       // Ethernet, WiFi, as in the configuration, or other
	SpeedMbit Number `json:"speed_mbit"` // missing where the driver does not know
	MAC       string `json:"mac"`
}

// Address is the box's place in the network of that interface.
type Address struct {
	Lamp
	List    []Prefix `json:"list"`    // of that interface, those of IPv4 first
	Gateway string   `json:"gateway"` // "" where there is none
	DNS     []string `json:"dns"`     // name servers
}

// Prefix is an address with the length of its network's prefix.
type Prefix struct {
	Address   string `json:"address"`    // "192.168.1.20/24"
	LinkLocal bool   `json:"link_local"` // good on its own cable alone
}
