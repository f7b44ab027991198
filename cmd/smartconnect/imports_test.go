package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "smartconnect/"

// may says which packages of the module a package may import. A package that
// is not in it fails the test: give it a place.
var may = map[string][]string{
	"telegram":         {},
	"telegram/crc":     {},
	"telegram/p1":      {"telegram", "telegram/glo", "telegram/crc"},
	"telegram/hdlc":    {"telegram/crc"},
	"telegram/mbus":    {},
	"telegram/glo":     {"telegram"},
	"telegram/sim":     {"telegram"},
	"telegram/dlms":    {"telegram", "telegram/hdlc", "telegram/mbus", "telegram/glo"},
	"telegram/tic":     {"telegram"},
	"telegram/formats": {"telegram", "telegram/p1", "telegram/dlms", "telegram/tic"},

	"modbusmap": {"telegram", "appliance/snapshot"},
	"netcfg":    {"telegram"},
	"api":       {"telegram"},

	"api/metrics": {"telegram", "api"},

	"appliance/snapshot":     {"telegram"},
	"appliance/share":        {},
	"appliance/demand":       {"telegram"},
	"appliance/command":      {},
	"appliance/history":      {"telegram", "appliance/snapshot"},
	"appliance/run":          {},
	"appliance/seal":         {"telegram"},
	"appliance/config":       {"telegram", "netcfg", "appliance/seal"},
	"appliance/journal":      {},
	"appliance/identity":     {"telegram", "appliance/config"},
	"appliance/serialport":   {"telegram", "telegram/sim"},
	"appliance/payload":      {"telegram", "appliance/snapshot"},
	"appliance/broker":       {"telegram", "appliance/snapshot", "appliance/payload"},
	"appliance/uplink":       {"telegram", "appliance/snapshot", "appliance/payload", "appliance/uplink/spool"},
	"appliance/uplink/spool": {},
	"appliance":              {"*"},
	"cmd/smartconnect":       {"*"},
}

// home says in which one package each outside library appears.
var home = map[string][]string{
	"github.com/simonvetter/modbus":       {"modbusmap"},
	"github.com/mochi-mqtt/server/v2":     {"appliance/broker"},
	"github.com/gorilla/websocket":        {"appliance/broker"},
	"go.bug.st/serial":                    {"appliance/serialport"},
	"github.com/prometheus/client_golang": {"api/metrics"},
	"golang.org/x/sys":                    {"appliance/serialport", "appliance/config"},
	"golang.org/x/text":                   {"api"},
	"golang.org/x/crypto":                 {"appliance/identity", "appliance/config"},
	"filippo.io/age":                      {"appliance/seal"},
	"github.com/eclipse/paho.mqtt.golang": {"appliance/uplink"},
	"github.com/grandcat/zeroconf":        {"netcfg/mdns"},
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func TestWhoImportsWhom(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "smartconnect/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		seen[name] = true
		allowed, listed := may[name]
		if !listed {
			t.Errorf("%s is not in the import table: give it a place", name)
			continue
		}
		for _, imported := range p.Imports {
			checkImport(t, name, imported, allowed)
		}
	}
	for name := range may {
		if !seen[name] {
			t.Errorf("the import table has %s, which does not exist", name)
		}
	}
}

func checkImport(t *testing.T, name, imported string, allowed []string) {
	if own, ok := strings.CutPrefix(imported, module); ok {
		if !slices.Contains(allowed, "*") && !slices.Contains(allowed, own) {
			t.Errorf("%s imports %s, which the import table does not allow", name, own)
		}
		return
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return // standard library
	}
	for library, packages := range home {
		if imported == library || strings.HasPrefix(imported, library+"/") {
			if !slices.Contains(packages, name) {
				t.Errorf("%s imports %s, whose place is %v", name, imported, packages)
			}
			return
		}
	}
	t.Errorf("%s imports %s: name the one package where %s appears", name, imported, path.Dir(imported))
}
