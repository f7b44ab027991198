package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep a configuration may nest; ours is 6 deep.
const maxDepth = 16

// parse reads one JSON text into maps, lists, strings, bools, json.Numbers and
// nil. It is stricter than encoding/json: UTF-8 only, nothing after the text,
// and a name that stands twice in one object is a problem, because which of the
// two is meant cannot be known.
func parse(body []byte) (any, Problems, error) {
	if !utf8.Valid(body) {
		return nil, nil, fmt.Errorf("config: %w: it is not UTF-8", ErrNotJSON)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		at := ""
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = fmt.Sprintf(" at octet %d of %d", syntax.Offset, len(body))
		}
		return nil, nil, fmt.Errorf("config: %w: %w%s", ErrNotJSON, err, at)
	}
	p := parser{dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	v, err := p.value("", 0)
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w: %w", ErrNotJSON, err)
	}
	return v, p.problems, nil
}

type parser struct {
	dec      *json.Decoder
	problems Problems
}

// value reads the value at path. What nests too deep is read and forgotten.
func (p *parser) value(path string, depth int) (any, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == maxDepth {
		p.problems.add(path, "nests deeper than %d levels", maxDepth)
		return nil, p.skip()
	}
	if open == '[' {
		return p.list(path, depth+1)
	}
	return p.object(path, depth+1)
}

func (p *parser) object(path string, depth int) (any, error) {
	o := map[string]any{}
	for p.dec.More() {
		name, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		at := member(path, name.(string))
		if _, twice := o[name.(string)]; twice {
			p.problems.add(at, "stands twice in the same object")
		}
		if o[name.(string)], err = p.value(at, depth); err != nil {
			return nil, err
		}
	}
	_, err := p.dec.Token()
	return o, err
}

func (p *parser) list(path string, depth int) (any, error) {
	l := []any{}
	for p.dec.More() {
		v, err := p.value(path+"/"+strconv.Itoa(len(l)), depth)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := p.dec.Token()
	return l, err
}

// skip reads to the end of the object or list that was just begun.
func (p *parser) skip() error {
	for open := 1; open > 0; {
		t, err := p.dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	return nil
}
