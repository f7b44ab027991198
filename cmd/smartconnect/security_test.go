package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What SECURITY.md says of itself is there: every row once, in order, and every
// test that it names.
func TestSecurityDocument(t *testing.T) {
	const root = "../.."
	document, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (S\d+) \| [^|]+ \| (met|partly|waits) \| [^|]+ \| ([^|]*)\|$`).FindAllStringSubmatch(string(document), -1)
	if len(rows) != 28 {
		t.Errorf("%d rows, want 28", len(rows))
	}
	known := testsOf(t, root)
	for i, row := range rows {
		if want := fmt.Sprint("S", i+1); row[1] != want {
			t.Errorf("row %s stands where %s should", row[1], want)
		}
		named := regexp.MustCompile(`\w+`).FindAllString(row[3], -1)
		if len(named) == 0 && row[2] == "met" {
			t.Errorf("%s is met, and no test shows it", row[1])
		}
		for _, name := range named {
			if !known[name] {
				t.Errorf("%s: there is no test %s", row[1], name)
			}
		}
	}
}

// testsOf returns the names of all tests and fuzz targets below a folder.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllStringSubmatch(string(source), -1) {
			found[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// No part of the standard library that shows the inside of a program to the
// network is built in.
func TestNothingToDebugWith(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, d := range deps {
		if d == "net/http/pprof" || d == "net/rpc" {
			t.Errorf("%s is built in", d)
		}
	}
	if len(deps) < 100 {
		t.Errorf("only %d packages: %q", len(deps), deps)
	}
}
