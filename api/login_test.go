package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// login is what a browser does at the login page.
func (b *box) login(form url.Values) (*http.Response, string) {
	return b.do(request{method: "POST", path: "/login", user: "-", header: mediaType("application/x-www-form-urlencoded"), body: form.Encode()})
}

func TestLogin(t *testing.T) {
	b := start(t, nil)
	right := url.Values{"user": {"user"}, "password": {rightPassword}, "next": {"/settings/mqtt"}}
	if got, body := b.login(url.Values{"user": {"user"}, "password": {"wrong"}}); got.StatusCode != 403 || !strings.Contains(body, "Wrong user name or password") || len(got.Cookies()) != 0 {
		t.Errorf("a wrong password: %d %s", got.StatusCode, body)
	}
	got, _ := b.login(right)
	cookies := got.Cookies()
	if got.StatusCode != 303 || got.Header.Get("Location") != "/settings/mqtt" || len(cookies) != 1 {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	c := cookies[0]
	if c.Name != "__Host-sc" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 40 {
		t.Errorf("cookie %+v", c)
	}
	with := http.Header{"Cookie": {c.Name + "=" + c.Value}}
	if got, body := b.do(request{path: "/", user: "-", header: with}); got.StatusCode != 200 {
		t.Errorf("the page: %d %s", got.StatusCode, body)
	}
	if got, body := b.do(request{user: "-", header: with}); got.StatusCode != 200 {
		t.Errorf("the API: %d %s", got.StatusCode, body)
	}

	there, back := b.client, b.from("127.0.0.3")
	b.client = back
	if _, body := b.do(request{path: "/login", user: "-"}); !strings.Contains(body, "Somebody else is logged in") || strings.Contains(body, "127.0.0.1") {
		t.Errorf("a stranger is not told that, or too much: %s", body)
	}
	if got, body := b.login(right); got.StatusCode != 409 || !strings.Contains(body, "from 127.0.0.1, for") || !strings.Contains(body, `name="takeover"`) {
		t.Errorf("a second page: %d %s", got.StatusCode, body)
	}
	right.Set("takeover", "1")
	if got, body := b.login(right); got.StatusCode != 303 {
		t.Errorf("a second page that takes over: %d %s", got.StatusCode, body)
	}
	b.client = there
	got, _ = b.do(request{path: "/", user: "-", header: with})
	if got.StatusCode != 303 || got.Header.Get("Location") != "/login?why=taken" {
		t.Errorf("the first page then: %d %s", got.StatusCode, got.Header.Get("Location"))
	}
	if _, body := b.do(request{path: "/login?why=taken", user: "-"}); !strings.Contains(body, "because somebody else has logged in") {
		t.Error(body)
	}
	with.Set("Smartconnect-Background", "1")
	if got, _ := b.do(request{user: "-", header: with}); got.StatusCode != 401 || strings.Contains(got.Header.Get("WWW-Authenticate"), "Basic") {
		t.Errorf("the script of the page is answered %d %q, and the browser would ask for a password", got.StatusCode, got.Header.Get("WWW-Authenticate"))
	}
	for _, elsewhere := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/\t/evil.example", "/\n/evil.example", "/x?y", ""} {
		right.Set("next", elsewhere)
		if got, _ := b.login(right); got.Header.Get("Location") != "/" {
			t.Errorf("next %q leads to %q", elsewhere, got.Header.Get("Location"))
		}
	}
}

// What was typed into a form is not lost with the session: the login opens in another
// tab, and this one is sent again.
func TestFormAfterItsSession(t *testing.T) {
	b := start(t, nil)
	typed := request{method: "POST", path: "/settings/mqtt", user: "-", header: mediaType("application/x-www-form-urlencoded"), body: "/MQTT/Site=typed-for-an-hour"}
	got, body := b.do(typed)
	if got.StatusCode != 403 || got.Header.Get("Location") != "" || len(b.config.patches) != 0 {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	for _, want := range []string{"Nothing was saved", "load this page again", `<form method="post" action="/login" target="_blank">`, `name="next" value="/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Contains(body, "typed-for-an-hour") {
		t.Errorf("a page for anybody shows what was sent: %s", body)
	}
}

func TestLogout(t *testing.T) {
	b := start(t, nil)
	got, _ := b.login(url.Values{"user": {"user"}, "password": {rightPassword}})
	with := http.Header{"Cookie": {got.Cookies()[0].Name + "=" + got.Cookies()[0].Value}}
	if got, _ := b.do(request{method: "POST", path: "/logout", user: "-", header: with}); got.StatusCode != 303 || got.Header.Get("Location") != "/login" || got.Cookies()[0].MaxAge >= 0 {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	for _, q := range []request{{path: "/"}, {method: "POST", path: "/logout"}} {
		q.user, q.header = "-", with
		if got, _ := b.do(q); got.StatusCode != 303 || got.Header.Get("Location") != "/login" {
			t.Errorf("%s with the old cookie: %d %v", q, got.StatusCode, got.Header)
		}
	}
	b.wait = 3 * time.Second
	if got, body := b.login(url.Values{"user": {"user"}, "password": {"wrong"}}); got.StatusCode != 429 || got.Header.Get("Retry-After") != "3" || !strings.Contains(body, "Try again in 3 s") {
		t.Errorf("%d %s", got.StatusCode, body)
	}
}
