package api

import (
	"net/http"
	"strings"
)

// etag names the present state of the configuration (RFC 9110 section 8.8.3).
func (s *Server) etag() string { return `"` + s.Config.Revision() + `"` }

// current reports whether the If-Match of a request, if it has one, names the
// present state of the configuration. If not, it has answered.
func (s *Server) current(w http.ResponseWriter, r *http.Request) bool {
	lines, given := r.Header["If-Match"]
	if !given || matches(strings.Join(lines, ","), s.etag()) {
		return true
	}
	fail(w, r, http.StatusPreconditionFailed,
		"the configuration was changed by someone else since you read it: read it again, then change it")
	return false
}

// matches evaluates an If-Match header (RFC 9110 section 13.1.1): "*", or a list of
// tags, of which a weak one never matches (section 8.8.3.2). What is no tag ends
// the list.
func matches(header, tag string) bool {
	const blank = " \t"
	if strings.Trim(header, blank) == "*" {
		return true
	}
	for rest := strings.TrimLeft(header, blank+","); rest != ""; rest = strings.TrimLeft(rest, blank+",") {
		opaque, weak := strings.CutPrefix(rest, "W/")
		text, ok := strings.CutPrefix(opaque, `"`)
		end := strings.IndexByte(text, '"')
		if !ok || end < 0 {
			return false
		}
		if !weak && `"`+text[:end+1] == tag {
			return true
		}
		rest = strings.TrimLeft(text[end+1:], blank)
		if rest != "" && rest[0] != ',' {
			return false
		}
	}
	return false
}
