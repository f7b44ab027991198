package config

import (
	"bytes"
	"encoding/json"
	"reflect"

	"smartconnect/telegram"
)

// Patch returns c changed by a JSON merge patch (RFC 7396) and what follows
// from the change. The patch is taken or refused as a whole: the error is a
// Problems with everything that is wrong, or wraps ErrNotJSON, and c is
// returned as it was.
//
// null makes a setting what it is as delivered. A list is replaced as a whole;
// a user of the broker who keeps his name and about whose password nothing is
// said keeps that too. "" and null clear a password. A patch that sets
// MQTT.Broker enables MQTT unless it says something about MQTT.Enabled. What
// GET adds (PasswordSet) is ignored, so that a patch of GET's own answer
// changes nothing.
func Patch(c Config, body []byte, k Known) (Config, Effects, error) {
	return patch(c, body, k, bcryptHash)
}

func patch(c Config, body []byte, k Known, hash func(telegram.Secret) (string, error)) (Config, Effects, error) {
	tree, problems, err := parse(body)
	if err != nil {
		return c, Effects{}, err
	}
	next := c.clone()
	m := merger{form: public, problems: problems}
	m.merge(&next, tree)
	if err := m.finish(&next, c, tree, k, hash); err != nil {
		return c, Effects{}, err
	}
	return next, Compare(c, next), nil
}

func (m *merger) merge(c *Config, tree any) {
	delivered := Default()
	if tree == nil { // a merge patch that is null would reset everything; nobody means that
		m.problems.add("", "wants an object, not null")
		return
	}
	m.value(reflect.ValueOf(c).Elem(), reflect.ValueOf(&delivered).Elem(), tree, "")
}

// finish makes what was merged from a tree a whole configuration: what the tree
// means without saying it, and what was before where it says nothing. The error is
// everything that is wrong.
func (m *merger) finish(next *Config, before Config, tree any, k Known, hash func(telegram.Secret) (string, error)) error {
	row := rowMeterType
	if m.form == public {
		row = next.follow(tree, &m.problems)
	}
	for _, p := range next.problems(k) {
		if p.Path == rowMeterType {
			p.Path = row
		}
		m.problems.follow(p)
	}
	if err := m.problems.err(); err != nil || m.form == kept {
		return err
	}
	passwords := map[string]Hash{}
	for _, u := range before.Broker.Users {
		passwords[u.Name] = u.Password
	}
	for i := range next.Broker.Users {
		u := &next.Broker.Users[i]
		if err := u.Password.settle(passwords[u.Name], hash); err != nil {
			return err
		}
	}
	return nil
}

// The two names of one setting.
const (
	topMeterType = "/MeterType"
	rowMeterType = "/Modbus/Servers/0/MeterType"
)

// follow sets what a patch means without saying it: MQTT is enabled by a
// broker, and the manual's MeterType is that of the first Modbus server. It
// returns under which of its names the patch speaks of that.
func (c *Config) follow(tree any, p *Problems) (meterType string) {
	if url, ok := at(tree, "MQTT", "Broker"); ok && url != nil {
		if _, ok := at(tree, "MQTT", "Enabled"); !ok {
			c.MQTT.Enabled = true
		}
	}
	if c.MQTT.Site == "" { // how the manual's page says "none"
		c.MQTT.Site = defaultSite
	}
	if len(c.Modbus.Servers) == 0 {
		return rowMeterType
	}
	_, top := at(tree, "MeterType")
	_, inRow := at(tree, "Modbus", "Servers", 0, "MeterType")
	row := &c.Modbus.Servers[0].MeterType
	if top && inRow && c.MeterType != *row {
		p.add(topMeterType, "is not the same as %s, and both are set", rowMeterType)
		p.add(rowMeterType, "is not the same as %s, and both are set", topMeterType)
	}
	if top && !inRow {
		*row = c.MeterType
		return topMeterType
	}
	c.MeterType = *row
	return rowMeterType
}

// at returns what stands at a path of member names and list indices.
func at(node any, path ...any) (any, bool) {
	for _, step := range path {
		ok := false
		switch step := step.(type) {
		case string:
			o, _ := node.(map[string]any)
			node, ok = o[step]
		case int:
			if l, _ := node.([]any); step < len(l) {
				node, ok = l[step], true
			}
		}
		if !ok {
			return nil, false
		}
	}
	return node, true
}

// Public returns the configuration as GET shows it, without secrets.
func Public(c Config) []byte { return indent(public.print(nil, reflect.ValueOf(c))) }

// MarshalJSON is Public: no encoder can print a secret.
func (c Config) MarshalJSON() ([]byte, error) { return Public(c), nil }

func indent(text []byte) []byte {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // our own JSON
	return b.Bytes()
}
