package identity

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"smartconnect/appliance/config"
)

const (
	leafLifetime = 397 * day
	// leafBackdate is how far before its making a certificate starts, but never
	// before Epoch: the clock that made it may have been wrong, and those of the
	// readers may be. With it a certificate spans less than the 825 days that
	// Apple's systems accept.
	leafBackdate = 427 * day
	leafRenew    = leafLifetime / 3 // before the end
	maxAddresses = 64               // a host of many containers has one for each
)

// leaf is the certificate that HTTPS shows.
type leaf struct {
	mu   sync.Mutex
	path string
	ca   *authority
	cert *tls.Certificate // nil before the first
}

// load takes the certificate kept in the file, if it is there and the
// authority's. If not, the first handshake makes one.
func (l *leaf) load(path string, ca *authority) {
	l.path, l.ca = path, ca
	b, err := config.ReadFile(path)
	if err != nil {
		return
	}
	key, certs, err := parsePEM(b)
	if err != nil || certs[0].CheckSignatureFrom(ca.cert) != nil {
		return
	}
	l.cert = &tls.Certificate{Certificate: [][]byte{certs[0].Raw, ca.cert.Raw}, PrivateKey: key, Leaf: certs[0]}
}

// TLSConfig returns the settings of an HTTPS listener: TLS 1.2 or newer, and
// the device's certificate, which is renewed by itself when its last third has
// begun or somebody connects to an address it does not name.
func (id *Identity) TLSConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: id.certificate}
}

func (id *Identity) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	asked := localAddress(hello.Conn)
	l := &id.leaf
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cert != nil && !l.spent() && (!private(asked) || named(l.cert.Leaf, asked)) {
		return l.cert, nil
	}
	addresses := certified(append([]netip.Addr{asked}, id.addresses()...))
	if err := l.issue(id.ca.serial, addresses); err != nil {
		if l.cert == nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
		id.log.Error("device certificate not renewed", "error", err)
		return l.cert, nil
	}
	id.log.Info("new device certificate", "until", l.cert.Leaf.NotAfter.Format(time.DateOnly), "addresses", fmt.Sprint(addresses))
	if err := id.locked(l.save); err != nil {
		id.log.Error("device certificate not kept for the next start", "error", err)
	}
	return l.cert, nil
}

func (l *leaf) save() error {
	return config.WriteFile(l.path, toPEM(l.cert.PrivateKey.(*ecdsa.PrivateKey), l.cert.Leaf), mode)
}

// spent reports whether the certificate is to be renewed for its time. A clock
// that is not set says nothing about it, and after the authority's own end (the
// clock is years ahead, or the box has run that long) no other is any better:
// the next start renews the authority first.
func (l *leaf) spent() bool {
	now, c := time.Now(), l.cert.Leaf
	if now.Before(Epoch) || now.After(l.ca.cert.NotAfter) {
		return false
	}
	ends := now.After(c.NotAfter.Add(-leafRenew)) && c.NotAfter.Before(l.ca.cert.NotAfter)
	return ends || now.After(c.NotAfter) || now.Before(c.NotBefore)
}

// issue makes a new key and a certificate for it.
func (l *leaf) issue(serial string, addresses []netip.Addr) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	now := plausibleNow()
	if l.cert != nil && time.Now().Before(Epoch) { // the last certificate knows better than the clock
		now = later(now, l.cert.Leaf.NotAfter.Add(-leafLifetime))
	}
	end := now.Add(leafLifetime)
	if end.After(l.ca.cert.NotAfter) {
		end = l.ca.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: randomSerial(),
		Subject:      pkix.Name{CommonName: "Smart Connect " + serial, SerialNumber: serial},
		NotBefore:    later(Epoch, now.Add(-leafBackdate)),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names(serial),
	}
	for _, a := range addresses {
		template.IPAddresses = append(template.IPAddresses, a.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, l.ca.cert, key.Public(), l.ca.key)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	l.cert = &tls.Certificate{Certificate: [][]byte{der, l.ca.cert.Raw}, PrivateKey: key, Leaf: cert}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// certified returns the addresses that can stand in the certificate, those of
// this host to itself first, each once, no more than maxAddresses.
func certified(addresses []netip.Addr) []netip.Addr {
	some := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	for _, a := range addresses {
		if a = a.Unmap().WithZone(""); private(a) && !slices.Contains(some, a) && len(some) < maxAddresses {
			some = append(some, a)
		}
	}
	return some
}

func named(c *x509.Certificate, a netip.Addr) bool {
	return slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool { return ip.Equal(a.AsSlice()) })
}

// localAddress returns the address of this host that a client connected to, the
// zero Addr if the connection has none.
func localAddress(c net.Conn) netip.Addr {
	if c == nil {
		return netip.Addr{}
	}
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// hostAddresses returns the addresses of the network interfaces.
func hostAddresses() []netip.Addr {
	networks, _ := net.InterfaceAddrs() // the address that was asked for is known without them
	var all []netip.Addr
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			all = append(all, p.Addr())
		}
	}
	return all
}
