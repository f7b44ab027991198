package api

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// One user at a time, by address; who comes second is told who is there, and gets his
// turn when the first has been idle, has left, or is taken over from.
func TestSessionsTakeTurns(t *testing.T) {
	const phone, laptop = "192.168.1.20", "192.168.1.21"
	synctest.Test(t, func(t *testing.T) {
		var s Sessions
		program := func(source string, takeover, want bool) {
			t.Helper()
			if _, other := s.enter(source, "1", takeover); (other == nil) != want {
				t.Fatalf("%s entered: %t, want %t", source, other == nil, want)
			}
		}
		program(phone, false, true)
		program(phone, false, true)
		program(laptop, false, false)
		time.Sleep(programIdle - time.Second)
		program(laptop, false, false)
		time.Sleep(time.Second)
		program(laptop, false, true) // the phone was idle
		program(phone, false, false)
		program(phone, true, true) // with the password, which a caller has by now
		s.End()
		program(laptop, false, true)

		cookie, other := s.login(laptop, "1", false) // the same person opens the page
		if other != nil {
			t.Fatalf("kept out by %+v", other)
		}
		time.Sleep(programIdle + time.Second) // a page is looked at for longer
		program(phone, false, false)
		if _, why := s.resume(cookie, "1", false); why != "" {
			t.Fatal("the page was logged out", why)
		}
		time.Sleep(pageIdle - programIdle - 2*time.Second)
		if done, _ := s.resume(cookie, "1", false); done == nil {
			t.Fatal("the page was logged out early")
		}
		time.Sleep(time.Second) // what the page asks by itself has not counted
		if done, why := s.resume(cookie, "1", true); done != nil || why != endedIdle {
			t.Fatalf("still in, or for another reason: %q", why)
		}
		program(phone, false, true)
	})
}

// A program that takes over with each of its requests does not throw out the person at
// the page who has taken over from it; other people do, and so does it once he has left.
func TestTakeoverLasts(t *testing.T) {
	const machine, phone, laptop = "192.168.1.10", "192.168.1.20", "192.168.1.21"
	var s Sessions
	s.enter(machine, "1", true)
	page, _ := s.login(phone, "1", true)
	if _, other := s.enter(machine, "1", true); other == nil || other.Source != phone {
		t.Errorf("the machine has taken the box back, from %+v", other)
	}
	if done, _ := s.resume(page, "1", true); done == nil {
		t.Error("the page was logged out")
	}
	if _, other := s.enter(laptop, "1", true); other != nil {
		t.Errorf("kept out by %+v", other)
	}
	if _, other := s.enter(machine, "1", true); other != nil {
		t.Errorf("kept out by %+v, who has no page", other)
	}
	s.login(phone, "1", true)
	if _, other := s.login(machine, "1", true); other != nil {
		t.Errorf("a person at the machine is kept out by %+v", other)
	}
	s.login(phone, "1", true)
	s.End()
	if _, other := s.enter(machine, "1", true); other != nil {
		t.Errorf("kept out by %+v, who has left", other)
	}
}

// A page that nobody looks at ends, though a machine at the same address goes on with the
// password; and its session is then as short as that of any program.
func TestPageBesideAMachine(t *testing.T) {
	const house, phone = "192.168.1.20", "192.168.1.21"
	synctest.Test(t, func(t *testing.T) {
		var s Sessions
		cookie, _ := s.login(house, "1", false)
		for range int(pageIdle / time.Second) {
			if done, _ := s.resume(cookie, "1", false); done == nil {
				t.Fatal("the page was logged out early")
			}
			time.Sleep(time.Second)
			s.enter(house, "1", false)
		}
		if done, why := s.resume(cookie, "1", true); done != nil || why != endedIdle {
			t.Errorf("the page is still in, or out for another reason: %q", why)
		}
		time.Sleep(programIdle)
		if _, other := s.enter(phone, "1", false); other != nil {
			t.Errorf("the machine has gone, and keeps the phone out until %s", other.Ends)
		}
	})
}

// What still runs in a session ends with it, and its page can say why.
func TestSessionsEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(s *Sessions) (credential string)
		why  ending
	}{
		{"taken over", func(s *Sessions) string { s.enter("192.168.1.21", "1", true); return "1" }, endedTaken},
		{"another browser of the same machine", func(s *Sessions) string { s.login("192.168.1.20", "1", false); return "1" }, endedTaken},
		{"the password was changed", func(*Sessions) string { return "2" }, endedPassword},
		{"left", func(s *Sessions) string { s.End(); return "1" }, ""},
	} {
		var s Sessions
		cookie, _ := s.login("192.168.1.20", "1", false)
		done, _ := s.resume(cookie, "1", true)
		credential := test.end(&s)
		if after, why := s.resume(cookie, credential, true); after != nil || why != test.why {
			t.Errorf("%s: in %t, why %q, want %q", test.name, after != nil, why, test.why)
		}
		if same := strings.Contains(test.name, "same machine"); !same && done.Err() == nil {
			t.Errorf("%s: what ran in it runs on", test.name)
		}
	}
	var s Sessions
	cookie, _ := s.login("192.168.1.20", "1", false)
	s.renewing()("2")
	if done, _ := s.resume(cookie, "2", true); done == nil {
		t.Error("who has set a new password was logged out")
	}
}

// from returns a client at another address of the loopback.
func (b *box) from(address string) *http.Client {
	c := *b.client
	transport := b.client.Transport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	c.Transport = transport
	b.t.Cleanup(transport.CloseIdleConnections)
	return &c
}

func TestSecondUser(t *testing.T) {
	b := start(t, func(b *box) {
		b.Token = func(token string) (string, bool) { return "prometheus", token == "sc_right" }
	})
	first, second := b.from("127.0.0.2"), b.from("127.0.0.3")
	as := func(c *http.Client, q request) (*http.Response, string) {
		b.client = c
		return b.do(q)
	}
	if got, body := as(first, request{}); got.StatusCode != 200 {
		t.Fatalf("%d %s", got.StatusCode, body)
	}
	got, body := as(second, request{})
	if got.StatusCode != 409 || got.Header.Get("Retry-After") == "" || got.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d, Retry-After %q: %s", got.StatusCode, got.Header.Get("Retry-After"), body)
	}
	var refused struct {
		Error   string
		Session struct {
			Source      string
			Since       int64
			IdleExpires int64 `json:"idle_expires"`
		}
	}
	if err := json.Unmarshal([]byte(body), &refused); err != nil {
		t.Fatal(err)
	}
	if now := time.Now().Unix(); refused.Session.Source != "127.0.0.2" || refused.Session.Since > now || refused.Session.IdleExpires < now || !strings.Contains(refused.Error, "takeover=1") {
		t.Errorf("%+v", refused)
	}
	if got, body := as(second, request{pass: "wrong"}); got.StatusCode != 401 || strings.Contains(body, "127.0.0.2") {
		t.Errorf("a wrong password: %d %s", got.StatusCode, body)
	}

	token := http.Header{"Authorization": {"Bearer sc_right"}}
	if got, body := as(second, request{user: "-", header: token}); got.StatusCode != 200 {
		t.Errorf("a token takes no turn: %d %s", got.StatusCode, body)
	}
	if got, body := as(second, request{path: "/api/v1/session", user: "-", header: token}); !strings.Contains(body, `"source": "127.0.0.2"`) {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	for _, q := range []request{{path: "/api/v1/config"}, {method: "POST", path: "/api/v1/reset"}, {method: "DELETE", path: "/api/v1/session"}, {path: "/"}} {
		q.user, q.header = "-", token
		if got, body := as(second, q); got.StatusCode != 403 {
			t.Errorf("%s with a token: %d %s", q, got.StatusCode, body)
		}
	}
	wrong := http.Header{"Authorization": {"Bearer sc_wrong"}}
	if got, body := as(second, request{user: "-", header: wrong}); got.StatusCode != 401 || !strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("a wrong token: %d %s", got.StatusCode, body)
	}

	for _, site := range []string{"cross-site", "same-site"} { // the image of a foreign page
		foreign := request{path: "/api/v1/status?takeover=1", header: http.Header{"Sec-Fetch-Site": {site}}}
		if got, body := as(second, foreign); got.StatusCode != 409 {
			t.Errorf("takeover by a foreign page: %d %s", got.StatusCode, body)
		}
	}
	if got, body := as(second, request{path: "/api/v1/status?takeover=1"}); got.StatusCode != 200 {
		t.Errorf("takeover: %d %s", got.StatusCode, body)
	}
	if got, _ := as(first, request{}); got.StatusCode != 409 {
		t.Errorf("the first one after a takeover: %d", got.StatusCode)
	}
	if got, body := as(second, request{method: "DELETE", path: "/api/v1/session"}); got.StatusCode != 204 {
		t.Errorf("leaving: %d %s", got.StatusCode, body)
	}
	if got, _ := as(first, request{}); got.StatusCode != 200 {
		t.Errorf("after the second one has left: %d", got.StatusCode)
	}
	for _, line := range []string{"event=session_opened source=127.0.0.2", "event=session_taken source=127.0.0.3 from=127.0.0.2", "event=session_ended source=127.0.0.3", "event=token_refused source=127.0.0.3"} {
		if !strings.Contains(b.log.String(), line) {
			t.Errorf("no %q in the log:\n%s", line, b.log)
		}
	}
}

// On a closed network whose owner wants that, the API answers without TLS, by the same
// rules.
func TestPlainAPI(t *testing.T) {
	b := start(t, func(b *box) { b.PlainAPI = true })
	for _, test := range []struct {
		ask    request
		status int
	}{
		{request{}, 200},
		{request{pass: "wrong"}, 401},
		{request{user: "-"}, 401},
		{request{host: "evil.example"}, 421},
		{request{method: "POST", path: "/api/v1/reset", header: http.Header{"Origin": {"https://evil.example"}}}, 403},
		{request{path: "/settings/mqtt"}, 404},
	} {
		test.ask.plain = true
		if got, body := b.do(test.ask); got.StatusCode != test.status {
			t.Errorf("%s: %d, want %d: %s", test.ask, got.StatusCode, test.status, body)
		}
	}
	if _, body := b.do(request{path: "/", plain: true}); !strings.Contains(body, "without encryption") {
		t.Errorf("no warning: %s", body)
	}
}
