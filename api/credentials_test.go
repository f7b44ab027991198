package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
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
