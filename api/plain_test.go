package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Whatever is sent to the plain listener, the password in it is never looked
// at, and nothing but the way to the secure page comes back.
func TestPlainNeverEvaluatesCredentials(t *testing.T) {
	b := start(t, nil)
	for _, q := range []request{
		{path: "/api/v1/status"}, {path: "/api/v1/config"}, {path: "/api"}, {path: "/api/"}, {path: "/api/v1/nothing"},
		{method: "POST", path: "/api/v1/reset"},
		{method: "PATCH", path: "/api/v1/config", header: asJSON, body: `{"MQTT":{"Password":"broker-password-7"}}`},
		{path: "/api/v1/status", host: "evil.example"},
		{path: "/api/v1/status", pass: "wrong"},
	} {
		q.plain = true
		got, body := b.do(q)
		var hint struct{ Error, Secure string }
		if err := json.Unmarshal([]byte(body), &hint); err != nil {
			t.Fatalf("%s: %v: %s", q, err, body)
		}
		host := "127.0.0.1"
		if q.host != "" {
			host = q.host
		}
		want := fmt.Sprintf("https://%s:%s%s", host, port(b.secure), q.path)
		if got.StatusCode != 403 || hint.Secure != want || !strings.Contains(hint.Error, "HTTPS only") {
			t.Errorf("%s: status %d, want 403 and %s: %s", q, got.StatusCode, want, body)
		}
		if got.Header.Get("Www-Authenticate") != "" || got.Header.Get("Location") != "" {
			t.Errorf("%s: asks for a password or redirects: %v", q, got.Header)
		}
	}
	if len(b.checks) != 0 {
		t.Errorf("credentials were checked: %q", b.checks)
	}
	if len(b.resets) != 0 || len(b.config.patches) != 0 {
		t.Errorf("the plain listener did something")
	}
}

func TestLanding(t *testing.T) {
	for _, test := range []struct {
		name   string
		ask    request
		port   int
		status int
		link   string
	}{
		{"short name", request{path: "/", host: "smart-connect"}, 0, 200, "https://smart-connect:%s/"},
		{"mDNS name", request{path: "/", host: "smart-connect.local:8080"}, 0, 200, "https://smart-connect.local:%s/"},
		{"any name", request{path: "/", host: "box.example.com"}, 0, 200, "https://box.example.com:%s/"},
		{"standard port", request{path: "/", host: "smart-connect"}, 443, 200, "https://smart-connect/"},
		{"IPv6", request{path: "/", host: "[fe80::1]:80"}, 443, 200, "https://[fe80::1]/"},
		{"IPv6, other port", request{path: "/", host: "[fe80::1]"}, 8443, 200, "https://[fe80::1]:8443/"},
		{"unknown path", request{path: "/config", host: "smart-connect"}, 443, 404, "https://smart-connect/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.SecurePort = test.port })
			test.ask.plain = true
			got, body := b.do(test.ask)
			link := test.link
			if strings.Contains(link, "%s") {
				link = fmt.Sprintf(link, port(b.secure))
			}
			for _, want := range []string{`href="` + link + `"`, `href="/ca.crt"`, b.CA.Fingerprint, b.Serial} {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in the page:\n%s", want, body)
				}
			}
			if got.StatusCode != test.status {
				t.Errorf("status %d, want %d", got.StatusCode, test.status)
			}
			// Nothing of the house, and nothing an attacker could choose by.
			for _, private := range []string{b.Version, "E0043007052870318", "1234"} {
				if strings.Contains(strings.ReplaceAll(body, b.CA.Fingerprint, ""), private) {
					t.Errorf("the page tells %q", private)
				}
			}
		})
	}
}

// While the secure port is another program's, the page must not lead there.
func TestLandingWithoutSecureListener(t *testing.T) {
	fault := "listen tcp :443: bind: address already in use"
	b := start(t, func(b *box) { b.SecureFault = func() string { return fault } })
	if _, body := b.do(request{path: "/", plain: true}); !strings.Contains(body, fault) || strings.Contains(body, "https://") {
		t.Errorf("want the fault and no link:\n%s", body)
	}
	fault = ""
	if _, body := b.do(request{path: "/", plain: true}); !strings.Contains(body, "https://") {
		t.Errorf("want the link:\n%s", body)
	}
}

func TestLandingEscapesTheName(t *testing.T) {
	b := start(t, nil)
	conn, err := net.Dial("tcp", b.plain)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\"><script>alert(1)</script>\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), "<script>") {
		t.Errorf("the name came back as markup:\n%s", all)
	}
}

func TestLandingWithoutName(t *testing.T) {
	b := start(t, nil)
	conn, err := net.Dial("tcp", b.plain)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	page, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://127.0.0.1:" + port(b.secure) + "/"; !strings.Contains(string(page), want) {
		t.Errorf("no %s in the page:\n%s", want, page)
	}
}

func TestPlainMethods(t *testing.T) {
	b := start(t, nil)
	got, _ := b.do(request{method: "POST", path: "/", plain: true, body: "x"})
	if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("status %d, Allow %q", got.StatusCode, got.Header.Get("Allow"))
	}
}

func port(address string) string {
	_, p, _ := strings.Cut(address, ":")
	return p
}
