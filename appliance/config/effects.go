package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// NetworkNotApplied says why a change of the network groups has no effect. They
// are kept for a host whose network the box manages.
const NetworkNotApplied = "stored; this host's network is not managed by smartconnect"

var notApplied = map[string]string{
	"DefaultNetIf": NetworkNotApplied,
	"Ethernet":     NetworkNotApplied,
	"WiFi":         NetworkNotApplied,
}

// Effects is what follows from a change of the configuration. Settings are named
// by their JSON pointers, in the order of the JSON; a list that became longer or
// shorter is named as a whole.
type Effects struct {
	Changed         []string // the settings that changed
	RestartRequired []string // those of them that a reset puts into effect
	Notes           []string // sentences for whoever made the change
}

// Compare returns what follows from changing old into next.
func Compare(old, next Config) Effects {
	var e Effects
	a, b := reflect.ValueOf(old), reflect.ValueOf(next)
	network, users := false, false
	for _, f := range fieldsOf(a.Type()) {
		changed := differ(nil, member("", f.Name), a.FieldByIndex(f.Index), b.FieldByIndex(f.Index))
		if len(changed) == 0 {
			continue
		}
		e.Changed = append(e.Changed, changed...)
		users = users || f.Name == "Broker"
		if why, ok := notApplied[f.Name]; ok {
			e.Notes = append(e.Notes, f.Name+": "+why)
			network = network || why == NetworkNotApplied
		} else {
			e.RestartRequired = append(e.RestartRequired, changed...)
		}
	}
	if network {
		e.Notes = append(e.Notes, next.Notes()...)
	}
	for _, u := range next.Broker.Users {
		if !u.Password.IsSet() && users {
			e.Notes = append(e.Notes, fmt.Sprintf("Broker.Users: %q has no password and cannot log in", u.Name))
		}
	}
	return e
}

// differ appends the pointers of what differs between two values at path.
func differ(to []string, path string, a, b reflect.Value) []string {
	_, text := a.Interface().(encoding.TextMarshaler)
	switch kind := a.Kind(); {
	case kind == reflect.Struct && !text && !secret(a.Type()):
		for _, f := range fieldsOf(a.Type()) {
			to = differ(to, member(path, f.Name), a.FieldByIndex(f.Index), b.FieldByIndex(f.Index))
		}
		return to
	case kind == reflect.Slice && a.Len() == b.Len():
		for i := range a.Len() {
			to = differ(to, path+"/"+strconv.Itoa(i), a.Index(i), b.Index(i))
		}
		return to
	}
	if !bytes.Equal(kept.print(nil, a), kept.print(nil, b)) {
		to = append(to, path)
	}
	return to
}

// named is how many settings a sentence lists before it counts the rest.
const named = 4

// Names lists settings given by their pointers for a sentence: "MQTT.Broker,
// Modbus.Servers.0.Listen", and of many the first ones and how many more.
func Names(pointers []string) string {
	names := make([]string, min(len(pointers), named))
	for i := range names {
		names[i] = strings.ReplaceAll(strings.TrimPrefix(pointers[i], "/"), "/", ".")
	}
	list := strings.Join(names, ", ")
	if more := len(pointers) - named; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}
