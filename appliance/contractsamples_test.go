package appliance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"smartconnect/api"
)

// operation is one that the document has.
type operation struct {
	api.Operation
	at string // its JSON pointer
}

// last are those after which a box is another one, in that order.
var last = []api.Operation{{Method: "PATCH", Path: "/api/v1/credentials"}, {Method: "POST", Path: "/api/v1/reset"}, {Method: "POST", Path: "/api/v1/factory-reset"}}

// operations returns all of the document, in an order in which they can be asked for:
// what is made is there when it is removed.
func (c *contract) operations() []operation {
	var list []operation
	for _, path := range c.members("/paths") {
		for _, method := range c.members(below("/paths", path)) {
			list = append(list, operation{api.Operation{Method: strings.ToUpper(method), Path: path}, below(below("/paths", path), method)})
		}
	}
	rank := func(o operation) int {
		return 10*slices.Index(last, o.Operation) + slices.Index([]string{"GET", "POST", "PATCH", "DELETE"}, o.Method)
	}
	slices.SortStableFunc(list, func(a, b operation) int { return rank(a) - rank(b) })
	return list
}

// lists reports whether the document has a status of the operation.
func (c *contract) lists(o operation, status string) bool {
	node, _ := c.at(o.at + "/responses/" + status)
	return node != nil
}

// sample is a request of the document's examples.
type sample struct {
	name   string
	query  url.Values
	header http.Header
	body   string
}

func newSample(name string) sample { return sample{name, url.Values{}, http.Header{}, ""} }

// add adds the example of a parameter.
func (s sample) add(p map[string]any) {
	name, value := p["name"].(string), exampleText(p["example"])
	if p["in"] == "header" {
		s.header.Set(name, value)
	} else {
		s.query.Set(name, value)
	}
}

func exampleText(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return v.(string)
}

// needs are parameters that mean nothing without another one.
var needs = map[string]string{"to": "from"}

// samples are the examples of an operation: without a body one request bare and one
// with each parameter, else one with each body and all parameters.
func (c *contract) samples(t *testing.T, o operation) []sample {
	t.Helper()
	parameters := map[string]map[string]any{}
	node, _ := c.at(o.at + "/parameters")
	list, _ := node.([]any)
	for _, p := range list {
		p, at := c.at(strings.TrimPrefix(p.(map[string]any)["$ref"].(string), "#"))
		one := p.(map[string]any)
		if err := c.valid(at+"/schema", one["example"]); err != nil {
			t.Errorf("the example of the parameter %s: %v", one["name"], err)
		}
		parameters[one["name"].(string)] = one
	}
	var all []sample
	if node, _ := c.at(o.at + "/requestBody"); node == nil {
		all = append(all, newSample(""))
		for name, p := range parameters {
			s := newSample(name)
			s.add(p)
			if other := needs[name]; other != "" {
				s.add(parameters[other])
			}
			all = append(all, s)
		}
		return all
	}
	for _, media := range c.members(o.at + "/requestBody/content") {
		at := below(o.at+"/requestBody/content", media)
		for _, name := range c.members(at + "/examples") {
			value, _ := c.at(at + "/examples/" + name + "/value")
			if err := c.valid(at+"/schema", value); err != nil {
				t.Errorf("%s %s: the example %s: %v", o.Method, o.Path, name, err)
			}
			body, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			s := newSample(name)
			s.body = string(body)
			s.header.Set("Content-Type", media)
			for _, p := range parameters {
				s.add(p)
			}
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		t.Errorf("%s %s has a body and no example of it", o.Method, o.Path)
	}
	return all
}
