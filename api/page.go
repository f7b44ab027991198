package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.ParseFS(web, "web/*.html"))

// render sends a page. Its template writes into memory first, so that what
// fails half-way never reaches a reader as if it were whole.
func render(w http.ResponseWriter, status int, name string, view any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, view); err != nil {
		panic(fmt.Errorf("api: page %s: %w", name, err))
	}
	send(w, status, "text/html; charset=utf-8", b.Bytes())
}

// getStatusPage shows the status to a person.
func (s *Server) getStatusPage(w http.ResponseWriter, _ *http.Request) {
	render(w, http.StatusOK, "status.html", struct {
		view
		Fingerprint string
	}{newView(s.status()), s.CA.Fingerprint})
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
	render(w, status, "landing.html", map[string]any{
		"Link": s.secureURL(r, "/"), "Fault": fault, "Serial": s.Serial, "Fingerprint": s.CA.Fingerprint,
	})
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
}
