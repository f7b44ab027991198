package api

import (
	"encoding/base64"
	"testing"
)

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"":                           false,
		":443":                       false,
		".":                          false,
		"example.com":                false,
		"smart-connect.example.com":  false,
		"local.example.com":          false,
		"notlocal.evil":              false,
		"evillocal":                  true, // a single label is no name on the internet
		"evil.lan.example":           false,
		"fritz.box":                  false, // the router itself
		"192.168.1.20.evil.example":  false,
		"127.1":                      false,
		"192.168.1.20":               true,
		"192.168.1.20:8443":          true,
		"169.254.164.254":            true,
		"[fe80::1]":                  true,
		"[::1]:8443":                 true,
		"localhost":                  true,
		"localhost:8443":             true,
		"smart-connect":              true,
		"SMART-CONNECT.LOCAL":        true,
		"smart-connect.local.":       true,
		"smart-connect-a1b2.lan:443": true,
		"box.home":                   true,
		"box.home.arpa":              true,
		"box.fritz.box":              true,
		"box.internal":               true,
		"box.localdomain":            true,
		"Meter.Example.ORG:443":      true,
		"sub.meter.example.org":      false,
	} {
		if got := local(host, []string{"meter.example.org"}); got != want {
			t.Errorf("local(%q) = %t, want %t", host, got, want)
		}
	}
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}
