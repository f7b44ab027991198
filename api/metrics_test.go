package api

import (
	"net/http"
	"testing"
)

// A scrape is a machine's: what goes wrong with it is told in JSON.
func TestMetrics(t *testing.T) {
	b := start(t, nil)
	for _, c := range []struct {
		request
		code int
		body string // "": a sentence in JSON
	}{
		{request{path: "/metrics", pass: "-"}, 401, ""},
		{request{path: "/metrics", pass: "wrong"}, 401, ""},
		{request{path: "/metrics", plain: true}, 403, ""},
		{request{path: "/metrics", host: "rebind.example.com"}, 421, ""},
		{request{path: "/metrics", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, method: "POST"}, 403, ""},
		{request{path: "/metrics", method: "POST"}, 405, ""},
		{request{path: "/metrics"}, 200, "up 1\n"},
	} {
		got, body := b.do(c.request)
		if got.StatusCode != c.code {
			t.Errorf("%s: %d, want %d", c, got.StatusCode, c.code)
		}
		if c.body == "" {
			sentence(t, body)
		} else if body != c.body {
			t.Errorf("%s: %q, want %q", c, body, c.body)
		}
	}
}
