package appliance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"smartconnect/api"
)

// otherRoutes says in what the routes and the operations of the document differ.
func (c *contract) otherRoutes(routes []api.Operation) (complaints []string) {
	operations := c.operations()
	for _, r := range routes {
		if !slices.ContainsFunc(operations, func(o operation) bool { return o.Operation == r }) {
			complaints = append(complaints, fmt.Sprintf("%s %s is not in the document", r.Method, r.Path))
		}
	}
	for _, o := range operations {
		if !slices.Contains(routes, o.Operation) {
			complaints = append(complaints, fmt.Sprintf("%s %s of the document is no route", o.Method, o.Path))
		}
	}
	return complaints
}

// mutations shows that what was seen is held against the document: with any of
// these changes to it, there is something to complain of.
func (w *witness) mutations(seen []exchange) {
	w.t.Helper()
	type node = map[string]any
	for _, m := range []struct {
		name, at string
		change   func(at node)
		says     string
	}{
		{"nothing changed", "", func(node) {}, ""},
		{"a path less", "/paths", func(at node) { delete(at, "/api/v1/session") }, "GET /api/v1/session is not in the document"},
		{"a path more", "/paths", func(at node) { at["/api/v1/toaster"] = node{"get": node{}} }, "GET /api/v1/toaster of the document is no route"},
		{"a method less", "/paths/~1api~1v1~1tokens", func(at node) { delete(at, "delete") }, "DELETE /api/v1/tokens is not in the document"},
		{"a status less", "/paths/~1api~1v1~1tokens/delete/responses", func(at node) { delete(at, "404") }, "does not list that status"},
		{"another media type", "/paths/~1metrics/get/responses/200/content", func(at node) { at["text/html"] = at["text/plain"]; delete(at, "text/plain") }, `type "text/plain`},
		{"a property renamed", "/components/schemas/Meter/properties", func(at node) { at["line_age"] = at["last_error_age_seconds"]; delete(at, "last_error_age_seconds") }, "'last_error_age_seconds' not allowed"},
		{"a property that nobody sends", "/components/schemas/Firmware", func(at node) { at["required"] = []any{"toast"} }, "missing property 'toast'"},
		{"a word less", "/components/schemas/MeterState", func(at node) { at["enum"] = at["enum"].([]any)[1:] }, "value must be one of 'stale'"},
		{"no null", "/components/schemas/Volts", func(at node) { at["type"] = "string" }, "want string"},
		{"a quantity less", "/components/schemas/Snapshot/properties", func(at node) { delete(at, "voltage_l1") }, "'voltage_l1' not allowed"},
		{"another event", "/paths/~1api~1v1~1telegrams/get/responses/200/content/text~1event-stream/x-event", func(at node) { at["event"] = "toast" }, `an event "telegram"`},
		{"another form of an event", "/components/schemas/Telegram/properties", func(at node) { at["format"] = node{"const": "toast"} }, "value must be 'toast'"},
		{"a header less", "/components/responses/SecondUser", func(at node) { delete(at, "headers") }, "header Retry-After is not in the document"},
		{"a header that nobody sends", "/components/responses/NotLoggedIn/headers", func(at node) { at["Toast"] = node{"required": true, "schema": node{}} }, "no header Toast"},
		{"another form of a header", "/components/headers/ETag/schema", func(at node) { at["pattern"] = "^toast$" }, "header ETag"},
		{"a setting less", "/components/schemas/MeterSettings/properties", func(at node) { delete(at, "KeySet") }, "'KeySet' not allowed"},
		{"an error of another form", "/components/schemas/Error", func(at node) { at["required"] = []any{"error", "code"} }, "missing property 'code'"},
	} {
		text, err := json.Marshal(w.tree)
		if err != nil {
			w.t.Fatal(err)
		}
		var tree node
		if err := json.Unmarshal(text, &tree); err != nil {
			w.t.Fatal(err)
		}
		changed := newContract(w.t, tree)
		at, _ := changed.at(m.at)
		if m.at == "" {
			at = changed.tree
		}
		m.change(at.(node))
		changed = newContract(w.t, changed.tree)
		complaints := changed.otherRoutes(api.Operations())
		for _, x := range seen {
			if err := changed.wrong(x); err != nil {
				complaints = append(complaints, fmt.Sprintf("%s: %v", x, err))
			}
		}
		if all := strings.Join(complaints, "\n"); (m.says == "") != (all == "") || !strings.Contains(all, m.says) {
			w.t.Errorf("%s: want %q among the complaints:\n%.1000s", m.name, m.says, all)
		}
	}
}
