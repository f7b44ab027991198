package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
)

func (m MQTT) check(p *Problems, k Known) {
	if why := wrongBroker(m.Broker); why != "" {
		p.add("/MQTT/Broker", "%s", why)
	}
	p.line("/MQTT/Site", m.Site, 1, 64)
	if strings.ContainsAny(m.Site, "/+#") {
		p.add("/MQTT/Site", "%q is not one level of a topic: it may not hold / + or #", m.Site)
	}
	p.line("/MQTT/Username", m.Username, 0, maxText)
	if s := m.Password.Reveal(); len(s) > maxText || !printable(s) {
		p.add("/MQTT/Password", "a password has at most %d printable characters", maxText)
	}
	if m.CA != "" {
		if why := wrongAuthority(m.CA); why != "" {
			p.add("/MQTT/CA", "%s", why)
		}
	}
	m.checkPair(p)
	p.word("/MQTT/Format", m.Format, k.Payloads)
	p.word("/MQTT/Commands", m.Commands, CommandsWords)
	if m.KeepMiB < 1 || m.KeepMiB > maxKeep {
		p.add("/MQTT/KeepMiB", "%d is not from 1 to %d", m.KeepMiB, maxKeep)
	}
	if m.Discovery && m.Format == "rl-dsp" {
		p.add("/MQTT/Discovery", "Home Assistant cannot read the payloads of Format rl-dsp")
	}
}

// checkPair checks the certificate to log in with, and its key.
func (m MQTT) checkPair(p *Problems) {
	switch _, err := tls.X509KeyPair([]byte(m.Certificate), []byte(m.Key.Reveal())); {
	case m.Certificate == "" && !m.Key.IsSet():
	case strings.Contains(m.Certificate, "PRIVATE KEY"): // the form of both in one file, and this half is shown to whoever asks
		p.add("/MQTT/Certificate", "holds a private key: that belongs into Key, which nobody is shown")
	case m.Certificate == "":
		p.add("/MQTT/Key", "is the key of a certificate, and none is set in Certificate")
	case len(m.Certificate) > maxPEM || len(m.Key.Reveal()) > maxPEM:
		p.add("/MQTT/Certificate", "is longer than %d octets", maxPEM)
	case !m.Key.IsSet():
		p.add("/MQTT/Certificate", "has no private key in Key")
	case err != nil: // its text says nothing of the key
		p.add("/MQTT/Certificate", "is not a certificate in PEM with the private key in Key: %v", err)
	}
}

// maxKeep is a week of an outage, in MiB.
const maxKeep = 1024

// maxPEM is far above what a chain of certificates has.
const maxPEM = 16 << 10

// wrongAuthority says why s is no list of certificates of authorities, "" if it is
// one.
func wrongAuthority(s string) string {
	if len(s) > maxPEM {
		return fmt.Sprintf("is longer than %d octets", maxPEM)
	}
	rest, n := []byte(s), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Sprintf("holds a %.40q; it holds certificates only", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("certificate %d cannot be read: %v", n+1, err)
		}
		n++
	}
	if n == 0 || strings.TrimSpace(string(rest)) != "" {
		return "is not a list of certificates in PEM (-----BEGIN CERTIFICATE-----)"
	}
	return ""
}

// wrongBroker says why s is no broker address, "" if it is one. An address with
// a user, a path or a query says something that would be ignored.
func wrongBroker(s string) string {
	want := fmt.Sprintf("%.80q is not a broker address such as mqtts://broker.example.com:8883 or mqtt://192.168.1.10", s)
	if strings.Contains(s, "@") { // what stands before it may be a password
		return "names a user, or is no broker address; a user belongs into Username and Password"
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "mqtts" && u.Scheme != "mqtt") || len(s) > maxText {
		return want
	}
	if u.Scheme+"://"+u.Host != s || !hostName(u.Hostname()) || !port(u.Port(), 1) && u.Host != u.Hostname() {
		return want
	}
	return ""
}
