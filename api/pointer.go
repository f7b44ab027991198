package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// readTree reads our own JSON into maps, lists and json.Numbers.
func readTree(text []byte) map[string]any {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		panic(fmt.Errorf("api: configuration: %w", err))
	}
	return tree
}

// at returns what stands at a JSON pointer (RFC 6901), nil for nothing. The names of
// settings need no escapes.
func at(tree any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(node) {
				return nil
			}
			tree = node[i]
		default:
			return nil
		}
	}
	return tree
}

// put changes what stands at a pointer into a setting of an object. What the way leads
// through is there, or is made.
func put(tree map[string]any, pointer string, value any) {
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	var node any = tree
	for i, step := range steps {
		last := i == len(steps)-1
		switch at := node.(type) {
		case map[string]any:
			if last {
				at[step] = value
				return
			}
			if at[step] == nil {
				at[step] = map[string]any{}
			}
			node = at[step]
		case []any:
			row, err := strconv.Atoi(step)
			if err != nil || row < 0 || row >= len(at) {
				return // the list was changed meanwhile, which the revision shows
			}
			if last {
				at[row] = value
				return
			}
			node = at[row]
		}
	}
}

// patchOf returns the merge patch that brings what stands at the pointers of tree, a
// changed configuration. A list goes as a whole (RFC 7396).
func patchOf(tree map[string]any, pointers []string) map[string]any {
	patch := map[string]any{}
	for _, p := range pointers {
		steps := strings.Split(strings.TrimPrefix(p, "/"), "/")
		if row := slices.IndexFunc(steps, isRow); row >= 0 {
			p = "/" + strings.Join(steps[:row], "/")
		}
		put(patch, p, at(tree, p))
	}
	return patch
}

func isRow(step string) bool {
	_, err := strconv.Atoi(step)
	return err == nil
}
