package api

import (
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		method, body string
		err          error
		status       int
		says         string
		logged       string
	}{
		{"POST", ``, nil, 400, "it is empty", ""},
		{"POST", `["a"]`, nil, 422, "wants an object", ""},
		{"POST", `{}`, nil, 422, `"pointer": "/Name"`, ""},
		{"POST", `{"Name":null}`, nil, 422, `"pointer": "/Name"`, ""},
		{"POST", `{"name":"a"}`, nil, 422, `"pointer": "/name"`, ""},
		{"POST", `{"Name":"a","Secret":"b"}`, nil, 422, `"pointer": "/Secret"`, ""},
		{"POST", `{"Name":"grafana"}`, nil, 409, "grafana: it cannot be made", ""},
		{"POST", `{"Name":"a"}`, errDiskFull, 500, "no space left on device", ""},
		{"POST", `{"Name":"prometheus"}`, nil, 201, `"token": "` + tokenSecret + `"`, "event=token_added source=127.0.0.1 name=prometheus"},
		{"DELETE", ``, nil, 400, "it is empty", ""},
		{"DELETE", `{"Name":7}`, nil, 422, `"pointer": "/Name"`, ""},
		{"DELETE", `{"Name":"nobody"}`, nil, 404, "there is none of that name", ""},
		{"DELETE", `{"Name":"grafana"}`, errDiskFull, 500, "no space left on device", ""},
		{"DELETE", `{"Name":"grafana"}`, nil, 204, "", "event=token_removed source=127.0.0.1 name=grafana"},
		{"GET", ``, nil, 200, `"created": 1795694400`, ""},
	} {
		b := start(t, func(b *box) { b.Server.Tokens = &fakeTokens{names: []string{"grafana"}, err: c.err} })
		got, body := b.do(request{method: c.method, path: "/api/v1/tokens", header: asJSON, body: c.body})
		if got.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: status %d, want %d and %q in %s", c.method, c.body, got.StatusCode, c.status, c.says, body)
		}
		if c.status == 204 && body != "" {
			t.Errorf("%s %s: %s", c.method, c.body, body)
		}
		if log := b.log.String(); !strings.Contains(log, c.logged) || c.logged == "" && strings.Contains(log, "event=token") || strings.Contains(log, tokenSecret) {
			t.Errorf("%s %s: the log has\n%s", c.method, c.body, log)
		}
	}
}

func TestListOfTokens(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, `{"tokens":[]}`},
		{[]string{"a", "b"}, `{"tokens":[{"name":"a","created":1795694400},{"name":"b","created":1795694400}]}`},
	} {
		b := start(t, func(b *box) { b.Server.Tokens = &fakeTokens{names: c.names} })
		if got, body := b.do(request{path: "/api/v1/tokens"}); got.StatusCode != 200 || !sameJSON(t, body, c.want) {
			t.Errorf("%q: %d %s", c.names, got.StatusCode, body)
		}
	}
}
