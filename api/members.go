package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// members reads a body that is an object of texts with no other members than those
// named. If it is anything else, it has answered and ok is false. It repeats no
// text: they are passwords.
func (s *Server) members(w http.ResponseWriter, r *http.Request, names ...string) (texts map[string]string, ok bool) {
	body, ok := s.body(w, r)
	if !ok {
		return nil, false
	}
	if fault := malformed(body); fault != "" {
		fail(w, r, http.StatusBadRequest, "the body is not valid JSON: %s", fault)
		return nil, false
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(body, &given) != nil || given == nil {
		refuse(w, []Problem{{"", "wants an object"}})
		return nil, false
	}
	var wrong []Problem
	texts = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		var text *string
		err := json.Unmarshal(given[name], &text)
		switch {
		case !slices.Contains(names, name):
			wrong = append(wrong, Problem{pointer(name), "is not one of " + strings.Join(names, ", ")})
		case err != nil || text == nil:
			wrong = append(wrong, Problem{pointer(name), "wants a text"})
		default:
			texts[name] = *text
		}
	}
	if len(wrong) > 0 {
		refuse(w, wrong)
		return nil, false
	}
	return texts, true
}

// pointer returns the JSON pointer of a member of the body (RFC 6901).
func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
