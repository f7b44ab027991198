package identity

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"

	"smartconnect/appliance/config"
)

// ClientCertificate returns the certificate by which the box is known to a broker
// outside, with its key. Its common name is the serial number, as the manual has
// it ("Authentification"), and it is signed by the authority of the box: the
// broker's owner lets the box in by that authority. It is made once, and again
// only when the authority's own certificate is: who trusts the key itself goes on
// doing so, since the key stays.
func (id *Identity) ClientCertificate() (*tls.Certificate, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	path := id.path(clientName)
	var key *ecdsa.PrivateKey
	if b, err := config.ReadFile(path); err == nil {
		kept, certs, err := parsePEM(b)
		if err == nil && certs[0].Subject.CommonName == id.ca.serial {
			key = kept
			if certs[0].CheckSignatureFrom(id.ca.cert) == nil && certs[0].NotAfter.Equal(id.ca.cert.NotAfter) {
				return id.chain(key, certs[0]), nil
			}
		}
	}
	cert, key, err := id.ca.client(key)
	if err != nil {
		return nil, fmt.Errorf("identity: client certificate: %w", err)
	}
	write := func() error { return config.WriteFile(path, toPEM(key, cert), mode) }
	if err := id.locked(write); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	id.log.Info("new client certificate", "until", cert.NotAfter.Format("2006-01-02"))
	return id.chain(key, cert), nil
}

func (id *Identity) chain(key *ecdsa.PrivateKey, cert *x509.Certificate) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, id.ca.cert.Raw}, PrivateKey: key, Leaf: cert}
}

// client signs a certificate to log in with, for the key or, without one, for a
// new one. It holds as long as the authority's.
func (a *authority) client(key *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if key == nil {
		var err error
		if key, err = newKey(); err != nil {
			return nil, nil, err
		}
	}
	template := &x509.Certificate{
		SerialNumber: randomSerial(),
		Subject:      pkix.Name{CommonName: a.serial, SerialNumber: a.serial},
		NotBefore:    Epoch,
		NotAfter:     a.cert.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		// Without a name of its own some verifiers take the common name for one, and
		// the authority may not certify that.
		DNSNames: names(a.serial)[1:2],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}
