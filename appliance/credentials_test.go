package appliance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/identity"
)

// The owner takes a password of his own: the next request with the one of the label
// is refused, in this life and the next, and the label says why it shows none.
func TestOwnPassword(t *testing.T) {
	t.Parallel()
	const chosen, chosenMQTT = "correct horse battery", "staple of my neighbour"
	b := start(t, "sim:dsmr50", "")
	fromLabel := b.label.Password
	set := func(body string) (int, string) {
		t.Helper()
		resp, answer := b.ask("PATCH", "/api/v1/credentials", body, "Accept", "application/json") // with more patience than call: it compares several times
		return resp.StatusCode, answer
	}
	for _, c := range []struct{ body, pointer, says string }{
		{`{"Password":""}`, "/Password", "at least 10 characters"},
		{`{"Password":"password123"}`, "/Password", "first that anybody tries"},
		{`{"Password":"` + fromLabel + `"}`, "/Password", "is the present one"},
		{`{"Password":"my box ` + b.label.Serial + `"}`, "/Password", "holds the serial number"},
		{`{"Password":"` + chosen + `","MQTTPassword":"short"}`, "/MQTTPassword", "at least 10 characters"},
		{`{"MQTTPassword":"` + fromLabel + `"}`, "/MQTTPassword", `also that of the user`},
	} {
		var answer struct{ Problems []api.Problem }
		code, body := set(c.body)
		if err := json.Unmarshal([]byte(body), &answer); code != 422 || err != nil || len(answer.Problems) != 1 || answer.Problems[0].Pointer != c.pointer || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %q at %s", c.body, code, body, c.says, c.pointer)
		}
	}
	if code, body := set(`{"Password":"` + chosen + `","MQTTPassword":"` + chosenMQTT + `"}`); code != 200 || strings.Contains(body, chosen) {
		t.Fatalf("%d %s", code, body)
	}
	if code, body, err := b.call("GET", "/api/v1/status", ""); err != nil || code != 401 {
		t.Errorf("the password of the label: %d %s %v", code, body, err)
	}
	b.label.Password = chosen
	s, err := b.status()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(s.Events, func(e api.Event) bool {
		return e.Kind == eventPassword && e.Text == "the password of the broker and the password of the API were changed"
	}) {
		t.Errorf("events %+v", s.Events)
	}
	if code, body, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	eventually(t, 10*time.Second, "the next life takes the new password", func() bool {
		_, err := b.status()
		return err == nil && strings.Count(b.log.String(), "life begins") == 2
	})
	if code, body := set(`{"Password":"another horse battery"}`); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	who, err := identity.Open(b.o.State, b.o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := who.Label(); err != nil || l.Password != "" || l.MQTTPassword != "" || !strings.HasPrefix(l.Note, "changed by the owner") {
		t.Errorf("label %+v, %v", l, err)
	}
	for _, secret := range []string{fromLabel, chosen, chosenMQTT} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}
