package api

import (
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// route is one thing to ask for. A GET row answers HEAD too.
type route struct {
	method, path string
	access       access
	handle       func(*Server, http.ResponseWriter, *http.Request)
}

type access int

const (
	owner  access = iota // the user
	reader               // the user, or a machine with a token
	anyone               // nothing personal in it
)

// secureRoutes is everything the secure listener answers. The body of a request to
// the API is JSON, that to a page a form.
var secureRoutes = []route{
	{"GET", "/api/v1/config", owner, (*Server).getConfig},
	{"PATCH", "/api/v1/config", owner, (*Server).patchConfig},
	{"GET", "/api/v1/status", reader, (*Server).getStatus},
	{"GET", "/api/v1/telegrams", reader, (*Server).getTelegrams},
	{"GET", "/api/v1/session", reader, (*Server).getSession},
	{"DELETE", "/api/v1/session", owner, (*Server).deleteSession},
	{"GET", "/api/v1/config/export", owner, (*Server).getExport},
	{"POST", "/api/v1/config/export", owner, (*Server).postExport},
	{"POST", "/api/v1/config/import", owner, (*Server).postImport},
	{"GET", "/api/v1/readings", reader, (*Server).getReadings},
	{"GET", "/api/v1/readings/stream", reader, (*Server).getReadingsStream},
	{"GET", "/metrics", reader, (*Server).getMetrics},
	{"GET", "/api/v1/history", reader, (*Server).getHistory},
	{"GET", "/api/v1/modbus/log", reader, (*Server).getModbusLog},
	{"PATCH", "/api/v1/credentials", owner, (*Server).patchCredentials},
	{"GET", "/api/v1/tokens", owner, (*Server).getTokens},
	{"POST", "/api/v1/tokens", owner, (*Server).postToken},
	{"DELETE", "/api/v1/tokens", owner, (*Server).deleteToken},
	{"GET", "/api/v1/firmware", owner, (*Server).getFirmware},
	{"GET", "/api/v1/support", owner, (*Server).getSupport},
	{"POST", "/api/v1/reset", owner, (*Server).postReset},
	{"POST", "/api/v1/factory-reset", owner, (*Server).postFactoryReset},
	{"GET", "/api/v1/openapi.yaml", anyone, (*Server).getOpenAPI},

	{"GET", "/", owner, (*Server).getStatusPage},
	{"GET", "/login", anyone, (*Server).getLogin},
	{"POST", "/login", anyone, (*Server).postLogin},
	{"POST", "/logout", owner, (*Server).postLogout},
	{"GET", "/language", anyone, (*Server).getLanguage},
	{"GET", "/settings/mqtt", owner, (*Server).getSheet},
	{"POST", "/settings/mqtt", owner, (*Server).postSheet},
	{"GET", "/settings/meter", owner, (*Server).getSheet},
	{"POST", "/settings/meter", owner, (*Server).postSheet},
	{"GET", "/settings/modbus", owner, (*Server).getSheet},
	{"POST", "/settings/modbus", owner, (*Server).postSheet},
	{"GET", "/settings/broker", owner, (*Server).getSheet},
	{"POST", "/settings/broker", owner, (*Server).postSheet},
	{"GET", "/settings/users", owner, (*Server).getSheet},
	{"POST", "/settings/users", owner, (*Server).postSheet},
	{"GET", "/settings/box", owner, (*Server).getSheet},
	{"POST", "/settings/box", owner, (*Server).postSheet},
	{"POST", "/settings/password", owner, (*Server).postPassword},
	{"POST", "/settings/tokens", owner, (*Server).postTokens},
	{"POST", "/settings/export", owner, (*Server).postBackup},
	{"POST", "/settings/import", owner, (*Server).postRestore},
	{"POST", "/settings/factory", owner, (*Server).postFactory},
	{"GET", "/restart", owner, (*Server).getRestart},
	{"POST", "/restart", owner, (*Server).postRestart},
	{"GET", "/page.js", anyone, (*Server).getFile},
	{"GET", "/style.css", anyone, (*Server).getFile},
	{"GET", "/icon.svg", anyone, (*Server).getFile},
	{"GET", "/ca.crt", anyone, (*Server).getCA},
	{"GET", "/.well-known/security.txt", anyone, (*Server).getSecurityText},
	{"GET", policyPath, anyone, (*Server).getFile},
}

// plainRoutes is everything the plain listener answers. Nothing here may look
// at credentials or at the state of the house.
var plainRoutes = []route{
	{"GET", "/", anyone, (*Server).getLanding},
	{"GET", "/language", anyone, (*Server).getLanguage},
	{"GET", "/style.css", anyone, (*Server).getFile},
	{"GET", "/icon.svg", anyone, (*Server).getFile},
	{"GET", "/ca.crt", anyone, (*Server).getCA},
	{"GET", "/.well-known/security.txt", anyone, (*Server).getSecurityText},
	{"GET", policyPath, anyone, (*Server).getFile},
}

// find returns the route for a request. Without one, allow lists the methods
// that the path has, and is empty for an unknown path.
func find(routes []route, r *http.Request) (found *route, allow []string) {
	for i := range routes {
		rt := &routes[i]
		if rt.path != r.URL.Path {
			continue
		}
		if rt.method == r.Method || rt.method == "GET" && r.Method == "HEAD" {
			return rt, nil
		}
		allow = append(allow, rt.method)
		if rt.method == "GET" {
			allow = append(allow, "HEAD")
		}
	}
	return nil, allow
}

// isAPI reports whether a request is a machine's: it is answered in JSON.
func isAPI(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/metrics"
}

// answerSecure is the walk of every request on the secure listener. The order
// matters: what a foreign page could send is refused before a password is
// looked at, and a body is read only for who has the right one.
func (s *Server) answerSecure(w http.ResponseWriter, r *http.Request) {
	setHeaders(w, r)
	if !local(r.Host, s.Hosts) {
		fail(w, r, http.StatusMisdirectedRequest,
			"%q is not a name of this box: use its IP address or https://smart-connect.local", hostname(r.Host))
		return
	}
	if err := s.origins.Check(r); err != nil {
		if s.foreign.begin(time.Minute) {
			s.Log.Warn("request from a foreign web page refused", "event", "origin_refused", "source", source(r), "path", logPath(r))
		}
		fail(w, r, http.StatusForbidden, "this request came from another web page and was refused")
		return
	}
	rt, allow := find(secureRoutes, r)
	need := owner
	switch {
	case rt != nil:
		need = rt.access
	case allow == nil: // what is not there is nobody's
		need = reader
	}
	if need != anyone {
		admitted, ok := s.admit(w, r, need)
		if !ok {
			return
		}
		r = admitted
		keepPlace(r.Context())
	}
	switch {
	case rt == nil && allow == nil:
		fail(w, r, http.StatusNotFound, "there is nothing at %s", r.URL.Path)
	case rt == nil:
		refuseMethod(w, r, allow)
	case carriesOther(r):
		fail(w, r, http.StatusUnsupportedMediaType, "%s", wantedBody(r))
	default:
		rt.handle(s, w, r)
	}
}

// answerPlain is the walk of every request on the plain listener. An API
// request is refused, not redirected: by then its password has crossed the
// network in the clear, and a redirect would make that work unnoticed for ever.
// On a closed network the owner may want it answered all the same.
func (s *Server) answerPlain(w http.ResponseWriter, r *http.Request) {
	if s.PlainAPI && isAPI(r) {
		s.answerSecure(w, r)
		return
	}
	setHeaders(w, r)
	rt, allow := find(plainRoutes, r)
	switch {
	case isAPI(r):
		answer(w, http.StatusForbidden, map[string]string{
			"error":  "the API answers over HTTPS only; a password sent here can be read by others on the network",
			"secure": s.secureURL(r, r.URL.Path),
		})
	case rt != nil:
		rt.handle(s, w, r)
	case allow != nil:
		refuseMethod(w, r, allow)
	default:
		// A person who typed a path from an old manual is helped all the same.
		s.landing(w, r, http.StatusNotFound)
	}
}

func refuseMethod(w http.ResponseWriter, r *http.Request, allow []string) {
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	fail(w, r, http.StatusMethodNotAllowed, "%s is not possible here, only %s", r.Method, strings.Join(allow, ", "))
}

// recovering keeps a panic inside the request that met it, and says so aloud.
func (s *Server) recovering(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				fail(w, r, http.StatusInternalServerError, "the box made a mistake answering this; its log says more")
			}
		}()
		next(w, r)
	}
}
