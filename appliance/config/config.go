// Package config holds the settings of the box: one value that holds only valid
// settings, its JSON with the names of the Smart Connect manual (section 5.2),
// the merge patch that changes it, and the one file that keeps it.
//
// # Adding a setting
//
// Add the field, under the name it has in the JSON, to the struct of its group,
// its value as delivered to Default, and its check to Validate. Reading,
// writing, patching and the list of what changed follow the structs. A setting
// that is a word has its words in words.go; one that is a number written as
// text (a duration) is a type with MarshalText and UnmarshalText; a secret is a
// telegram.Secret, or a Hash where only a comparison is needed, and never leaves
// through the API. Where an older file would come to mean something else, the
// version goes up by a row in migrations.go.
package config

import (
	"slices"

	"smartconnect/netcfg"
	"smartconnect/telegram"
)

// Config is the configuration of one life of the box. The names of the fields
// are the names of the JSON.
type Config struct {
	MeterType       string // the manual's name for Modbus.Servers[0].MeterType; both are always the same
	netcfg.Settings        // DefaultNetIf, Ethernet, WiFi
	MQTT            MQTT
	Meter           Meter
	Modbus          Modbus
	Broker          Broker
	API             API
	History         History
	Internet        Internet
}

// MQTT is the connection to a broker outside.
type MQTT struct {
	Enabled  bool
	Broker   string          // mqtts://HOST[:PORT] or mqtt://HOST[:PORT]
	Site     string          // one level of a topic
	Username string          // "" for the device certificate (mTLS); the password then is not used
	Password telegram.Secret //

	CA          string          // certificates in PEM that the broker's must be signed by; "": the system's
	Certificate string          // in PEM, to log in with; "": the one the box has made for itself
	Key         telegram.Secret // its private key in PEM

	Format       string // what a telegram becomes: a name of Known.Payloads
	Energy       bool   // counters too, for a broker of one's own
	Commands     string // one of CommandsWords
	KeepMiB      int    // the most that is kept of an outage, on the disk
	OfflineEvery Thin   // what is kept of an outage longer than ten minutes
	Discovery    bool   // for Home Assistant, on a broker of one's own
}

// Meter is where telegrams come from and how they are read.
type Meter struct {
	Source    string          // a serial device, tcp://HOST:PORT, file:PATH or sim:NAME
	Format    string          // Auto or the name of a format
	Line      Line            // zero: the format's own
	UTCOffset Offset          // winter offset of the meter's country
	Key       telegram.Secret // decrypts (GUEK), 32 hex digits; "": the meter does not encrypt
	AuthKey   telegram.Secret // authenticates (GAK), 32 hex digits; "": tags are not verified
	Verify    string          // one of VerifyWords: what must vouch for an encrypted text of P1

	// RequireEncryption refuses plain telegrams once there is a Key: they could be
	// put on the cable by anybody.
	RequireEncryption bool

	Out     string // a serial device that gets a copy of every octet; "": none
	Share   string // [ADDRESS]:PORT that serves the telegrams over TCP; "": none
	ShareAs string // one of ShareAsWords

	// What the telegrams of a binary meter leave open, and the tables do not know
	// or have wrong.
	Profile string   // Auto or the name of a scaler profile
	Scalers []Scaler // of single objects; they win over everything
	List    []Code   // names of the values of a list that names none, in its order

	CurrentRatio   float64 // of current transformers that the meter does not count in
	VoltageRatio   float64 // of voltage transformers
	DemandCap      int     // W that no quarter-hour should exceed; 0: the peak of the month
	EstimatePhases bool    // compute powers or currents of phases that the meter does not send
	EstimateExport bool    // compute what a French meter injects and does not measure
}

// Scaler says that an object of a binary meter counts in units of 10^Exponent.
type Scaler struct {
	OBIS     Code // on whatever channel B
	Exponent int
}

// Auto is the format that is found by listening, and the profile that the meter
// is known to have.
const Auto = "auto"

// Modbus is what chargers and energy managers poll.
type Modbus struct {
	Servers []Server // at least one
}

// Server is one Modbus TCP port that emulates one meter.
type Server struct {
	MeterType   string
	Listen      string     // [ADDRESS]:PORT
	MaxClients  int        // 1 to 256
	AllowFrom   []Network  // who may connect; none: everybody
	StaleAfter  StaleAfter //
	WhenStale   string     // one of WhenStaleWords
	WhenMissing string     // one of WhenMissingWords
	Currents    string     // one of CurrentsWords
}

// Broker is the MQTT broker in the box.
type Broker struct {
	Enabled        bool
	Listen         string // [ADDRESS]:PORT
	ListenTLS      string // the same with the certificate of the box; "": none
	WebSocket      string // MQTT over WebSocket; "": none
	WebSocketTLS   string // the same with the certificate of the box; "": none
	AllowAnonymous bool
	StaleAfter     StaleAfter
	Discovery      bool   // for Home Assistant
	Victron        bool   // the form of dbus-mqtt-grid, for Venus OS
	OpenWB         int    // number of the counter in the form of openWB; 0: none
	Users          []User // beside the user of the label
}

// User is somebody who may connect to the broker in the box.
type User struct {
	Name     string
	Password Hash
	Rules    []Rule // the first that matches decides; none that matches is a refusal
}

// Rule allows or denies the topics of one filter.
type Rule struct {
	Access string // one of AccessWords
	Topic  string // an MQTT topic filter
}

// API is how the box answers over HTTP.
type API struct {
	// PlainHTTP lets the API answer on the plain port too, for closed networks: the
	// password then crosses the network for all to read.
	PlainHTTP bool
	Hosts     []string // further DNS names under which the box answers, beside those every local network has; at most 16
}

// History is what the box remembers of the readings.
type History struct {
	OnDisk bool // the quarter-hours of 400 days too, which tell when somebody is at home
}

// Internet is how the box knows whether the internet is reached.
type Internet struct {
	Check string // HOST:PORT that it may connect to in order to know; "": it calls nobody
}

// LabelUser is the broker's user whose password is on the label; the
// configuration cannot take the name.
const LabelUser = "mqtt"

// Names of the manual that are settings as delivered.
const (
	defaultMeterType = "PhoenixContact-EMPro"
	defaultBroker    = "mqtts://broker.xemex-cloud.eu:8883"
	defaultSite      = "unknown-site"
)

// Default returns the configuration of a box as it leaves the factory. It
// reads a P1 cable on the first USB port and calls nobody outside.
func Default() Config {
	var row Server
	row.preset()
	return Config{
		MeterType: row.MeterType,
		Settings:  netcfg.Defaults(),
		MQTT:      MQTT{Broker: defaultBroker, Site: defaultSite, Format: "xemex", Commands: Auto, KeepMiB: 32},
		Meter: Meter{Source: "/dev/ttyUSB0", Format: Auto, UTCOffset: Offset(hour), Verify: Auto, RequireEncryption: true, ShareAs: "raw",
			Profile: Auto, Scalers: []Scaler{}, List: []Code{}, CurrentRatio: 1, VoltageRatio: 1},
		Modbus: Modbus{Servers: []Server{row}},
		Broker: Broker{Enabled: true, Listen: ":1883", ListenTLS: ":8883", Discovery: true, Users: []User{}},
		API:    API{Hosts: []string{}},
	}
}

// preset makes the row what a new row of Modbus.Servers is before anything is
// said about it.
func (s *Server) preset() {
	*s = Server{
		MeterType:   defaultMeterType,
		Listen:      ":502",
		MaxClients:  16,
		AllowFrom:   []Network{},
		WhenStale:   "exception",
		WhenMissing: "exception",
		Currents:    "magnitude",
	}
}

// preset lets a new user read everything and write nothing.
func (u *User) preset() {
	*u = User{Rules: []Rule{{Access: "read", Topic: "#"}}}
}

// clone returns a copy that shares no list with c.
func (c Config) clone() Config {
	c.Meter.Scalers = slices.Clone(c.Meter.Scalers)
	c.Meter.List = slices.Clone(c.Meter.List)
	c.Modbus.Servers = slices.Clone(c.Modbus.Servers)
	for i := range c.Modbus.Servers {
		c.Modbus.Servers[i].AllowFrom = slices.Clone(c.Modbus.Servers[i].AllowFrom)
	}
	c.Broker.Users = slices.Clone(c.Broker.Users)
	for i := range c.Broker.Users {
		c.Broker.Users[i].Rules = slices.Clone(c.Broker.Users[i].Rules)
	}
	c.API.Hosts = slices.Clone(c.API.Hosts)
	return c
}
