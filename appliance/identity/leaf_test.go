package identity

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// at is a connection that somebody opened to the address.
type at struct {
	net.Conn
	address string
}

func (c at) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.address), 443))
}

func hello(c net.Conn) *tls.ClientHelloInfo { return &tls.ClientHelloInfo{Conn: c} }

func shown(t *testing.T, id *Identity, to net.Conn) *tls.Certificate {
	t.Helper()
	c, err := id.certificate(hello(to))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trusts verifies a certificate as a client would that trusts the box's
// authority.
func trusts(id *Identity, c *tls.Certificate, host string, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(id.CACertificate())
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

func TestCertificateNames(t *testing.T) {
	id := opened(t, t.TempDir())
	c := shown(t, id, nil)
	own := "smart-connect-" + id.Serial()
	for _, host := range []string{"smart-connect.local", own + ".local", "smart-connect", own, strings.ToLower(own), "localhost", "127.0.0.1", "[::1]", "192.168.10.101"} {
		if err := trusts(id, c, host, time.Now()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"smart-connect-AAAAAAAAAAAA.local", "example.com", "192.168.10.102", "smart-connect.example.com"} {
		if trusts(id, c, host, time.Now()) == nil {
			t.Errorf("%s is trusted", host)
		}
	}
	if got := time.Until(c.Leaf.NotAfter); got < leafLifetime-time.Minute || got > leafLifetime {
		t.Errorf("holds for %s, want 397 days", got)
	}
	if span := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore); span > 825*day {
		t.Errorf("spans %s, want at most 825 days", span)
	}
	if got := time.Until(id.ca.cert.NotAfter); got < caLifetime-time.Minute || got > caLifetime {
		t.Errorf("the authority holds for %s, want 10 years", got)
	}
	if c.Leaf.IsCA {
		t.Error("the certificate shown can sign others")
	}
}

// The authority is good for this box only, even in the hands of a thief.
func TestCertificateConstraints(t *testing.T) {
	id := opened(t, t.TempDir())
	for _, address := range []string{"8.8.8.8", "2001:db8::1"} {
		l := leaf{ca: id.ca}
		if err := l.issue(id.Serial(), []netip.Addr{netip.MustParseAddr(address)}); err != nil {
			t.Fatal(err)
		}
		if trusts(id, l.cert, "smart-connect.local", time.Now()) == nil {
			t.Errorf("a certificate for %s is trusted", address)
		}
	}
	l := leaf{ca: id.ca}
	if err := l.issue("OTHERSERIAL0", nil); err != nil {
		t.Fatal(err)
	}
	if trusts(id, l.cert, "smart-connect.local", time.Now()) == nil {
		t.Error("a certificate for another box is trusted")
	}
}

func TestCertificateKept(t *testing.T) {
	dir := t.TempDir()
	first := shown(t, opened(t, dir), nil)
	info, err := os.Stat(filepath.Join(dir, leafName))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, mode %v, want 0600", err, info.Mode())
	}
	id := opened(t, dir)
	for _, to := range []net.Conn{nil, at{nil, "127.0.0.1"}, at{nil, "192.168.10.101"}, at{nil, "8.8.8.8"}} {
		if got := shown(t, id, to); !got.Leaf.Equal(first.Leaf) {
			t.Errorf("another certificate for %v after a restart", to)
		}
	}
	// Of another authority, as after one was made anew.
	other := t.TempDir()
	opened(t, other)
	b, err := os.ReadFile(filepath.Join(dir, leafName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, leafName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if id := opened(t, other); trusts(id, shown(t, id, nil), "localhost", time.Now()) != nil {
		t.Error("shows a certificate that its own authority did not sign")
	}
}

// A new address is in the certificate with the first connection to it.
func TestCertificateNewAddress(t *testing.T) {
	id := opened(t, t.TempDir())
	first := shown(t, id, nil)
	second := shown(t, id, at{nil, "10.1.2.3"})
	if first.Leaf.Equal(second.Leaf) || trusts(id, second, "10.1.2.3", time.Now()) != nil || trusts(id, second, "192.168.10.101", time.Now()) != nil {
		t.Errorf("certificate for %v", second.Leaf.IPAddresses)
	}
	if third := shown(t, id, at{nil, "10.1.2.3"}); !third.Leaf.Equal(second.Leaf) {
		t.Error("a new certificate for every connection")
	}
	if v6 := shown(t, id, at{nil, "::ffff:192.168.10.101"}); !v6.Leaf.Equal(second.Leaf) {
		t.Error("an IPv4 address in IPv6 form is taken for another")
	}
	id.addresses = func() []netip.Addr {
		var many []netip.Addr
		for i := range 200 {
			many = append(many, netip.AddrFrom4([4]byte{172, 17, 0, byte(i)}))
		}
		return many
	}
	last := shown(t, id, at{nil, "10.9.9.9"})
	if len(last.Leaf.IPAddresses) != maxAddresses || trusts(id, last, "10.9.9.9", time.Now()) != nil {
		t.Errorf("%d addresses", len(last.Leaf.IPAddresses))
	}
}

// A folder that cannot be written to costs the certificate of the next start,
// not this one.
func TestCertificateNotKept(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	if err := os.Mkdir(filepath.Join(dir, leafName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := trusts(id, shown(t, id, nil), "localhost", time.Now()); err != nil {
		t.Error(err)
	}
}

// Time passes: 397 days, renewed in their last third; ten years for the
// authority, renewed with its key before a certificate would outlive it.
func TestCertificateRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		dir := t.TempDir()
		id := opened(t, dir)
		ca := id.CAFingerprint()
		first := shown(t, id, nil)

		time.Sleep(leafLifetime - leafRenew - time.Hour)
		if got := shown(t, id, nil); !got.Leaf.Equal(first.Leaf) {
			t.Error("renewed before the last third")
		}
		time.Sleep(2 * time.Hour)
		second := shown(t, id, nil)
		if second.Leaf.Equal(first.Leaf) || time.Until(second.Leaf.NotAfter) < leafLifetime-time.Minute {
			t.Errorf("not renewed in the last third: until %s", second.Leaf.NotAfter)
		}
		if id.CAFingerprint() != ca {
			t.Error("another authority")
		}

		key := id.ca.key
		for range 40 { // a box that runs for ten years without a restart
			time.Sleep(90 * day)
			c := shown(t, id, nil)
			if time.Now().Before(id.ca.cert.NotAfter) {
				if err := trusts(id, c, "localhost", time.Now()); err != nil {
					t.Fatalf("%s: %v", time.Now(), err)
				}
			}
			if again := shown(t, id, nil); !again.Leaf.Equal(c.Leaf) && time.Now().Before(id.ca.cert.NotAfter) {
				t.Fatalf("%s: a new certificate for every connection", time.Now())
			}
		}
		id = opened(t, dir)
		if id.CAFingerprint() == ca || !id.ca.key.Equal(key) {
			t.Error("the authority was not renewed with its key")
		}
		if err := trusts(id, shown(t, id, nil), "localhost", time.Now()); err != nil {
			t.Errorf("after ten years: %v", err)
		}
	})
}

// A box without a battery wakes up at some time of the past. (The fake clock
// starts in 2000, which is as wrong as 1970.)
func TestCertificateWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		id := opened(t, dir)
		first := shown(t, id, nil)
		if again := shown(t, id, nil); !again.Leaf.Equal(first.Leaf) {
			t.Error("a new certificate for every connection while the clock is not set")
		}
		today := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		if err := trusts(id, first, "localhost", today); err != nil {
			t.Errorf("made with a clock of %s, to a reader of today: %v", time.Now(), err)
		}
		// The clock is set, years later.
		time.Sleep(time.Until(time.Date(2029, 5, 1, 0, 0, 0, 0, time.UTC)))
		second := shown(t, id, nil)
		if err := trusts(id, second, "localhost", time.Now()); err != nil {
			t.Errorf("after the clock was set: %v", err)
		}
	})
	// The next start is in 2000 again, with a certificate made in 2029: the clock
	// is wrong, not the certificate.
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2029, 5, 1, 0, 0, 0, 0, time.UTC)))
		shown(t, opened(t, dir), nil)
	})
	synctest.Test(t, func(t *testing.T) {
		id := opened(t, dir)
		reader := time.Date(2029, 5, 2, 0, 0, 0, 0, time.UTC)
		if err := trusts(id, shown(t, id, nil), "localhost", reader); err != nil {
			t.Errorf("after a power cut: %v", err)
		}
		if err := trusts(id, shown(t, id, at{nil, "10.1.2.3"}), "10.1.2.3", reader); err != nil {
			t.Errorf("after a power cut, with a new address: %v", err)
		}
		// The clock was years ahead, and is set back.
		time.Sleep(time.Until(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)))
		if err := trusts(id, shown(t, id, nil), "localhost", time.Now()); err != nil {
			t.Errorf("after the clock was set back: %v", err)
		}
	})
}

// Row S10: TLS 1.2 or newer, and a chain that outside programs accept.
// A clock that is decades ahead makes no certificate for every connection: none
// would be better than the last.
func TestCertificateAfterTheAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(Epoch))
		id := opened(t, t.TempDir())
		shown(t, id, nil)
		time.Sleep(time.Until(id.ca.cert.NotAfter.Add(day)))
		first := shown(t, id, nil)
		if again := shown(t, id, nil); !again.Leaf.Equal(first.Leaf) {
			t.Error("a new certificate for every connection after the end of the authority")
		}
	})
}

func TestTLS(t *testing.T) {
	id := opened(t, t.TempDir())
	l, err := tls.Listen("tcp", "127.0.0.1:0", id.TLSConfig())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	defer func() { _ = server.Close(); <-done }()
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(id.CACertificate()) {
		t.Fatal("no certificate in PEM")
	}
	for _, v := range []struct {
		version uint16
		ok      bool
	}{{tls.VersionTLS10, false}, {tls.VersionTLS11, false}, {tls.VersionTLS12, true}, {tls.VersionTLS13, true}} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "smart-connect.local", MinVersion: v.version, MaxVersion: v.version})
		if (err == nil) != v.ok {
			t.Errorf("%s: error %v", tls.VersionName(v.version), err)
		}
		if err == nil {
			_ = c.Close()
		}
	}

	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, id.CACertificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("openssl", func(t *testing.T) {
		out := witness(t, "", "openssl", "x509", "-in", ca, "-noout", "-fingerprint", "-sha256")
		if !strings.Contains(out, id.CAFingerprint()) {
			t.Errorf("fingerprint %s, ours %s", out, id.CAFingerprint())
		}
		out = witness(t, "Q\n", "openssl", "s_client", "-connect", address, "-CAfile", ca, "-verify_return_error", "-verify_hostname", "smart-connect-"+strings.ToLower(id.Serial())+".local")
		if !strings.Contains(out, "Verify return code: 0 (ok)") {
			t.Errorf("openssl says:\n%s", out)
		}
	})
	t.Run("curl", func(t *testing.T) {
		for _, host := range []string{"smart-connect.local", "smart-connect", "127.0.0.1", "localhost"} {
			out := witness(t, "", "curl", "-sS", "--noproxy", "*", "--max-time", "10", "--cacert", ca, "--resolve", host+":"+port+":127.0.0.1", "https://"+host+":"+port+"/")
			if out != "served" {
				t.Errorf("curl, %s: %s", host, out)
			}
		}
	})
}

// witness runs an outside program and returns what it printed.
func witness(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	c := exec.Command(path, args...)
	c.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return out.String()
}

// Nothing that leaves the box holds a private key.
func TestCACertificateIsPublic(t *testing.T) {
	id := opened(t, t.TempDir())
	lines := bufio.NewScanner(bytes.NewReader(id.CACertificate()))
	for lines.Scan() {
		if strings.Contains(lines.Text(), "KEY") {
			t.Errorf("the certificate comes with %q", lines.Text())
		}
	}
}
