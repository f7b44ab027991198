package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The names of a form that are no settings.
const (
	revisionName = "revision" // of the configuration that was shown
	forgetPrefix = "forget:"  // before the pointer of a secret that is to be no more
	actionName   = "action"   // "save", "add", or "remove:" and a row
)

// form reads the form of a page. If it cannot, it has answered and ok is false.
func (s *Server) form(w http.ResponseWriter, r *http.Request) (form url.Values, ok bool) {
	return s.formUpTo(w, r, s.Limits.BodyBytes)
}

// formUpTo is form with a limit of its own, in octets.
func (s *Server) formUpTo(w http.ResponseWriter, r *http.Request, most int64) (form url.Values, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(most)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil // it has been read as the other kind of form
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return r.PostForm, true
	case errors.As(err, &tooLarge):
		fail(w, r, http.StatusRequestEntityTooLarge, "the form is longer than %d bytes", tooLarge.Limit)
	default:
		fail(w, r, http.StatusBadRequest, "the form could not be read")
	}
	return nil, false
}

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

// rows returns the rows of the sheet's list.
func (sh *sheet) rows(tree any) []any {
	rows, _ := at(tree, sh.list).([]any)
	return rows
}

// append adds a new row to the list.
func (sh *sheet) append(tree map[string]any) {
	put(tree, sh.list, append(sh.rows(tree), maps.Clone(sh.fresh)))
}

// expand returns the fields of the sheet for the rows that tree has.
func (sh *sheet) expand(tree any) []field {
	if sh.list == "" {
		return sh.fields
	}
	var all []field
	for row := range sh.rows(tree) {
		for _, f := range sh.fields {
			f.at = strings.Replace(f.at, "*", strconv.Itoa(row), 1)
			all = append(all, f)
		}
	}
	return all
}

// pattern is the pointer of a field with * for the row.
func pattern(pointer string) string {
	steps := strings.Split(pointer, "/")
	for i, s := range steps {
		if isRow(s) {
			steps[i] = "*"
		}
	}
	return strings.Join(steps, "/")
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
	if f.kind == asChoice || f.kind == asRights {
		c.Options = s.options(t, name, c.Value)
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
func (s *Server) options(t tongue, name, value string) []option {
	var all []option
	words := s.Choices[name]
	if name == "/Broker/Users/*/Rules" {
		words = nil
		for _, r := range rights {
			words = append(words, r.name)
		}
	}
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

// changed writes what a form says into tree, and returns the pointers of what was typed.
// A control may show less than what stands in its setting: one that comes back as it was
// shown leaves the setting alone.
func (sh *sheet) changed(tree map[string]any, form url.Values) []string {
	var pointers []string
	for _, f := range sh.expand(tree) {
		before := url.Values{}
		if text, on := f.shown(at(tree, f.at)); on || f.kind != asToggle {
			before.Set(f.at, text)
		}
		v, said := f.typed(form)
		if was, _ := f.typed(before); !said || same(was, v) {
			continue
		}
		put(tree, f.at, v)
		pointers = append(pointers, f.at)
	}
	return pointers
}

// numeral is what JSON takes for a number. Anything else that stands where one
// belongs goes on as the text it is, and comes back with what is wrong about it.
var numeral = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// typed returns what a form says about a field.
func (f field) typed(form url.Values) (v any, said bool) {
	text := strings.ReplaceAll(form.Get(f.at), "\r\n", "\n")
	if f.kind != asSecret { // a password may end with a space
		text = strings.TrimSpace(text)
	}
	switch f.kind {
	case asToggle:
		return form.Has(f.at), true
	case asSecret, asSealed:
		if form.Has(forgetPrefix + f.at) {
			return nil, true
		}
		return text, text != ""
	case asRights:
		i := slices.IndexFunc(rights, func(r right) bool { return r.name == text })
		if i < 0 {
			return nil, false
		}
		return rights[i].rules, true
	case asNumber:
		text = strings.Replace(strings.Join(strings.Fields(text), ""), ",", ".", 1)
		switch {
		case text == "":
			return nil, form.Has(f.at) // as delivered
		case numeral.MatchString(text):
			return json.Number(text), form.Has(f.at)
		}
	case asLines:
		list := []any{}
		for _, line := range strings.Fields(text) {
			list = append(list, line)
		}
		return list, form.Has(f.at)
	case asBlock:
		if text != "" {
			text += "\n"
		}
	}
	return text, form.Has(f.at)
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
