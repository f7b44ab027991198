package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
)

const (
	// A page brings its own style, script and icon and nothing else; it cannot
	// be framed, and its forms lead to the box alone.
	pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	apiPolicy  = "default-src 'none'; frame-ancestors 'none'"
)

// setHeaders sets what every answer carries. Strict-Transport-Security is left
// out on purpose: with a certificate of the box's own making, a browser that
// remembers it would lock the owner out for good.
func setHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if isAPI(r) {
		h.Set("Content-Security-Policy", apiPolicy)
	} else {
		h.Set("Content-Security-Policy", pagePolicy)
	}
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(fmt.Errorf("api: answer of type %T: %w", v, err))
	}
	send(w, status, "application/json", b.Bytes())
}

// send sends a whole body. That the client may be gone by now is its own affair.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// fail answers with a sentence an installer understands: as {"error": "…"} to a
// machine, as a small page to a person.
func fail(w http.ResponseWriter, r *http.Request, status int, format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	if isAPI(r) {
		answer(w, status, map[string]string{"error": sentence})
		return
	}
	renderError(w, r, status, sentence)
}

// carriesOther reports whether a request that may change something carries
// anything but what its route takes. Together with the origin check this shuts out
// the forms of foreign pages, which cannot send JSON without asking first.
func carriesOther(r *http.Request) bool {
	if r.Method == "GET" || r.Method == "HEAD" {
		return false
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return r.ContentLength != 0
	}
	media, _, err := mime.ParseMediaType(given)
	return err != nil || !slices.Contains(bodies(r), media)
}

// bodies are the media types of a body.
func bodies(r *http.Request) []string {
	if isAPI(r) {
		return []string{"application/json", "application/merge-patch+json"}
	}
	return []string{"application/x-www-form-urlencoded", "multipart/form-data"}
}

func wantedBody(r *http.Request) string {
	if isAPI(r) {
		return "the body must be JSON: send the header Content-Type: application/json (or application/merge-patch+json)"
	}
	return "the body must be a form of this page"
}

// body reads the body of a request. If it cannot, it has answered and ok is
// false.
func (s *Server) body(w http.ResponseWriter, r *http.Request) (b []byte, ok bool) {
	return s.bodyUpTo(w, r, s.Limits.BodyBytes)
}

// bodyUpTo is body with a limit of its own, in octets.
func (s *Server) bodyUpTo(w http.ResponseWriter, r *http.Request, most int64) (b []byte, ok bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return b, true
	case errors.As(err, &tooLarge):
		fail(w, r, http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		fail(w, r, http.StatusRequestTimeout, "the body did not arrive within %s", s.Limits.Read)
	default:
		fail(w, r, http.StatusBadRequest, "the body could not be read")
	}
	return nil, false
}
