package api

import (
	"strings"
	"testing"
)

// Nothing is deleted by a slip, and what cannot be begun is no reset.
func TestFactoryReset(t *testing.T) {
	form := mediaType("application/x-www-form-urlencoded")
	for _, test := range []struct {
		name   string
		ask    request
		fault  error
		status int
		says   string
	}{
		{"without a word", request{path: "/api/v1/factory-reset", header: asJSON, body: `{}`}, nil, 422, "/confirm"},
		{"another word", request{path: "/api/v1/factory-reset", header: asJSON, body: `{"confirm":"yes"}`}, nil, 422, "delete everything"},
		{"something else", request{path: "/api/v1/factory-reset", header: asJSON, body: `{"confirm":"delete everything","and":"more"}`}, nil, 422, "/and"},
		{"without a tick", request{path: "/settings/factory", header: form, body: "a=b"}, nil, 422, "Tick this first."},
		{"the disk is full", request{path: "/api/v1/factory-reset", header: asJSON, body: `{"confirm":"delete everything"}`}, errDiskFull, 500, "no space left"},
		{"the disk is full, from the page", request{path: "/settings/factory", header: form, body: "confirm=delete+everything"}, errDiskFull, 500, "no space left"},
		{"sure", request{path: "/api/v1/factory-reset", header: asJSON, body: `{"confirm":"delete everything"}`}, nil, 202, "password of its label"},
		{"sure, from the page", request{path: "/settings/factory", header: form, body: "confirm=delete+everything"}, nil, 202, "<progress"},
	} {
		b := start(t, func(b *box) { b.factoryErr = test.fault })
		test.ask.method = "POST"
		got, body := b.do(test.ask)
		if got.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s", test.name, got.StatusCode, body)
		}
		if test.status == 202 {
			<-b.resets
		} else if len(b.resets) != 0 {
			t.Errorf("%s: the box restarts", test.name)
		}
		if logged := strings.Contains(b.log.String(), "event=factory_reset source=127.0.0.1"); logged != (test.status == 202) {
			t.Errorf("%s: logged %t:\n%s", test.name, logged, b.log)
		}
	}
}
