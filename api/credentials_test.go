package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

func TestCredentialsRefused(t *testing.T) {
	short := fmt.Errorf("identity: %w", problems{{"/Password", "a password has at least 10 characters, and this has 5"}})
	for _, c := range []struct {
		name, body string
		err        error
		status     int
		says       []string
	}{
		{"no body", ``, nil, 400, []string{"it is empty"}},
		{"half a body", `{"Password":"` + newPassword, nil, 400, []string{"not valid JSON"}},
		{"a text", `"` + newPassword + `"`, nil, 422, []string{"wants an object"}},
		{"nothing", `{}`, nil, 422, []string{`"pointer": "/Password"`}},
		{"null", `{"Password":null}`, nil, 422, []string{`"pointer": "/Password"`, "wants a text"}},
		{"a number", `{"Password":12345678901}`, nil, 422, []string{`"pointer": "/Password"`, "wants a text"}},
		{"another name beside it", `{"Password":"` + newPassword + `","User":"admin"}`, nil, 422, []string{`"pointer": "/User"`, "is not one of Password, MQTTPassword"}},
		{"a name in another case", `{"password":"` + newPassword + `"}`, nil, 422, []string{`"pointer": "/password"`}},
		{"two wrong ones", `{"MQTTPassword":1,"Password":[]}`, nil, 422, []string{`"pointer": "/MQTTPassword"`, `"pointer": "/Password"`}},
		{"a short one", `{"Password":"short"}`, short, 422, []string{`"pointer": "/Password"`, "at least 10 characters"}},
		{"a full disk", `{"Password":"` + newPassword + `"}`, errors.New("identity: no space left on device"), 500, []string{"no space left on device"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.credentials.err = c.err })
			got, body := b.do(request{method: "PATCH", path: "/api/v1/credentials", header: asJSON, body: c.body})
			for _, want := range c.says {
				if got.StatusCode != c.status || !strings.Contains(body, want) {
					t.Errorf("status %d, want %d and %q in %s", got.StatusCode, c.status, want, body)
				}
			}
			if asked := len(b.credentials.given); (asked != 0) != (c.err != nil) {
				t.Errorf("set %d times", asked)
			}
			if strings.Contains(b.log.String(), "credentials_changed") {
				t.Errorf("what was refused is logged as done:\n%s", b.log)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"Password":"` + newPassword + `"}`, `["/Password"]`},
		{`{"MQTTPassword":"` + newPassword + `"}`, `["/MQTTPassword"]`},
		{`{"MQTTPassword":"broker-password-7","Password":"` + newPassword + `"}`, `["/Password","/MQTTPassword"]`},
	} {
		b := start(t, nil)
		got, body := b.do(request{method: "PATCH", path: "/api/v1/credentials", header: asJSON, body: c.body})
		if got.StatusCode != 200 || !sameJSON(t, body, `{"changed":`+c.want+`}`) {
			t.Errorf("%s: %d %s", c.body, got.StatusCode, body)
		}
		var want map[string]string
		if err := json.Unmarshal([]byte(c.body), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(b.credentials.given, []map[string]string{want}) {
			t.Errorf("%s: set %d times", c.body, len(b.credentials.given))
		}
		if !strings.Contains(b.log.String(), "event=credentials_changed source=127.0.0.1 credentials=") {
			t.Errorf("%s: the log has\n%s", c.body, b.log)
		}
	}
}

// Who changes the password stays logged in, though the address of his phone has changed
// since and his other tab asks for the status at that very moment.
func TestCredentialsKeepTheirSession(t *testing.T) {
	var credential atomic.Value
	credential.Store("1")
	var page http.Header
	status := func(b *box) int {
		got, _ := b.do(request{user: "-", header: page})
		return got.StatusCode
	}
	b := start(t, func(b *box) {
		b.Credential = func() string { return credential.Load().(string) }
		b.SetCredentials = func(map[string]string) error {
			credential.Store("2")
			if got := status(b); got != 200 {
				t.Errorf("the other tab is answered %d", got)
			}
			return nil
		}
	})
	got, _ := b.login(url.Values{"user": {"user"}, "password": {rightPassword}})
	page = http.Header{"Cookie": {got.Cookies()[0].Name + "=" + got.Cookies()[0].Value}, "Content-Type": {"application/json"}}
	b.client = b.from("127.0.0.3")
	if got, body := b.do(request{method: "PATCH", path: "/api/v1/credentials", user: "-", header: page, body: `{"Password":"` + newPassword + `"}`}); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	if got := status(b); got != 200 {
		t.Errorf("logged out: %d", got)
	}
	credential.Store("3") // by another process
	if got := status(b); got != 401 {
		t.Errorf("still logged in after the next change: %d", got)
	}
}
