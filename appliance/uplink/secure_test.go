package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-10 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue signs a certificate, and writes it and its key for mosquitto.
func (a *authority) issue(name string, change func(*x509.Certificate)) (pair tls.Certificate, certFile, keyFile string) {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	file := fmt.Sprint(template.SerialNumber)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, a.write(file+".pem", "CERTIFICATE", der), a.write(file+".key", "PRIVATE KEY", secret)
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// mutual is a mosquitto that lets in who has a certificate of the authority, under
// the name in it.
func (a *authority) mutual(t *testing.T, change func(*x509.Certificate)) *mosquitto {
	t.Helper()
	_, cert, key := a.issue("broker", change)
	return broker(t, "cafile "+filepath.Join(a.dir, "ca.pem"), "certfile "+cert, "keyfile "+key, "require_certificate true", "use_identity_as_username true").start()
}

func TestMutualTLS(t *testing.T) {
	a := newAuthority(t, "cloud")
	box, _, _ := a.issue(serial, nil)
	b := a.mutual(t, nil)
	u := up(t, "mqtts://", b.addr, func(u *Uplink) {
		u.TLS = func() (*tls.Config, error) {
			return &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{box}}, nil
		}
	})
	u.say(3)
	u.arrived(t, 5*time.Second)
	if s := u.Stats(); s.Sent != 3 || s.Reason != "" {
		t.Errorf("%+v", s)
	}
}

// A broker of the user's own knows the box by a user and a password.
func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if out, err := exec.Command(program(t, "mosquitto_passwd"), "-b", "-c", file, "me", "right-word").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := broker(t, "allow_anonymous false", "password_file "+file).start()
	for _, c := range []struct {
		name, user, password string
		up                   bool
	}{
		{"right", "me", "right-word", true},
		{"wrong password", "me", "wrong-word", false},
		{"wrong user", "you", "right-word", false},
		{"none", "", "right-word", false},
	} {
		u := up(t, "mqtt://", b.addr, func(u *Uplink) { u.Username, u.Password = c.user, telegram.NewSecret(c.password) })
		u.say(1)
		if c.up {
			u.arrived(t, 5*time.Second)
			continue
		}
		eventually(t, 5*time.Second, c.name, func() bool { r := u.Stats().Reason; return r == ReasonRights || r == ReasonLogin })
		if s := u.Stats(); s.Up || s.Sent != 0 {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

// Who is not to be trusted, or does not trust the box, gets no telegram, and the
// status says why.
func TestRefusals(t *testing.T) {
	a, other := newAuthority(t, "cloud"), newAuthority(t, "somebody")
	box, _, _ := a.issue(serial, nil)
	stranger, _, _ := other.issue(serial, nil)
	trusts := func(a *authority, pairs ...tls.Certificate) func(*Uplink) {
		return func(u *Uplink) {
			u.TLS = func() (*tls.Config, error) { return &tls.Config{RootCAs: a.pool(), Certificates: pairs}, nil }
		}
	}
	validity := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	good := a.mutual(t, nil)
	elsewhere := a.mutual(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"broker.example.com"} })
	expired := a.mutual(t, validity(-2*time.Hour, -time.Hour))
	future := a.mutual(t, validity(time.Hour, 2*time.Hour))
	plain := broker(t, "allow_anonymous true").start()
	locked := broker(t, "allow_anonymous false").start()
	mute := silent(t)
	for _, c := range []struct {
		name, scheme, addr string
		change             func(*Uplink)
		want               Reason
		text               string
	}{
		{"an authority that is not trusted", "mqtts://", good.addr, trusts(other, box), ReasonUntrusted, "MQTT.CA"},
		{"a certificate for another host", "mqtts://", elsewhere.addr, trusts(a, box), ReasonOtherName, "another name"},
		{"a certificate that has run out", "mqtts://", expired.addr, trusts(a, box), ReasonExpired, "has run out"},
		{"a certificate of tomorrow: the clock is behind", "mqtts://", future.addr, trusts(a, box), ReasonClock, "clock of this box is behind"},
		{"a box without a certificate", "mqtts://", good.addr, trusts(a), ReasonCertificate, "certificate of this box: it must know"},
		{"a box with a stranger's certificate", "mqtts://", good.addr, trusts(a, stranger), ReasonCertificate, "certificate of this box: it must know"},
		{"TLS to a plain port", "mqtts://", plain.addr, trusts(a, box), ReasonNoTLS, "TLS"},
		{"no TLS to a port of TLS", "mqtt://", good.addr, nil, ReasonClosed, ""},
		{"no user and password", "mqtt://", locked.addr, nil, ReasonRights, "does not let this box in"},
		{"a wrong password", "mqtt://", locked.addr, func(u *Uplink) { u.Username, u.Password = "me", telegram.NewSecret("wrong-word") }, ReasonRights, ""},
		{"nobody listens", "mqtt://", freePort(t), nil, ReasonRefused, "nobody listens there"},
		{"a name without an address", "mqtt://", "broker.invalid", nil, ReasonName, "has no address"},
		{"one that accepts and never answers", "mqtt://", mute, nil, ReasonNoAnswer, "does not answer"},
		{"one that accepts and never answers TLS", "mqtts://", mute, trusts(a, box), ReasonNoAnswer, "does not answer"},
		{"a clock that is not set", "mqtt://", plain.addr, func(u *Uplink) { u.Clock = func() error { return errors.New("the clock says 1970") } }, ReasonClock, "the clock says 1970"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := up(t, c.scheme, c.addr, func(u *Uplink) {
				u.Limits.Connect = 300 * time.Millisecond
				if c.change != nil {
					c.change(u)
				}
			})
			u.say(1)
			eventually(t, 5*time.Second, "a reason", func() bool { s := u.Stats(); return s.Reason != "" && s.Reason != ReasonConnecting })
			time.Sleep(50 * time.Millisecond) // also of further attempts
			s := u.Stats()
			if s.Up || s.Reason != c.want || !strings.Contains(s.Detail, c.text) || s.Sent != 0 || s.Waiting != 1 {
				t.Errorf("%s: %s; %d sent, %d waiting; want %s %q", s.Reason, s.Detail, s.Sent, s.Waiting, c.want, c.text)
			}
			if strings.Contains(s.Detail, "wrong-word") {
				t.Error("the status tells the password")
			}
		})
	}
}

// silent is a broker that accepts connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
	return ln.Addr().String()
}

// A broker that lets the box in and then acknowledges nothing keeps no telegram
// from the disk, and is left for a new attempt.
func TestNoAcknowledgement(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	gate := forward(t, b.addr)
	u := up(t, "mqtt://", gate.addr, func(u *Uplink) { u.Limits.Ack = time.Second })
	u.say(3)
	u.arrived(t, 5*time.Second)
	gate.set(func() { gate.mute = true })
	u.say(3)
	eventually(t, 5*time.Second, "what is not acknowledged is on the disk", func() bool { return u.Stats().Kept > 0 })
	eventually(t, 5*time.Second, "the connection is given up", func() bool { s := u.Stats(); return !s.Up && s.Waiting == 3 })
	if s := u.Stats(); s.Reason != ReasonNoAck && s.Reason != ReasonNoAnswer {
		t.Errorf("%s: %s", s.Reason, s.Detail)
	}
	gate.set(func() { gate.mute = false })
	u.arrived(t, 10*time.Second)
	eventually(t, 2*time.Second, "all come", func() bool { n := l.powers(t); return len(n) > 0 && n[len(n)-1] == 6 })
	t.Logf("%d came twice", numbers(t, l.powers(t), 6))
}
