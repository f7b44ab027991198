package api

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// fieldsOf reads a file of RFC 9116: "Name: value" lines, and comments.
func fieldsOf(t *testing.T, text string) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") || lines.Text() == "" {
			continue
		}
		name, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok || fields[name] != "" {
			t.Errorf("a line is %q", lines.Text())
		}
		fields[name] = value
	}
	return fields
}

// Anybody is told where to report a weakness, on either listener.
func TestSecurityText(t *testing.T) {
	for _, c := range []struct {
		name    string
		plain   bool
		contact string // named at the build
		built   string
		want    string // "": the page of the policy, on the secure listener
	}{
		{"nobody named", false, "", "", ""},
		{"nobody named, on the plain port", true, "", "", ""},
		{"somebody named", false, "mailto:security@vendor.example", "", "mailto:security@vendor.example"},
		{"somebody named, on the plain port", true, "https://vendor.example/report", "", "https://vendor.example/report"},
		{"the clock is not set", false, "", "2099-03-31T12:00:00Z", ""},
	} {
		b := start(t, func(b *box) {
			b.Contact = c.contact
			b.Firmware = func() Firmware { return Firmware{Built: c.built} }
		})
		got, body := b.do(request{path: "/.well-known/security.txt", plain: c.plain, user: "-"})
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d, %s", c.name, got.StatusCode, got.Header.Get("Content-Type"))
		}
		f := fieldsOf(t, body)
		_, port, _ := net.SplitHostPort(b.secure)
		policy := "https://127.0.0.1:" + port + "/security-policy.txt"
		if c.want == "" {
			c.want = policy
		}
		until, err := time.Parse(time.RFC3339, f["Expires"])
		if left := time.Until(until); err != nil || left < 180*24*time.Hour || c.built == "" && left > 364*24*time.Hour || c.built != "" && until.Year() != 2099 {
			t.Errorf("%s: expires %q, %v", c.name, f["Expires"], err)
		}
		if len(f) != 4 || f["Contact"] != c.want || f["Policy"] != policy || f["Preferred-Languages"] != "en, fr, de, nl" {
			t.Errorf("%s: %q", c.name, body)
		}
		if got, body := b.do(request{path: "/security-policy.txt", plain: c.plain, user: "-"}); got.StatusCode != 200 || !strings.Contains(body, "72 hours") {
			t.Errorf("%s: the policy: %d %s", c.name, got.StatusCode, body)
		}
		if len(b.checks) != 0 {
			t.Errorf("%s: a password was looked at", c.name)
		}
	}
}

// A box without a secure listener has a contact only where one was named.
func TestSecurityTextWithoutASecureListener(t *testing.T) {
	for contact, want := range map[string]int{"": 404, "mailto:security@vendor.example": 200} {
		b := start(t, func(b *box) { b.Contact = contact })
		if err := b.end(); err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b.SecurePort, b.plain = 0, ln.Addr().String()
		done := make(chan error)
		go func() { done <- b.Serve(t.Context(), ln, nil) }()
		got, body := b.do(request{path: "/.well-known/security.txt", plain: true, user: "-"})
		if got.StatusCode != want || strings.Contains(body, "Policy:") {
			t.Errorf("contact %q: %d %s", contact, got.StatusCode, body)
		}
		ln.Close()
		<-done
	}
}

func TestExpires(t *testing.T) {
	for now, want := range map[string]string{
		"2026-01-01T00:00:00Z":      "2026-07-31T23:59:59Z",
		"2026-08-31T23:59:59Z":      "2027-02-28T23:59:59Z",
		"2026-11-26T14:00:00+01:00": "2027-05-31T23:59:59Z",
		"2027-08-01T00:30:00+02:00": "2028-01-31T23:59:59Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if got := expires(at).Format(time.RFC3339); err != nil || got != want {
			t.Errorf("%s: %s, want %s", now, got, want)
		}
	}
}
