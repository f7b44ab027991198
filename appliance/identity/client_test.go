package identity

import (
	"crypto/ecdsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smartconnect/appliance/config"
)

// knownBy verifies a certificate as a broker would that lets the box in by its
// authority.
func knownBy(id *Identity, c *x509.Certificate) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(id.CACertificate())
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

func TestClientCertificate(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	first, err := id.ClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if first.Leaf.Subject.CommonName != id.Serial() {
		t.Errorf("common name %q, want the serial number %s", first.Leaf.Subject.CommonName, id.Serial())
	}
	if err := knownBy(id, first.Leaf); err != nil {
		t.Error(err)
	}
	if err := trusts(id, first, "localhost", time.Now()); err == nil {
		t.Error("it can also stand for a server")
	}
	info, err := os.Stat(filepath.Join(dir, clientName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kept as %v (%v)", info.Mode(), err)
	}
	again, err := opened(t, dir).ClientCertificate()
	if err != nil || !again.Leaf.Equal(first.Leaf) {
		t.Errorf("another certificate after a restart (%v)", err)
	}
}

func TestClientCertificateMadeAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(t *testing.T, id *Identity, path string)
		sameKey bool
	}{
		{"the file is damaged", func(t *testing.T, _ *Identity, path string) {
			if err := config.WriteFile(path, []byte("hello"), mode); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"it is another box's", func(t *testing.T, _ *Identity, path string) {
			other := opened(t, t.TempDir())
			if _, err := other.ClientCertificate(); err != nil {
				t.Fatal(err)
			}
			b, err := config.ReadFile(other.path(clientName))
			if err != nil {
				t.Fatal(err)
			}
			if err := config.WriteFile(path, b, mode); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"the authority was renewed", func(t *testing.T, id *Identity, _ string) {
			ca, err := newAuthority(id.Serial(), id.ca)
			if err != nil {
				t.Fatal(err)
			}
			ca.cert.NotAfter = ca.cert.NotAfter.Add(24 * time.Hour)
			id.ca = ca
		}, true},
	} {
		dir := t.TempDir()
		id := opened(t, dir)
		first, err := id.ClientCertificate()
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(t, id, filepath.Join(dir, clientName))
		second, err := id.ClientCertificate()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if second.Leaf.Equal(first.Leaf) {
			t.Errorf("%s: the same certificate", c.name)
		}
		if err := second.Leaf.CheckSignatureFrom(id.ca.cert); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if same := second.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(first.Leaf.PublicKey); same != c.sameKey {
			t.Errorf("%s: the same key is %t, want %t", c.name, same, c.sameKey)
		}
	}
}
