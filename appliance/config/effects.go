package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"smartconnect/netcfg"
)

// NetworkNotApplied says why a change of the network groups has no effect: they
// are kept for a host whose network the box manages.
const NetworkNotApplied = "stored; this host's network is not managed by smartconnect"

// Effects is what follows from a change of the configuration.
type Effects struct {
	Changed         []string // the groups that changed, in the order of the JSON
	RestartRequired []string // those of them that a reset puts into effect
	Notes           []string // sentences for whoever made the change
}

// effects compares two configurations.
func effects(old, next Config) Effects {
	var e Effects
	a, b := reflect.ValueOf(old), reflect.ValueOf(next)
	network := fieldsOf(reflect.TypeFor[netcfg.Settings]())
	stored := false
	for _, f := range fieldsOf(a.Type()) {
		if bytes.Equal(kept.print(nil, a.FieldByIndex(f.Index)), kept.print(nil, b.FieldByIndex(f.Index))) {
			continue
		}
		e.Changed = append(e.Changed, f.Name)
		if _, ok := network.named(f.Name); ok {
			e.Notes = append(e.Notes, f.Name+": "+NetworkNotApplied)
			stored = true
		} else {
			e.RestartRequired = append(e.RestartRequired, f.Name)
		}
	}
	if stored {
		e.Notes = append(e.Notes, next.Notes()...)
	}
	for _, u := range next.Broker.Users {
		if !u.Password.IsSet() && slices.Contains(e.Changed, "Broker") {
			e.Notes = append(e.Notes, fmt.Sprintf("Broker.Users: %q has no password and cannot log in", u.Name))
		}
	}
	return e
}
