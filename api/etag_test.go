package api

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Two people who read the same configuration: the second one's change is
// refused, until it has read again.
func TestIfMatch(t *testing.T) {
	b := start(t, nil)
	read := func() string {
		got, _ := b.do(request{path: "/api/v1/config"})
		return got.Header.Get("ETag")
	}
	change := func(ifMatch string) (int, string) {
		got, _ := b.do(request{method: "PATCH", path: "/api/v1/config", body: "{}",
			header: http.Header{"Content-Type": {"application/json"}, "If-Match": {ifMatch}}})
		return got.StatusCode, got.Header.Get("ETag")
	}
	old := read()
	if old == "" || read() != old {
		t.Fatalf("tag %q does not stay", old)
	}
	status, next := change(`"other", ` + old)
	if status != 200 || next == old || next != read() {
		t.Errorf("first change: %d, tag %s → %s, now %s", status, old, next, read())
	}
	if status, _ := change(old); status != 412 {
		t.Errorf("second change: %d, want 412", status)
	}
	if status, _ := change(read()); status != 200 {
		t.Errorf("second change after reading again: %d", status)
	}
	if status, _ := change("*"); status != 200 {
		t.Errorf("change of whatever there is: %d", status)
	}
}

// slowRevision is a configuration that takes its time to say which one it is.
type slowRevision struct{ *fakeConfig }

func (c slowRevision) Revision() string {
	defer time.Sleep(5 * time.Millisecond)
	return c.fakeConfig.Revision()
}

// A box whose API answers without TLS too has two servers, and one configuration: of
// two people who change the same one at once, one is refused.
func TestIfMatchOfTwoServers(t *testing.T) {
	var sessions Sessions
	shared := slowRevision{&fakeConfig{public: `{}`}}
	share := func(b *box) { b.Sessions, b.Config = &sessions, shared }
	servers := []*box{start(t, share), start(t, share)}
	for range 5 {
		header := http.Header{"Content-Type": {"application/json"}, "If-Match": {`"` + shared.Revision() + `"`}}
		var both sync.WaitGroup
		var status [2]int
		for i, b := range servers {
			both.Go(func() {
				got, _ := b.do(request{method: "PATCH", path: "/api/v1/config", body: "{}", header: header})
				status[i] = got.StatusCode
			})
		}
		both.Wait()
		if slices.Sort(status[:]); status != [2]int{200, 412} {
			t.Fatalf("%d, want one 200 and one 412", status)
		}
	}
}

// The forms of RFC 9110 section 13.1.1.
func TestMatches(t *testing.T) {
	const tag = `"abc"`
	for _, c := range []struct {
		header string
		want   bool
	}{
		{``, false},
		{`,`, false},
		{`"ab"`, false},
		{`"abcd"`, false},
		{`abc`, false},
		{`"abc`, false},
		{`abc"`, false},
		{`W/"abc"`, false}, // a weak tag says that much may differ
		{`w/"abc"`, false},
		{`"*"`, false},
		{`*, "x"`, false}, // neither of the two forms
		{`"x", W/"abc"`, false},
		{`"x, "abc", y"`, false}, // three tags without a comma between them
		{`"x,""abc"`, false},
		{`nonsense, "abc"`, false},

		{`*`, true},
		{` * `, true},
		{`"abc"`, true},
		{`"x","abc"`, true},
		{`"x" , "abc" , "y"`, true},
		{`W/"abc", "abc"`, true},
		{`"with,comma", "abc"`, true},
		{`, ,"abc",`, true}, // empty elements are to be taken (section 5.6.1.2)
	} {
		if got := matches(c.header, tag); got != c.want {
			t.Errorf("%s matches %s: %t, want %t", c.header, tag, got, c.want)
		}
	}
}

// A header of several lines is one list, and an empty one is none that matches.
func TestIfMatchLines(t *testing.T) {
	b := start(t, nil)
	for _, c := range []struct {
		lines []string
		want  int
	}{
		{[]string{""}, 412},
		{[]string{`"x"`, `"y"`}, 412},
		{[]string{`"x"`, `"revision0"`}, 200},
		{nil, 200},
	} {
		header := http.Header{"Content-Type": {"application/json"}, "If-Match": c.lines}
		if got, body := b.do(request{method: "PATCH", path: "/api/v1/config", body: "{}", header: header}); got.StatusCode != c.want {
			t.Errorf("%q: %d, want %d: %s", c.lines, got.StatusCode, c.want, body)
		}
	}
}
