package config

import (
	"encoding/json"
	"fmt"
)

// content is what a file of the configuration says.
type content struct {
	config  Config // as delivered if the file cannot be used
	version int    // of its form, 0 for none
	aside   string // what to call the file once another takes its place; "": it can be used
}

// read returns what a file holds, and what is wrong with it. An error of a file
// that can be used is of keys alone.
func read(b []byte, k Known) (content, error) {
	refused := content{config: Default(), aside: damaged}
	tree, problems, err := parse(b)
	if err != nil {
		return refused, err
	}
	o, _ := tree.(map[string]any)
	v := versionOf(o)
	if v > version {
		return content{config: Default(), version: v, aside: newer}, fmt.Errorf("config: it has version %d, and this program reads up to version %d", v, version)
	}
	if v < 1 {
		problems.add("/Version", "is not a version from 1 to %d", version)
	} else {
		migrate(o, v)
	}
	c := Default()
	m := merger{form: kept, problems: problems}
	m.merge(&c, tree)
	for _, p := range c.problems(k) {
		m.problems.follow(p)
	}
	err = m.problems.err()
	if err != nil && !m.problems.keysOnly() {
		return refused, err
	}
	return content{config: c, version: v}, err
}

// versionOf takes the version out of the tree of a file, 0 if it says none.
func versionOf(tree map[string]any) int {
	n, _ := tree["Version"].(json.Number)
	v, _ := n.Int64()
	delete(tree, "Version")
	return int(v)
}

// keysOnly reports whether nothing is wrong but keys of the meter. All else can
// be used then, and the meter says which key is none: an owner who put a file
// back by hand must not lose his settings for a typing error.
func (p Problems) keysOnly() bool {
	for _, one := range p {
		if one.Path != keyPath && one.Path != authKeyPath {
			return false
		}
	}
	return true
}
