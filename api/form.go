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
