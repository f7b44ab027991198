package api

import (
	_ "embed"
	"net/http"
	"strings"
)

// document is the contract of the API (OpenAPI 3.1). A test of the appliance sends
// every example in it and holds every answer against it.
//
//go:embed openapi.yaml
var document []byte

// getOpenAPI sends the contract. RFC 9512 names its media type.
func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "application/yaml", document)
}

// Operation is what a machine can ask for.
type Operation struct{ Method, Path string }

// forMachines are the routes outside /api/ that are no pages.
var forMachines = map[string]bool{"/metrics": true, "/ca.crt": true, "/.well-known/security.txt": true}

// Operations returns all that the secure listener answers to machines, as the
// document has them. HEAD goes with GET.
func Operations() []Operation {
	var list []Operation
	for _, rt := range secureRoutes {
		if strings.HasPrefix(rt.path, "/api/") || forMachines[rt.path] {
			list = append(list, Operation{rt.method, rt.path})
		}
	}
	return list
}
