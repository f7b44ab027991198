package api

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// policyPath is the page that says what happens to a report.
const policyPath = "/security-policy.txt"

// getSecurityText says to whom a weakness of the box is reported (RFC 9116). Where
// nobody was named when the program was built, that is the page with the policy,
// which says whom to ask then. Canonical is left out: a box has as many addresses
// as networks it has been in.
func (s *Server) getSecurityText(w http.ResponseWriter, r *http.Request) {
	policy := s.secureURL(r, policyPath)
	contact := cmp.Or(s.Contact, policy)
	if contact == "" {
		fail(w, r, http.StatusNotFound, "this box has no secure address, and no contact was named when its program was built")
		return
	}
	now := time.Now()
	if built, err := time.Parse(time.RFC3339, s.Firmware().Built); err == nil && built.After(now) { // the clock is not set
		now = built
	}
	text := fmt.Sprintf("Contact: %s\nExpires: %s\nPreferred-Languages: en, fr, de, nl\n", contact, expires(now).Format(time.RFC3339))
	if policy != "" {
		text += "Policy: " + policy + "\n"
	}
	send(w, http.StatusOK, mediaTypes[".txt"], []byte(text))
}

// expires is the end of the month half a year from now: it is always ahead, and
// less than the year that RFC 9116 section 2.5.5 recommends. The same file is given
// for a month.
func expires(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()+7, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
}
