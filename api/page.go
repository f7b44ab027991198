package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"on": func(page layout, c control) any {
		return struct {
			Page    layout
			Control control
		}{page, c}
	},
}).ParseFS(web, "web/*.html"))

// layout is what every page shows, and in Body its own.
type layout struct {
	tongue
	Title, Path                  string
	Serial, Version, Fingerprint string
	Tabs                         []tab    // none for who is not logged in
	Waiting                      []string // settings that take effect with a restart
	Scripted                     bool
	Live                         bool // its main part changes by itself
	Tongues                      []tongue
	Body                         any
}

// tab leads to a page.
type tab struct {
	Path, Title string
	Here        bool
}

// screen is a page of the secure listener.
type screen struct {
	name  string // of its template
	path  string
	title string   // a sentence of the catalogue
	waits []string // JSON pointers of the settings that wait for a restart
	body  any
}

// render sends a page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page screen) {
	t := tongueOf(r)
	l := layout{tongue: t, Title: t.T(page.title), Path: page.path, Serial: s.Serial, Scripted: true, Live: page.name == "status.html", Body: page.body}
	if page.name != "login.html" {
		l.Version, l.Fingerprint = s.Version, s.CA.Fingerprint
		l.Tabs = append(l.Tabs, tab{"/", t.T("status.title"), page.path == "/"})
		for _, sh := range sheets {
			l.Tabs = append(l.Tabs, tab{sh.path, t.T(sh.title + ".tab"), page.path == sh.path})
		}
		for _, p := range page.waits {
			l.Waiting = append(l.Waiting, t.setting(p))
		}
	}
	renderPage(w, status, page.name, l)
}

// setting names a setting as its page does, and one that is on no page as the
// configuration does.
func (t tongue) setting(pointer string) string {
	for _, sh := range sheets {
		for _, f := range sh.fields {
			switch {
			case f.at == pattern(pointer):
				return t.T(sh.title+".tab") + ": " + t.T("field"+f.at)
			case sh.list != "" && pointer == sh.list:
				return t.T(sh.title + ".tab")
			}
		}
	}
	return strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
}

// renderPage sends a page. Its template writes into memory first, so that what
// fails half-way never reaches a reader as if it were whole.
func renderPage(w http.ResponseWriter, status int, name string, l layout) {
	l.Tongues = tongues
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, l); err != nil {
		panic(fmt.Errorf("api: page %s: %w", name, err))
	}
	send(w, status, "text/html; charset=utf-8", b.Bytes())
}

// renderError says to a person what went wrong.
func renderError(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	renderPage(w, status, "error.html", layout{tongue: tongueOf(r), Path: "/", Title: tongueOf(r).T("error.title"), Body: sentence})
}

// getLanding leads to the secure page from the plain port.
func (s *Server) getLanding(w http.ResponseWriter, r *http.Request) {
	s.landing(w, r, http.StatusOK)
}

func (s *Server) landing(w http.ResponseWriter, r *http.Request, status int) {
	fault := ""
	if s.SecureFault != nil {
		fault = s.SecureFault()
	}
	t := tongueOf(r)
	renderPage(w, status, "landing.html", layout{tongue: t, Path: "/", Title: t.T("landing.title"), Serial: s.Serial, Body: map[string]any{
		"Link": s.secureURL(r, "/"), "Fault": fault, "Fingerprint": s.CA.Fingerprint, "PlainAPI": s.PlainAPI,
	}})
}

// getCA offers the certificate of the box's own authority. The media type is
// the one that phones answer with an offer to install it.
func (s *Server) getCA(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="smart-connect-%s-ca.crt"`, s.Serial))
	send(w, http.StatusOK, "application/x-x509-ca-cert", s.CA.PEM)
}

// getFile sends the embedded file that the route names.
func (s *Server) getFile(w http.ResponseWriter, r *http.Request) {
	b, err := web.ReadFile("web" + r.URL.Path)
	if err != nil {
		panic(fmt.Errorf("api: route without its file: %w", err))
	}
	send(w, http.StatusOK, mediaTypes[path.Ext(r.URL.Path)], b)
}

// mediaTypes are given here because those of package mime depend on the files
// of the host.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}
