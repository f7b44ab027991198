package appliance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smartconnect/appliance/config"
)

// wordsOf returns the texts of the constants in a file of the source whose names begin
// with a prefix, or that are of a type.
func wordsOf(t *testing.T, file, prefix, of string) (words []string) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range source.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec)
			name, typed := v.Type.(*ast.Ident)
			if len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, prefix) || of != "" && (!typed || name.Name != of) {
				continue
			}
			if literal, ok := v.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				word, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				words = append(words, word)
			}
		}
	}
	return words
}

// written is the document as it stands in the source.
func written(t *testing.T) *contract {
	t.Helper()
	text, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return readContract(t, text)
}

// words returns the enum of the document at a pointer, but for "".
func (c *contract) words(pointer string) (words []string) {
	node, _ := c.at(pointer + "/enum")
	list, _ := node.([]any)
	for _, w := range list {
		if w != "" {
			words = append(words, w.(string))
		}
	}
	return words
}

// The document has the words that the program can say or take, and no other ones: what
// a test meets of them is not all.
func TestContractWords(t *testing.T) {
	c := written(t)
	const schemas = "/components/schemas/"
	same := func(name string, listed, want []string) {
		t.Helper()
		slices.Sort(listed)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(listed, want) {
			t.Errorf("%s: the document has %q, the program %q", name, listed, want)
		}
	}
	for _, w := range []struct{ file, prefix, of, at string }{
		{"../api/status.go", "", "State", "State"},
		{"../api/status.go", "", "MeterState", "MeterState"},
		{"../api/network.go", "Reason", "", "NetworkReason"},
		{"events.go", "event", "", "Event/properties/kind"},
		{"uplink/reason.go", "Reason", "Reason", "MQTTState/properties/reason"},
	} {
		same(w.at, c.words(schemas+w.at), wordsOf(t, w.file, w.prefix, w.of))
	}
	same("the formats of a telegram", c.words(schemas+"Telegram/properties/format"), known().Formats)
	same("the formats of the status", c.words(schemas+"Meter/properties/format"), known().Formats)
	for pointer, words := range config.Choices(known()) {
		if pointer == "/Meter/UTCOffset" { // any offset will do; those are the usual ones
			continue
		}
		at := schemas + "Config"
		for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
			if step == "*" {
				_, at = c.at(at + "/items")
			} else {
				_, at = c.at(at + "/properties/" + step)
			}
		}
		same(pointer, c.words(at), slices.Clone(words))
	}
	same("the rights of a rule", c.words(schemas+"Rule/properties/Access"), slices.Clone(config.AccessWords))
}

// What stands as an example in a schema is one.
func TestContractSchemas(t *testing.T) {
	c := written(t)
	examples := 0
	for _, name := range c.members("/components/schemas") {
		at := "/components/schemas/" + name
		if _, err := c.schemas.Compile("contract#" + at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if example, _ := c.at(at + "/example"); example != nil {
			examples++
			if err := c.valid(at, example); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
		}
	}
	if examples == 0 {
		t.Error("there is none")
	}
}
