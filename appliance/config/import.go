package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"smartconnect/appliance/seal"
	"smartconnect/telegram"
)

// Import makes a file the saved configuration: an export, or a configuration as
// Public writes it. What the file does not say is as delivered. A sealed export
// brings its secrets; any other file is taken as a patch is: secrets of this box
// that it says nothing about stay, and a user of the broker who keeps his name
// keeps his password. An older version is migrated.
//
// It returns what is saved now. The error is a Problems with everything that is
// wrong, wraps ErrNotJSON, or says that the file could not be written; nothing is
// changed then.
func (s *Store) Import(here Origin, body []byte, passphrase telegram.Secret) (Config, Effects, error) {
	in, err := unpack(body, passphrase) // which takes a while, and nobody needs to wait for it
	if err != nil {
		return s.Config(), Effects{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := in.over(s.saved, s.known, bcryptHash)
	if err != nil {
		return s.saved.clone(), Effects{}, err
	}
	e := Compare(s.saved, next)
	if in.serial != "" && in.serial != here.Serial {
		e.Notes = append(e.Notes, fmt.Sprintf("the file is of the box %.40q, and this is %q", in.serial, here.Serial))
	}
	return s.take(next, e)
}

// imported is what a file to import says.
type imported struct {
	form            // kept: with secrets; public: as a patch
	tree     any    // of the present version
	serial   string // of the box it comes from, "" for unknown
	problems Problems
}

// unpack reads a file to import.
func unpack(body []byte, passphrase telegram.Secret) (imported, error) {
	tree, problems, err := parse(body)
	if err != nil {
		return imported{}, err
	}
	o, _ := tree.(map[string]any)
	if _, ok := o["Export"]; !ok {
		return imported{form: public, tree: tree, problems: problems}, nil
	}
	in := imported{problems: problems}
	for i := range in.problems {
		if setting, ok := strings.CutPrefix(in.problems[i].Path, "/Config/"); ok {
			in.problems[i].Path = "/" + setting
		}
	}
	members := fieldsOf(reflect.TypeFor[export]())
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if _, ok := members.named(name); !ok {
			in.problems.add(member("", name), "is no part of an export%s", members.meant(name))
		}
	}
	if n, _ := o["Export"].(json.Number); n.String() != fmt.Sprint(exportForm) {
		in.problems.add("/Export", "is not %d, the one form of an export that this program reads", exportForm)
	}
	in.serial, _ = o["Serial"].(string)
	v := versionOf(o)
	sealed, isSealed := o["Sealed"].(string)
	_, isOpen := o["Config"]
	switch {
	case isSealed == isOpen:
		in.problems.add("", "an export has either Config or Sealed")
	case isSealed:
		in.form = kept
		var why string
		if in.tree, v, why = unseal(sealed, passphrase); why != "" {
			in.problems.add("/Sealed", "%s", why)
			return in, in.problems.err()
		}
	default:
		in.tree = o["Config"]
	}
	in.update(v, o["Firmware"])
	return in, in.problems.err()
}

// unseal opens a sealed file, or says why it does not open.
func unseal(sealed string, passphrase telegram.Secret) (tree any, version int, why string) {
	if !passphrase.IsSet() {
		return nil, 0, "is sealed: send the passphrase in the header Passphrase"
	}
	plain, err := seal.Open(sealed, passphrase)
	if errors.Is(err, seal.ErrPassphrase) {
		return nil, 0, "was sealed with another passphrase"
	}
	if err != nil {
		return nil, 0, "cannot be opened: " + err.Error()
	}
	tree, problems, err := parse(plain)
	o, ok := tree.(map[string]any)
	if err != nil || len(problems) > 0 || !ok {
		return nil, 0, "opens, and holds no configuration"
	}
	return tree, versionOf(o), ""
}

// update brings what was read to the present version.
func (in *imported) update(v int, firmware any) {
	o, isObject := in.tree.(map[string]any)
	switch {
	case v > version:
		made := ""
		if name, ok := firmware.(string); ok {
			made = fmt.Sprintf(" (firmware %.40q)", name)
		}
		in.problems.add("/Version", "%d is newer than %d, the version that this box reads: it comes from a newer box%s, and this one wants an update first", v, version, made)
	case v < 1:
		in.problems.add("/Version", "is not a version from 1 to %d", version)
	case isObject:
		migrate(o, v)
	}
}

// over returns the configuration that a file makes of the one before.
func (in imported) over(before Config, k Known, hash func(telegram.Secret) (string, error)) (Config, error) {
	next := Default()
	if in.form == public {
		keepSecrets(reflect.ValueOf(&next).Elem(), reflect.ValueOf(before))
	}
	m := merger{form: in.form, problems: in.problems}
	m.merge(&next, in.tree)
	if _, said := at(in.tree, "MQTT", "Key"); !said && next.MQTT.Certificate == "" {
		next.MQTT.Key = telegram.Secret{} // of the certificate that is gone
	}
	return next, m.finish(&next, before, in.tree, k, hash)
}

// keepSecrets takes over secrets. Those in the rows of a list are not found: a row
// has no place of its own.
func keepSecrets(to, from reflect.Value) {
	for _, f := range fieldsOf(to.Type()) {
		switch at := to.FieldByIndex(f.Index); {
		case secret(f.Type):
			at.Set(from.FieldByIndex(f.Index))
		case at.Kind() == reflect.Struct:
			keepSecrets(at, from.FieldByIndex(f.Index))
		}
	}
}
