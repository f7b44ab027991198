package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smartconnect/netcfg"
)

// ErrNotJSON is wrapped by the error of Patch for a body that is no JSON text
// at all.
var ErrNotJSON = errors.New("not a JSON text")

// Problem is one thing that is wrong: where, as a JSON pointer (RFC 6901, "" for
// the whole), and what, as a sentence that ends without a full stop.
type Problem = netcfg.Problem

// Problems is everything that is wrong with a configuration or a patch, by
// path, one for each path. It is an error when it is not empty. No sentence
// holds a secret.
type Problems []Problem

// Error implements error: "config: /MQTT/Site: …; /Meter/Line: …".
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.Path + ": " + one.Text
		if one.Path == "" {
			texts[i] = one.Text
		}
	}
	return "config: " + strings.Join(texts, "; ")
}

// ByPath returns the sentences by their JSON pointers.
func (p Problems) ByPath() map[string]string {
	m := make(map[string]string, len(p))
	for _, one := range p {
		m[one.Path] = one.Text
	}
	return m
}

// MarshalJSON returns the problems as {"/MQTT/Site":"…"}.
func (p Problems) MarshalJSON() ([]byte, error) { return json.Marshal(p.ByPath()) }

// add notes a problem unless its path has one already: the first, which is
// about the form of the value, is the one to mend.
func (p *Problems) add(path, format string, args ...any) {
	if !slices.ContainsFunc(*p, func(known Problem) bool { return known.Path == path }) {
		*p = append(*p, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
	}
}

// follow notes what validation found, unless the value's own form, or that of
// something it is a part of, is wrong already: what stands there then is not
// what was meant.
func (p *Problems) follow(found Problem) {
	for _, known := range *p {
		if strings.HasPrefix(found.Path+"/", known.Path+"/") {
			return
		}
	}
	*p = append(*p, found)
}

// err returns the problems in the order of their paths as an error, nil if
// there are none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortFunc(p, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return p
}

var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// member returns the JSON pointer of a member of the object at path.
func member(path, name string) string { return path + "/" + pointer.Replace(name) }
