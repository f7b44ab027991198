package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// control is a setting as a form shows it.
type control struct {
	Name    string // JSON pointer
	Kind    kind
	Label   string
	Hint    string
	Value   string
	On      bool // of a toggle
	Set     bool // there is a secret
	Options []option
	Error   string
	Pending bool // saved, and waiting for a restart
}

// ID names the control in the page.
func (c control) ID() string { return strings.ReplaceAll(strings.TrimPrefix(c.Name, "/"), "/", "-") }

type option struct {
	Value, Label string
	Chosen       bool
}

// control returns a field with its present value, or what was typed where that was
// refused.
func (s *Server) control(t tongue, f field, tree any, typed url.Values, pending []string) control {
	name := pattern(f.at)
	c := control{Name: f.at, Kind: f.kind, Label: t.T("field" + name)}
	if hint := "hint" + name; t.has(hint) {
		c.Hint = t.T(hint)
	}
	c.Value, c.On = f.shown(at(tree, f.at))
	if f.kind == asSecret || f.kind == asSealed {
		c.Set, _ = at(tree, f.at+"Set").(bool)
	} else if typed != nil && (typed.Has(f.at) || f.kind == asToggle) {
		c.Value, c.On = typed.Get(f.at), typed.Has(f.at)
	}
	switch f.kind {
	case asChoice:
		c.Options = t.options(name, c.Value, s.Choices[name])
	case asRights:
		c.Options = t.options(name, c.Value, rightNames())
	}
	c.Pending = slices.ContainsFunc(pending, func(p string) bool { return p == f.at || strings.HasPrefix(f.at, p+"/") })
	return c
}

// shown returns what stands in a setting as its control shows it: as a text, or as a tick.
func (f field) shown(v any) (text string, on bool) {
	switch v := v.(type) {
	case string:
		return v, false
	case json.Number:
		return v.String(), false
	case bool:
		return "", v
	case []any:
		if f.kind == asRights {
			return rightsOf(v), false
		}
		for _, line := range v {
			name, _ := line.(string)
			text += name + "\n"
		}
	}
	return text, false
}

// options are the choices of a setting; one that is none of them stays one.
func (t tongue) options(name, value string, words []string) []option {
	var all []option
	if !slices.Contains(words, value) {
		words = append(slices.Clone(words), value)
	}
	for _, word := range words {
		label := word
		if key := "word" + name + "/" + word; t.has(key) {
			label = t.T(key)
		}
		all = append(all, option{word, label, word == value})
	}
	return all
}
