package netcfg

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
)

// Address is an IPv4 address. The zero Address is none, printed as "".
type Address struct{ netip.Addr }

// UnmarshalText reads "192.168.10.101", or "" for none.
func (a *Address) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = Address{}
		return nil
	}
	ip, err := netip.ParseAddr(string(b))
	if err != nil || !ip.Is4() {
		return fmt.Errorf("%.40q is not an IPv4 address such as 192.168.10.101", b)
	}
	a.Addr = ip
	return nil
}

// Prefix is the length of a network prefix, 1 to 32; 0 is none, printed as "".
type Prefix int

// UnmarshalText reads the manual's "24" and the "255.255.255.0" that people
// type, or "" for none.
func (p *Prefix) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*p = 0
		return nil
	}
	n, err := strconv.Atoi(string(b))
	if mask, ok := parseMask(string(b)); ok {
		n, err = mask, nil
	}
	if err != nil || n < 1 || n > 32 {
		return fmt.Errorf("%.40q is not a netmask: it is a prefix length such as 24, or a mask such as 255.255.255.0", b)
	}
	*p = Prefix(n)
	return nil
}

// parseMask reads a dotted mask of ones followed by zeros.
func parseMask(s string) (ones int, ok bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones = bits.LeadingZeros32(^m)
	return ones, bits.OnesCount32(m) == ones
}

// MarshalText prints the prefix length as the manual does: "24".
func (p Prefix) MarshalText() ([]byte, error) {
	if p == 0 {
		return nil, nil
	}
	return strconv.AppendInt(nil, int64(p), 10), nil
}
