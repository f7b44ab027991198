package appliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// contract is the document of the API.
type contract struct {
	tree    map[string]any
	schemas *jsonschema.Compiler // OpenAPI 3.1 has those of JSON Schema 2020-12
}

// readContract reads the document as the box sends it.
func readContract(t *testing.T, text []byte) *contract {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	return newContract(t, tree)
}

func newContract(t *testing.T, tree map[string]any) *contract {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text)) // as that library wants its numbers
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{tree: document.(map[string]any), schemas: jsonschema.NewCompiler()}
	c.schemas.AssertFormat()
	if err := c.schemas.AddResource("contract", document); err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns what stands at a JSON pointer, or at the one that a $ref there leads to,
// and where that is; nil for nothing.
func (c *contract) at(pointer string) (any, string) {
	var node any = c.tree
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		o, _ := node.(map[string]any)
		node = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	if o, _ := node.(map[string]any); o["$ref"] != nil && len(o) == 1 {
		return c.at(strings.TrimPrefix(o["$ref"].(string), "#"))
	}
	return node, pointer
}

// members returns the names of the object at a pointer.
func (c *contract) members(pointer string) []string {
	node, _ := c.at(pointer)
	o, _ := node.(map[string]any)
	return slices.Sorted(maps.Keys(o))
}

func below(pointer, name string) string {
	return pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// valid holds a value against the schema at a pointer.
func (c *contract) valid(pointer string, v any) error {
	s, err := c.schemas.Compile("contract#" + pointer)
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// validJSON holds a JSON text against the schema at a pointer.
func (c *contract) validJSON(pointer string, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: %q", err, text)
	}
	return c.valid(pointer, v)
}

// exchange is a request and what came back.
type exchange struct {
	method, path string
	as           string // pointer of the answer, where the document has it at no operation
	sent         string // what was special about it
	status       int
	header       http.Header
	body         []byte
}

// String names it in a message.
func (x exchange) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s → %d %s", x.method, x.path, x.status, x.sent))
}

// telling are the headers that mean something to a client of this API.
var telling = []string{"Allow", "Content-Disposition", "Etag", "Retry-After", "Www-Authenticate"}

// wrong says what in an answer is not as the document has it.
func (c *contract) wrong(x exchange) error {
	where := x.as
	if where == "" {
		operation := below(below("/paths", x.path), strings.ToLower(x.method))
		if node, _ := c.at(operation); node == nil {
			return errors.New("the document has no such operation")
		}
		where = fmt.Sprintf("%s/responses/%d", operation, x.status)
	}
	node, where := c.at(where)
	if node == nil {
		return errors.New("the document does not list that status")
	}
	return errors.Join(c.wrongHeaders(where, x.header), c.wrongBody(where, x))
}

func (c *contract) wrongHeaders(where string, got http.Header) error {
	var wrong []error
	listed := map[string]bool{}
	for _, name := range c.members(where + "/headers") {
		node, pointer := c.at(where + "/headers/" + name)
		listed[http.CanonicalHeaderKey(name)] = true
		switch value, given := got[http.CanonicalHeaderKey(name)]; {
		case !given && node.(map[string]any)["required"] == true:
			wrong = append(wrong, fmt.Errorf("no header %s", name))
		case given:
			if err := c.valid(pointer+"/schema", value[0]); err != nil {
				wrong = append(wrong, fmt.Errorf("header %s: %q: %w", name, value, err))
			}
		}
	}
	for _, name := range telling {
		if got.Get(name) != "" && !listed[name] {
			wrong = append(wrong, fmt.Errorf("header %s is not in the document", name))
		}
	}
	return errors.Join(wrong...)
}

func (c *contract) wrongBody(where string, x exchange) error {
	media := c.members(where + "/content")
	if len(media) == 0 && len(x.body) == 0 {
		return nil
	}
	got, _, err := mime.ParseMediaType(x.header.Get("Content-Type"))
	if err != nil || !slices.Contains(media, got) {
		return fmt.Errorf("a body of type %q, want one of %q", x.header.Get("Content-Type"), media)
	}
	at := below(where+"/content", got)
	switch got {
	case "application/json":
		return c.validJSON(at+"/schema", x.body)
	case "text/event-stream":
		return c.wrongEvents(at+"/x-event", string(x.body))
	}
	return c.valid(at+"/schema", string(x.body))
}

// wrongEvents holds what is whole of a stream of events against its x-event.
func (c *contract) wrongEvents(at, text string) error {
	name, _ := c.at(at + "/event")
	numbered, _ := c.at(at + "/id")
	blocks := strings.Split(text, "\n\n")
	for _, block := range blocks[:len(blocks)-1] {
		if strings.HasPrefix(block, ":") {
			continue
		}
		fields := map[string]string{}
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ": ")
			fields[field] = value
		}
		if _, has := fields["id"]; fields["event"] != name || has != (numbered == "integer") {
			return fmt.Errorf("an event %q, with id %t", fields["event"], has)
		}
		if err := c.validJSON(at+"/data", []byte(fields["data"])); err != nil {
			return err
		}
	}
	return nil
}
