package broker

import (
	"crypto/tls"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTLSIsRefused(t *testing.T) {
	b := start(t, nil)
	old := clientTLS()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	wrong := clientTLS()
	wrong.RootCAs = nil
	for name, c := range map[string]*tls.Config{"TLS 1.1": old, "another authority": wrong} {
		for _, door := range []string{"tls", "wss"} {
			if conn, err := tls.Dial("tcp", b.doors[door].String(), c); err == nil {
				conn.Close()
				t.Errorf("%s through %s: accepted", name, door)
			}
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := clientTLS()
		c.MinVersion, c.MaxVersion, c.NextProtos = version, version, []string{"x-amzn-mqtt-ca"}
		conn, err := tls.Dial("tcp", b.doors["tls"].String(), c)
		if err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
			continue
		}
		conn.Close()
	}
	eventually(t, "all are gone", func() bool { return b.Stats().Sockets == 0 })
}

// The clients of the tests trust what mosquitto_sub is told to.
func TestMosquittoOverTLS(t *testing.T) {
	witness(t, "mosquitto_sub")
	b := start(t, nil)
	b.says(house(100))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority().pem, 0o600); err != nil {
		t.Fatal(err)
	}
	const otherCA = "/etc/ssl/certs/ca-certificates.crt"
	common := []string{"-u", "mqtt", "-P", pwReader, "-t", base + "/value/active_power", "-C", "1", "-W", "3", "-F", "%p"}
	for _, c := range []struct {
		name string
		args []string
		want string // "": refused
	}{
		{"another authority", []string{"--cafile", otherCA}, ""},
		{"no TLS", nil, ""},
		{"TLS 1.2", []string{"--cafile", ca, "--tls-version", "tlsv1.2"}, "100"},
		{"TLS 1.3", []string{"--cafile", ca, "--tls-version", "tlsv1.3"}, "100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(otherCA); err != nil && c.name == "another authority" {
				t.Skip("no certificates of the system: ", err)
			}
			line, wait := mosquitto(t, b.doors["tls"], append(c.args, common...)...)
			if c.want != "" {
				if got := line(); got != c.want {
					t.Errorf("received %q, want %q", got, c.want)
				}
				return
			}
			if exit, ok := errors.AsType[*exec.ExitError](wait()); !ok || exit.ExitCode() == 27 { // 27: time is up
				t.Errorf("%v, want a refusal", exit)
			}
		})
	}
}

// mosquitto_sub takes a version for the least it wants, openssl for the only one.
func TestOpenSSLVersions(t *testing.T) {
	openssl := witness(t, "openssl")
	b := start(t, nil)
	for version, want := range map[string]bool{"-tls1": false, "-tls1_1": false, "-tls1_2": true, "-tls1_3": true} {
		cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", b.doors["tls"].String(), version, "-cipher", "DEFAULT@SECLEVEL=0")
		out, err := cmd.CombinedOutput()
		if got := err == nil; got != want {
			t.Errorf("%s: shaken hands %t, want %t\n%s", version, got, want, out)
		}
	}
}
