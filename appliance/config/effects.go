package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
)

// NetworkNotApplied says why a change of the network groups has no effect. They
// are kept for a host whose network the box manages.
const NetworkNotApplied = "stored; this host's network is not managed by smartconnect"

var notApplied = map[string]string{
	"DefaultNetIf": NetworkNotApplied,
	"Ethernet":     NetworkNotApplied,
	"WiFi":         NetworkNotApplied,
}

// Effects is what follows from a change of the configuration.
type Effects struct {
	Changed         []string // the groups that changed, in the order of the JSON
	RestartRequired []string // those of them that a reset puts into effect
	Notes           []string // sentences for whoever made the change
}

// Compare returns what follows from changing old into next.
func Compare(old, next Config) Effects {
	var e Effects
	a, b := reflect.ValueOf(old), reflect.ValueOf(next)
	network := false
	for _, f := range fieldsOf(a.Type()) {
		if bytes.Equal(kept.print(nil, a.FieldByIndex(f.Index)), kept.print(nil, b.FieldByIndex(f.Index))) {
			continue
		}
		e.Changed = append(e.Changed, f.Name)
		if why, ok := notApplied[f.Name]; ok {
			e.Notes = append(e.Notes, f.Name+": "+why)
			network = network || why == NetworkNotApplied
		} else {
			e.RestartRequired = append(e.RestartRequired, f.Name)
		}
	}
	if network {
		e.Notes = append(e.Notes, next.Notes()...)
	}
	for _, u := range next.Broker.Users {
		if !u.Password.IsSet() && slices.Contains(e.Changed, "Broker") {
			e.Notes = append(e.Notes, fmt.Sprintf("Broker.Users: %q has no password and cannot log in", u.Name))
		}
	}
	return e
}
