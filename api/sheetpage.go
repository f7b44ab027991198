package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// sheetView is a page of settings.
type sheetView struct {
	Path, Revision string
	About          string
	Rows           []rowView
	List           bool // rows can be added and removed
	Saved          bool
	Refused        bool
	Changed        bool     // by somebody else, since the page was shown
	Notes          []string // of what was saved
	Errors         []Problem
	Unsaid         []Problem // of settings that are not on this page
	Wrong          []control // those that are

	Users    *usersView  // on the page of the users
	Imported *importView // on that of the box, after an import

	Unconfirmed bool // a factory reset was asked for without its tick
}

// rowView is a row of a list, or the one group of a sheet without.
type rowView struct {
	Title         string
	HasErrors     bool
	Number        int
	New           bool // it becomes one when it is added
	Controls      []control
	More          []control
	MoreHasErrors bool
}

// getSheet shows settings.
func (s *Server) getSheet(w http.ResponseWriter, r *http.Request) {
	s.showSheet(w, r, http.StatusOK, sheetAt(r.URL.Path), nil, sheetView{})
}

// showSheet shows settings as they are, or as typed where that was refused.
func (s *Server) showSheet(w http.ResponseWriter, r *http.Request, status int, sh *sheet, typed url.Values, v sheetView) {
	t := tongueOf(r)
	tree := readTree(s.Config.Public())
	if v.Revision = s.etag(); typed != nil {
		v.Revision = typed.Get(revisionName)
	}
	v.Path, v.List, v.About = sh.path, sh.list != "", t.T(sh.title+".about")
	if sh.list != "" {
		sh.append(tree)
	}
	pending := s.Status().RestartFor
	shown := map[string]bool{}
	for _, f := range sh.expand(tree) {
		c := s.control(t, f, tree, typed, pending)
		for _, p := range v.Errors {
			if p.Pointer == c.Name || strings.HasPrefix(p.Pointer, c.Name+"/") {
				c.Error, shown[p.Pointer] = p.Detail, true
			}
		}
		if c.Error != "" {
			v.Wrong = append(v.Wrong, c)
		}
		v.place(t, sh, f, c)
	}
	if sh.list != "" {
		last := &v.Rows[len(v.Rows)-1]
		last.New, last.Title = true, t.T(sh.title+".new")
	}
	for _, p := range v.Errors {
		if !shown[p.Pointer] {
			v.Unsaid = append(v.Unsaid, p)
		}
	}
	if sh.path == usersPath {
		v.Users = s.users(t, v.Users)
	}
	s.render(w, r, status, screen{name: "sheet.html", path: sh.path, title: sh.title + ".title", waits: pending, body: v})
}

// place puts a control into its row.
func (v *sheetView) place(t tongue, sh *sheet, f field, c control) {
	number := 0
	if sh.list != "" {
		row, _, _ := strings.Cut(strings.TrimPrefix(f.at, sh.list+"/"), "/")
		number, _ = strconv.Atoi(row)
	}
	if number >= len(v.Rows) {
		row := rowView{Number: number}
		if sh.list != "" {
			row.Title = t.T(sh.title+".row", number+1)
		}
		v.Rows = append(v.Rows, row)
	}
	row := &v.Rows[number]
	row.HasErrors = row.HasErrors || c.Error != ""
	if f.more {
		row.More = append(row.More, c)
		row.MoreHasErrors = row.MoreHasErrors || c.Error != ""
		return
	}
	row.Controls = append(row.Controls, c)
}

// postSheet saves what a form says: all of it or, where something is wrong, nothing.
func (s *Server) postSheet(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	sh := sheetAt(r.URL.Path)
	s.Sessions.changing.Lock()
	result, stale, err := s.save(sh, form)
	s.Sessions.changing.Unlock()
	var wrong Problems
	switch {
	case stale:
		s.showSheet(w, r, http.StatusPreconditionFailed, sh, nil, sheetView{Changed: true})
	case errors.As(err, &wrong):
		s.showSheet(w, r, http.StatusUnprocessableEntity, sh, form, sheetView{Refused: true, Errors: wrong.Problems()})
	case s.refused(w, r, err, unsaved):
	default:
		s.logChange(r, "config_changed", "configuration changed", result)
		s.showSheet(w, r, http.StatusOK, sh, nil, sheetView{Saved: true, Notes: result.Notes})
	}
}

// said writes what a form says into tree, rows that come and go with it, and returns the
// pointers of what is other than it was.
func (sh *sheet) said(tree map[string]any, form url.Values) []string {
	if sh.list == "" {
		return sh.changed(tree, form)
	}
	rows := sh.rows(tree)
	last := len(rows)
	sh.append(tree) // the form has a row for a new one
	pointers := sh.changed(tree, form)
	action, number, _ := strings.Cut(form.Get(actionName), ":")
	typed := func(p string) bool { return strings.HasPrefix(p, sh.list+"/"+strconv.Itoa(last)+"/") }
	if action == "add" || slices.ContainsFunc(pointers, typed) { // whichever button was pressed
		rows = sh.rows(tree)
		pointers = append(pointers, sh.list)
	}
	if n, err := strconv.Atoi(number); action == "remove" && err == nil && n >= 0 && n < last {
		rows = slices.Delete(slices.Clone(rows), n, n+1)
		pointers = append(pointers, sh.list)
	}
	put(tree, sh.list, rows)
	return pointers
}

// save patches the configuration with a form. stale says that it is another one than
// the form was made of.
func (s *Server) save(sh *sheet, form url.Values) (result PatchResult, stale bool, err error) {
	tree := readTree(s.Config.Public())
	pointers := sh.said(tree, form)
	switch {
	case len(pointers) == 0: // also when it is sent twice
		return result, false, nil
	case form.Get(revisionName) != s.etag():
		return result, true, nil
	}
	patch, err := json.Marshal(patchOf(tree, pointers))
	if err != nil {
		return result, false, err
	}
	result, err = s.Config.Patch(patch)
	return result, false, err
}
