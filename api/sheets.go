package api

import (
	"encoding/json"
	"slices"
)

// sheet is one page of settings. Adding a setting to the page is adding a row here, and
// its name and what it wants to the catalogue: "field" and "hint" before its pointer.
type sheet struct {
	path   string
	title  string // a sentence of the catalogue; one with ".about" behind it stands below
	fields []field
	list   string // pointer of the list whose rows can be added and removed; "": none
	fresh  row    // what a new one is before anything is typed
}

type row = map[string]any

// field is one setting of the configuration.
type field struct {
	at   string // JSON pointer; * stands for every row of a list
	kind kind
	more bool // one of those that few people need
}

// kind is how a setting is shown and typed.
type kind string

const (
	asText   kind = "text"
	asNumber kind = "number"
	asChoice kind = "choice" // of Server.Choices
	asToggle kind = "toggle"
	asSecret kind = "secret" // goes in and never comes out
	asBlock  kind = "block"  // a text of several lines
	asSealed kind = "sealed" // a secret of several lines
	asLines  kind = "lines"  // a list of texts, one a line
	asRights kind = "rights" // of a user of the broker, as one of a few sets of rules
)

// The sheets that have more than fields.
const (
	usersPath = "/settings/users"
	boxPath   = "/settings/box"
)

// sheets are the settings pages. Network settings and firmware have theirs once the box
// can change them.
var sheets = []sheet{
	{path: "/settings/mqtt", title: "mqtt", fields: []field{
		{at: "/MQTT/Enabled", kind: asToggle},
		{at: "/MQTT/Broker", kind: asText},
		{at: "/MQTT/Username", kind: asText},
		{at: "/MQTT/Password", kind: asSecret},
		{at: "/MQTT/Site", kind: asText},
		{at: "/MQTT/Format", kind: asChoice, more: true},
		{at: "/MQTT/Energy", kind: asToggle, more: true},
		{at: "/MQTT/Discovery", kind: asToggle, more: true},
		{at: "/MQTT/Commands", kind: asChoice, more: true},
		{at: "/MQTT/KeepMiB", kind: asNumber, more: true},
		{at: "/MQTT/OfflineEvery", kind: asText, more: true},
		{at: "/MQTT/CA", kind: asBlock, more: true},
		{at: "/MQTT/Certificate", kind: asBlock, more: true},
		{at: "/MQTT/Key", kind: asSealed, more: true},
	}},
	{path: "/settings/meter", title: "meter", fields: []field{
		{at: "/Meter/Format", kind: asChoice},
		{at: "/Meter/Key", kind: asSecret},
		{at: "/Meter/AuthKey", kind: asSecret},
		{at: "/Meter/UTCOffset", kind: asChoice},
		{at: "/Meter/Out", kind: asText},
		{at: "/Meter/Share", kind: asText},
		{at: "/Meter/ShareAs", kind: asChoice},
		{at: "/Meter/DemandCap", kind: asNumber},
		{at: "/Meter/Source", kind: asText, more: true},
		{at: "/Meter/Line", kind: asText, more: true},
		{at: "/Meter/Profile", kind: asChoice, more: true},
		{at: "/Meter/CurrentRatio", kind: asNumber, more: true},
		{at: "/Meter/VoltageRatio", kind: asNumber, more: true},
		{at: "/Meter/EstimatePhases", kind: asToggle, more: true},
		{at: "/Meter/EstimateExport", kind: asToggle, more: true},
		{at: "/Meter/Verify", kind: asChoice, more: true},
		{at: "/Meter/RequireEncryption", kind: asToggle, more: true},
	}},
	{path: "/settings/modbus", title: "modbus", list: "/Modbus/Servers", fresh: row{
		"MeterType": "PhoenixContact-EMPro", "Listen": ":503", "MaxClients": json.Number("16"),
		"StaleAfter": "auto", "WhenStale": "exception", "WhenMissing": "exception", "Currents": "magnitude", "AllowFrom": []any{},
	}, fields: []field{
		{at: "/Modbus/Servers/*/MeterType", kind: asChoice},
		{at: "/Modbus/Servers/*/MaxClients", kind: asNumber},
		{at: "/Modbus/Servers/*/WhenStale", kind: asChoice},
		{at: "/Modbus/Servers/*/StaleAfter", kind: asText},
		{at: "/Modbus/Servers/*/Currents", kind: asChoice},
		{at: "/Modbus/Servers/*/WhenMissing", kind: asChoice},
		{at: "/Modbus/Servers/*/Listen", kind: asText},
		{at: "/Modbus/Servers/*/AllowFrom", kind: asLines},
	}},
	{path: "/settings/broker", title: "broker", fields: []field{
		{at: "/Broker/Enabled", kind: asToggle},
		{at: "/Broker/Discovery", kind: asToggle},
		{at: "/Broker/AllowAnonymous", kind: asToggle},
		{at: "/Broker/Victron", kind: asToggle},
		{at: "/Broker/OpenWB", kind: asNumber},
		{at: "/Broker/Listen", kind: asText, more: true},
		{at: "/Broker/ListenTLS", kind: asText, more: true},
		{at: "/Broker/WebSocket", kind: asText, more: true},
		{at: "/Broker/WebSocketTLS", kind: asText, more: true},
		{at: "/Broker/StaleAfter", kind: asText, more: true},
	}},
	{path: usersPath, title: "users", list: "/Broker/Users", fresh: row{
		"Name": "", "Rules": rights[0].rules,
	}, fields: []field{
		{at: "/Broker/Users/*/Name", kind: asText},
		{at: "/Broker/Users/*/Password", kind: asSecret},
		{at: "/Broker/Users/*/Rules", kind: asRights},
	}},
	{path: boxPath, title: "box", fields: []field{
		{at: "/History/OnDisk", kind: asToggle},
		{at: "/Internet/Check", kind: asText},
		{at: "/API/PlainHTTP", kind: asToggle},
		{at: "/API/Hosts", kind: asLines},
	}},
}

// sheetAt returns the sheet of a path.
func sheetAt(path string) *sheet {
	i := slices.IndexFunc(sheets, func(s sheet) bool { return s.path == path })
	return &sheets[i] // the route table has these paths alone
}

// rights are the sets of rules that a user of the broker can be given here. Others are
// made through the API, and left as they are.
var rights = []right{
	{"read", []any{rule("read", "#")}},
	{"command", []any{rule("readwrite", "smart-connect/+/cmd/#"), rule("read", "#")}},
	{"homeassistant", []any{rule("write", "homeassistant/status"), rule("read", "#")}},
}

type right struct {
	name  string
	rules []any
}

func rule(access, topic string) row { return row{"Access": access, "Topic": topic} }

const ownRights = "own" // a set that is none of these

func rightNames() (names []string) {
	for _, r := range rights {
		names = append(names, r.name)
	}
	return names
}

// rightsOf names a set of rules.
func rightsOf(rules any) string {
	for _, r := range rights {
		if same(rules, r.rules) {
			return r.name
		}
	}
	return ownRights
}
