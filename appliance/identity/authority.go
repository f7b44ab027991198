package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"time"

	"smartconnect/appliance/config"
)

// authority is the certificate authority of this one device. Whoever installs
// its certificate trusts it for the names of this box and for private
// addresses, and for nothing else.
type authority struct {
	serial string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
}

const (
	day        = 24 * time.Hour
	caLifetime = 3652 * day // 10 years
)

// Epoch is earlier than any box was made. A box without a battery wakes up in
// 1970: what it signs then starts here and not there, and a clock that says
// less is taken to say this.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// plausibleNow is the time, or Epoch while the clock is not set.
func plausibleNow() time.Time {
	if now := time.Now(); now.After(Epoch) {
		return now
	}
	return Epoch
}

// privateNetworks are the addresses the authority can certify: a box with a
// public address has no business showing a certificate of its own there.
var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
}

func private(a netip.Addr) bool {
	for _, p := range privateNetworks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// names returns the host names of the box: those of the manual, and localhost.
func names(serial string) []string {
	own := "smart-connect-" + strings.ToLower(serial)
	return []string{"smart-connect.local", own + ".local", "smart-connect", own, "localhost"}
}

// newAuthority makes the authority of the box with the serial number. From an
// old one for the same number it takes the key, so that whoever trusts the old
// certificate goes on doing so.
//
// Its certificate holds from Epoch, whatever the clock says, and 10 years from
// now.
func newAuthority(serial string, old *authority) (*authority, error) {
	a := &authority{serial: serial}
	var err error
	if old != nil && old.serial == serial {
		a.key = old.key
	} else if a.key, err = newKey(); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                randomSerial(),
		Subject:                     pkix.Name{CommonName: "Smart Connect " + serial + " CA", SerialNumber: serial},
		NotBefore:                   Epoch,
		NotAfter:                    plausibleNow().Add(caLifetime),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names(serial),
	}
	for _, p := range privateNetworks {
		template.PermittedIPRanges = append(template.PermittedIPRanges,
			&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("signing the authority's certificate: %w", err)
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// readAuthority reads what pem wrote.
func readAuthority(path string) (*authority, error) {
	b, err := config.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, certs, err := parsePEM(b)
	if err != nil || len(certs) != 1 || !certs[0].IsCA || !serialForm.MatchString(certs[0].Subject.SerialNumber) {
		return nil, fmt.Errorf("%s is %w: it holds no key and certificate of an authority (%v)", path, errDamaged, err)
	}
	return &authority{serial: certs[0].Subject.SerialNumber, key: key, cert: certs[0]}, nil
}

// ending reports whether a server certificate would outlive the authority's.
func (a *authority) ending() bool {
	return plausibleNow().Add(leafLifetime).After(a.cert.NotAfter)
}

func (a *authority) pem() []byte { return toPEM(a.key, a.cert) }

func (a *authority) fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// CACertificate returns the certificate of the box's authority in PEM, for
// those who want to trust it.
func (id *Identity) CACertificate() []byte { return toPEM(nil, id.ca.cert) }

// CAFingerprint returns the SHA-256 fingerprint of that certificate, as on the
// label.
func (id *Identity) CAFingerprint() string { return id.ca.fingerprint() }

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// randomSerial returns the serial number of a certificate: 127 random bits.
func randomSerial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// The types of PEM blocks.
const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
)

// toPEM returns a key, if there is one, and certificates. Both stand in one
// file, so that they cannot come apart.
func toPEM(key *ecdsa.PrivateKey, certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	if key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic(fmt.Sprintf("identity: a P-256 key has no PKCS 8 form: %v", err))
		}
		_ = pem.Encode(&b, &pem.Block{Type: pemKey, Bytes: der}) // a Buffer takes everything
	}
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: pemCert, Bytes: c.Raw})
	}
	return b.Bytes()
}

// parsePEM reads what toPEM wrote. The first certificate is the key's.
func parsePEM(b []byte) (key *ecdsa.PrivateKey, certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		switch block.Type {
		case pemKey:
			k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, nil, err
			}
			key, _ = k.(*ecdsa.PrivateKey)
		case pemCert:
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, err
			}
			certs = append(certs, c)
		}
	}
	if key == nil || len(certs) == 0 || !key.PublicKey.Equal(certs[0].PublicKey) {
		return nil, nil, errors.New("no key with its certificate")
	}
	return key, certs, nil
}
