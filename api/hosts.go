package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// localDomains are the endings under which a home router or mDNS names a box.
// A name on the internet is refused: a page there could point its own name at
// the box and read it with the visitor's browser (DNS rebinding).
var localDomains = []string{".local", ".lan", ".home", ".home.arpa", ".fritz.box", ".internal", ".localdomain"}

// local reports whether host, the Host header of a request, names this box: an
// IP address, a name of a single label (smart-connect, localhost), a name with
// a local ending, or one of the further names configured.
func local(host string, further []string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostname(host), "."))
	if name == "" {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if !strings.Contains(name, ".") {
		return true
	}
	return slices.ContainsFunc(localDomains, func(d string) bool { return strings.HasSuffix(name, d) }) ||
		slices.ContainsFunc(further, func(f string) bool { return strings.EqualFold(name, f) })
}

// hostname returns the host of a Host header or of an address, without its port
// and without the brackets of an IPv6 address.
func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

// source returns the IP address a request came from.
func source(r *http.Request) string { return hostname(r.RemoteAddr) }

// secureURL returns path on the secure listener, under the name the client
// knows this box by; "" if there is no secure listener.
func (s *Server) secureURL(r *http.Request, path string) string {
	if s.securePort == 0 {
		return ""
	}
	host := hostname(r.Host)
	if host == "" { // HTTP/1.0 may name none: then the address it reached
		if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = hostname(a.String())
		}
	}
	switch {
	case s.securePort != 443:
		host = net.JoinHostPort(host, strconv.Itoa(s.securePort))
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return "https://" + host + path
}
