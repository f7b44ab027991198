package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"smartconnect/telegram"
)

// The structs of the configuration are its schema: a member of the JSON is a
// field of the same name. The two walks here, merge into a struct and print a
// struct, are the only code that knows about JSON.

// form is what a walk is for: the API, or the file that keeps everything.
type form int

const (
	public form = iota // secrets are written, never read; PasswordSet says whether there is one
	kept               // secrets and hashes as they are
)

// merger applies a JSON merge patch (RFC 7396) to a struct and collects what is
// wrong with it. A member that is wrong keeps its value.
type merger struct {
	form
	problems Problems
}

// secret is a value that goes in through the API and does not come out: a
// telegram.Secret or a Hash.
func secret(t reflect.Type) bool {
	return t == reflect.TypeFor[telegram.Secret]() || t == reflect.TypeFor[Hash]()
}

// value merges node into v. null makes it the value as delivered.
func (m *merger) value(v, delivered reflect.Value, node any, path string) {
	switch at := v.Addr().Interface().(type) {
	case *telegram.Secret:
		if s, ok := m.text(node, path); ok {
			*at = telegram.NewSecret(s)
		}
		return
	case *Hash:
		if s, ok := m.text(node, path); ok && m.form == kept {
			at.keep(s)
		} else if ok {
			at.write(s)
		}
		return
	}
	if node == nil {
		v.Set(delivered)
		return
	}
	if at, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := m.text(node, path); ok {
			if err := at.UnmarshalText([]byte(s)); err != nil {
				m.problems.add(path, "%v", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		m.object(v, delivered, node, path)
	case reflect.Slice:
		m.list(v, node, path)
	case reflect.String:
		if s, ok := m.text(node, path); ok {
			v.SetString(s)
		}
	case reflect.Bool:
		if b, ok := node.(bool); ok {
			v.SetBool(b)
		} else {
			m.problems.add(path, "wants true or false, not %s", kind(node))
		}
	case reflect.Int:
		n, _ := node.(json.Number)
		if i, err := strconv.Atoi(n.String()); err == nil {
			v.SetInt(int64(i))
		} else {
			m.problems.add(path, "wants a whole number")
		}
	case reflect.Float64:
		n, _ := node.(json.Number)
		if f, err := n.Float64(); err == nil {
			v.SetFloat(f)
		} else {
			m.problems.add(path, "wants a number")
		}
	default:
		panic(fmt.Sprintf("config: %s is a %s, which no JSON is defined for", path, v.Type()))
	}
}

// text returns the text that node is; null is "".
func (m *merger) text(node any, path string) (string, bool) {
	s, ok := node.(string)
	if !ok && node != nil {
		m.problems.add(path, "wants a text, not %s", kind(node))
	}
	return s, ok || node == nil
}

func (m *merger) object(v, delivered reflect.Value, node any, path string) {
	o, ok := node.(map[string]any)
	if !ok {
		m.problems.add(path, "wants an object, not %s", kind(node))
		return
	}
	fields := fieldsOf(v.Type())
	for name, child := range o {
		f, ok := fields.named(name)
		if ok {
			m.value(v.FieldByIndex(f.Index), delivered.FieldByIndex(f.Index), child, member(path, name))
		} else if !fields.readOnly(name) {
			m.problems.add(member(path, name), "is not a setting%s", fields.meant(name))
		}
	}
}

// list replaces a list as a whole (RFC 7396). What a row does not say is as in
// a new row.
func (m *merger) list(v reflect.Value, node any, path string) {
	l, ok := node.([]any)
	if !ok {
		m.problems.add(path, "wants a list, not %s", kind(node))
		return
	}
	rows := reflect.MakeSlice(v.Type(), len(l), len(l))
	for i, child := range l {
		at := path + "/" + strconv.Itoa(i)
		if child == nil {
			m.problems.add(at, "wants a row of the list, not null")
			continue
		}
		rows.Index(i).Set(newRow(v.Type().Elem()))
		m.value(rows.Index(i), newRow(v.Type().Elem()), child, at)
	}
	v.Set(rows)
}

// newRow returns what a row of a list is before anything is said about it.
func newRow(t reflect.Type) reflect.Value {
	row := reflect.New(t)
	if at, ok := row.Interface().(interface{ preset() }); ok {
		at.preset()
	}
	return row.Elem()
}

// kind names what stands in the JSON without repeating it: it may be a
// password in the wrong place.
func kind(node any) string {
	switch node.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}

// fields are the members of an object in the order they are printed in.
type fields []reflect.StructField

// fieldsOf returns the fields of a struct, those of embedded structs in their
// place.
func fieldsOf(t reflect.Type) fields {
	var fs fields
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous && f.IsExported() {
			fs = append(fs, f)
		}
	}
	return fs
}

func (fs fields) named(name string) (reflect.StructField, bool) {
	for _, f := range fs {
		if f.Name == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// readOnly reports whether name is a member that GET adds.
func (fs fields) readOnly(name string) bool {
	of, ok := strings.CutSuffix(name, "Set")
	f, exists := fs.named(of)
	return ok && exists && secret(f.Type)
}

// meant suggests the member of another spelling.
func (fs fields) meant(name string) string {
	for _, f := range fs {
		if strings.EqualFold(f.Name, name) {
			return "; the name is written " + f.Name
		}
	}
	return ""
}

// print appends v as JSON.
func (to form) print(b []byte, v reflect.Value) []byte {
	switch at := v.Interface().(type) {
	case telegram.Secret:
		return appendJSON(b, at.Reveal())
	case Hash:
		return appendJSON(b, at.Reveal())
	case encoding.TextMarshaler:
		text, _ := at.MarshalText() // ours do not fail
		return appendJSON(b, string(text))
	}
	switch v.Kind() {
	case reflect.Struct:
		return to.printObject(b, v)
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = to.print(b, v.Index(i))
		}
		return append(b, ']')
	}
	return appendJSON(b, v.Interface())
}

func (to form) printObject(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	for _, f := range fieldsOf(v.Type()) {
		at := v.FieldByIndex(f.Index)
		if at.IsZero() && strings.Contains(f.Tag.Get("json"), "omitzero") && !secret(f.Type) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		if to == public && secret(f.Type) {
			b = append(appendJSON(b, f.Name+"Set"), ':')
			b = strconv.AppendBool(b, at.Interface().(interface{ IsSet() bool }).IsSet())
			continue
		}
		b = append(appendJSON(b, f.Name), ':')
		b = to.print(b, at)
	}
	return append(b, '}')
}

func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // texts, numbers and bools always have a JSON
		panic(fmt.Sprintf("config: %v", err))
	}
	return append(b, text...)
}
