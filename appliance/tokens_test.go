package appliance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"smartconnect/appliance/identity"
)

// A token is made, listed and removed; its secret is shown once, and kept nowhere.
func TestTokensOfMachines(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	ask := func(method, body string, want int) string {
		t.Helper()
		code, answer, err := b.call(method, "/api/v1/tokens", body)
		if err != nil || code != want {
			t.Fatalf("%s %s: %d %s %v, want %d", method, body, code, answer, err, want)
		}
		return string(answer)
	}
	if got := ask("POST", `{"Name":"a b"}`, 422); !strings.Contains(got, `"pointer": "/Name"`) || !strings.Contains(got, "1 to 32 letters") {
		t.Error(got)
	}
	var made struct{ Name, Token string }
	if err := json.Unmarshal([]byte(ask("POST", `{"Name":"prometheus"}`, 201)), &made); err != nil || made.Name != "prometheus" || !strings.HasPrefix(made.Token, "sc_") {
		t.Fatalf("%+v, %v", made, err)
	}
	if got := ask("POST", `{"Name":"prometheus"}`, 409); !strings.Contains(got, `"the name is taken: prometheus"`) {
		t.Error(got)
	}
	if got := ask("DELETE", `{"Name":"grafana"}`, 404); !strings.Contains(got, `"there is no token of that name"`) {
		t.Error(got)
	}
	if got := ask("GET", "", 200); !strings.Contains(got, `"name": "prometheus"`) || strings.Contains(got, made.Token) {
		t.Error(got)
	}
	name := func() (string, bool) {
		who, err := identity.Open(b.o.State, b.o.Log) // the next life's
		if err != nil {
			t.Fatal(err)
		}
		return who.TokenName(made.Token)
	}
	if got, ok := name(); !ok || got != "prometheus" {
		t.Errorf("the token is %q's, %t", got, ok)
	}
	ask("DELETE", `{"Name":"prometheus"}`, 204)
	if got, ok := name(); ok {
		t.Errorf("removed, the token is still %q's", got)
	}
	for i := range 16 {
		ask("POST", fmt.Sprintf(`{"Name":"machine%d"}`, i), 201)
	}
	if got := ask("POST", `{"Name":"one-more"}`, 409); !strings.Contains(got, "there are 16 tokens") {
		t.Error(got)
	}
	if strings.Contains(b.log.String(), made.Token) {
		t.Error("the log shows the secret")
	}
}
