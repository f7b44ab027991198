package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/serialport"
	"smartconnect/netcfg"
	"smartconnect/telegram"
)

var update = flag.Bool("update", false, "write the golden files anew")

var known = Known{
	Formats:    []string{"p1", "tic"},
	Profiles:   []string{"lg-e450", "lg-e570"},
	MeterTypes: []string{"PhoenixContact-EMPro", "Eastron-SDM630"},
	Payloads:   []string{"xemex", "rl-dsp", "values"},
	Source:     func(s string) error { _, err := serialport.ParseSource(s); return err },
}

// fakeHash stands in for bcrypt where its slowness is not what is tested; the
// hash has the form of one.
func fakeHash(s telegram.Secret) (string, error) {
	return fmt.Sprintf("$2a$04$%053d", len(s.Reveal())), nil
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/config", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("../../testdata/config", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := fixture(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// changed returns the configuration as delivered after the patches.
func changed(t testing.TB, patches ...string) Config {
	t.Helper()
	c := Default()
	for _, p := range patches {
		var err error
		if c, _, err = patch(c, []byte(p), known, fakeHash); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
	}
	return c
}

func equal(a, b Config) bool { return bytes.Equal(file(a), file(b)) }

// everything is a configuration with every secret and every list in use.
const everything = `{
	"DefaultNetIf": "WiFi",
	"Ethernet": {"IpMode": "Static", "StaticIPv4": {"IpAddress": "192.168.10.101", "Netmask": "255.255.255.0", "Gateway": "192.168.10.1", "DNS": "192.168.10.1"}},
	"WiFi": {"SSID": "Zuhause \"<&>\"", "Password": "wifi-secret"},
	"MQTT": {"Broker": "mqtt://nas.local", "Site": "chalet", "Username": "me", "Password": "uplink-secret",
		"Format": "values", "Energy": true, "Commands": "on", "KeepMiB": 100, "OfflineEvery": "10s", "Discovery": true},
	"Meter": {"Source": "tcp://192.168.1.20:8088", "Format": "tic", "Line": "9600 7e1", "UTCOffset": "5h30m",
		"Key": "4d65746572204b65 792069732073 6563", "AuthKey": "4175746820204B657920697320736563", "Verify": "checksum", "Out": "/dev/ttyUSB1", "Share": "127.0.0.1:2001", "ShareAs": "p1",
		"Profile": "lg-e570", "Scalers": [{"OBIS": "1-0:1.7.0", "Exponent": -1}, {"OBIS": "1-0:31.7.0"}], "List": ["1-0:1.7.0", "", "0-0:96.1.0"],
		"CurrentRatio": 40, "VoltageRatio": 0.5, "DemandCap": 4500, "EstimatePhases": true, "EstimateExport": true},
	"Modbus": {"Servers": [
		{"MaxClients": 1, "StaleAfter": "1m30s", "WhenStale": "hold", "WhenMissing": "zero", "Currents": "signed"},
		{"MeterType": "Eastron-SDM630", "Listen": "192.168.10.101:503"}]},
	"Broker": {"AllowAnonymous": true, "StaleAfter": "12h", "ListenTLS": "", "WebSocket": ":9001", "WebSocketTLS": ":9002", "Discovery": false, "Victron": true, "OpenWB": 7, "Users": [
		{"Name": "ems", "Password": "ems-secret-1", "Rules": [{"Access": "deny", "Topic": "a/+/#"}, {"Access": "readwrite", "Topic": "#"}]},
		{"Name": "nobody"}]},
	"API": {"PlainHTTP": true, "Hosts": ["meter.example.com", "box.example.net"]},
	"History": {"OnDisk": true},
	"Internet": {"Check": "example.com:443"}
}`

func TestDefault(t *testing.T) {
	if err := Default().Validate(known); err != nil {
		t.Error(err)
	}
	golden(t, "default.json", Public(Default()))
	golden(t, "default-file.json", file(Default()))
}

func TestEverything(t *testing.T) {
	c := changed(t, everything)
	golden(t, "everything.json", Public(c))
	golden(t, "everything-file.json", file(c))
	back, err := read(file(c), known)
	if err != nil || !reflect.DeepEqual(back.config, c) {
		t.Errorf("read back: %v\n%s", err, file(back.config))
	}
	if got := time.Duration(c.Meter.UTCOffset); got != 5*time.Hour+30*time.Minute {
		t.Errorf("UTCOffset is %s", got)
	}
	if got := time.Duration(c.Modbus.Servers[0].StaleAfter); got != 90*time.Second {
		t.Errorf("StaleAfter is %s", got)
	}
	if got := c.Meter.Line.Line; got != (telegram.Line{Baud: 9600, DataBits: 7, Parity: telegram.EvenParity, StopBits: 1}) {
		t.Errorf("Line is %s", got)
	}
}

// The manual's section 5.2 prints one answer of GET and one PATCH. Both are
// taken, and the answer then has every member of the manual's with its value.
func TestManual(t *testing.T) {
	var want, got map[string]any
	answer := fixture(t, "manual-get.json")
	c := changed(t, string(answer))
	if err := json.Unmarshal(answer, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(Public(c), &got); err != nil {
		t.Fatal(err)
	}
	delete(want["MQTT"].(map[string]any), "Password") // never returned
	if missing := lacks("", want, got); len(missing) > 0 {
		t.Errorf("the manual's answer has, and ours has not: %q", missing)
	}
	if c.MQTT.Password.Reveal() != "password" || !c.MQTT.Enabled {
		t.Errorf("password %q, enabled %t", c.MQTT.Password.Reveal(), c.MQTT.Enabled)
	}

	c = changed(t, string(answer), string(fixture(t, "manual-patch.json")))
	if c.MQTT.Site != "site-new" || c.MQTT.Username != "user-new" || c.MQTT.Password.Reveal() != "newpassword" {
		t.Errorf("after the manual's PATCH: %+v", c.MQTT)
	}
	if c.MeterType != "PhoenixContact-EMPro" || c.Ethernet.StaticIPv4.Netmask != 24 || c.DefaultNetIf != netcfg.WiFi {
		t.Errorf("the manual's PATCH changed other settings: %s", Public(c))
	}
}

// lacks returns the paths of what want has and got has not.
func lacks(path string, want, got any) []string {
	w, ok := want.(map[string]any)
	if !ok {
		if reflect.DeepEqual(want, got) {
			return nil
		}
		return []string{path}
	}
	var missing []string
	g, _ := got.(map[string]any)
	for name, v := range w {
		missing = append(missing, lacks(path+"/"+name, v, g[name])...)
	}
	return missing
}

func TestValidate(t *testing.T) {
	row := func(change func(*Server)) func(*Config) {
		return func(c *Config) { change(&c.Modbus.Servers[0]) }
	}
	user := func(change func(*User)) func(*Config) {
		return func(c *Config) {
			u := User{Name: "ems", Rules: []Rule{{"read", "#"}}}
			change(&u)
			c.Broker.Users = append(c.Broker.Users, u)
		}
	}
	topic := func(filter string) func(*Config) {
		return user(func(u *User) { u.Rules[0].Topic = filter })
	}
	source := func(s string) func(*Config) { return func(c *Config) { c.Meter.Source = s } }
	scalers := func(list ...Scaler) func(*Config) { return func(c *Config) { c.Meter.Scalers = list } }
	broker := func(s string) func(*Config) { return func(c *Config) { c.MQTT.Broker = s } }
	listen := func(s string) func(*Config) { return row(func(r *Server) { r.Listen = s }) }
	const firstRow, firstUser = "/Modbus/Servers/0", "/Broker/Users/0"

	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // the path, "" for none
	}{
		{"network settings are checked", func(c *Config) { c.DefaultNetIf = "LTE" }, "/DefaultNetIf"},
		{"two meter types for one row", func(c *Config) { c.MeterType = "Eastron-SDM630" }, "/MeterType"},

		{"no broker address", broker(""), "/MQTT/Broker"},
		{"the manual's misprint", broker("mqgtts://broker.xemex-cloud.eu:8883"), "/MQTT/Broker"},
		{"broker without scheme", broker("broker.example.com:8883"), "/MQTT/Broker"},
		{"broker over HTTP", broker("https://broker.example.com"), "/MQTT/Broker"},
		{"broker without host", broker("mqtts://:8883"), "/MQTT/Broker"},
		{"broker with port 0", broker("mqtts://a:0"), "/MQTT/Broker"},
		{"broker with port 65536", broker("mqtts://a:65536"), "/MQTT/Broker"},
		{"broker with empty port", broker("mqtts://a:"), "/MQTT/Broker"},
		{"broker with path", broker("mqtts://a/b"), "/MQTT/Broker"},
		{"broker with query", broker("mqtts://a?b"), "/MQTT/Broker"},
		{"broker with user", broker("mqtts://me:secret@a"), "/MQTT/Broker"},
		{"broker with a blank", broker("mqtts://a b"), "/MQTT/Broker"},
		{"broker of 300 octets", broker("mqtts://" + strings.Repeat("a", 292)), "/MQTT/Broker"},
		{"no site", func(c *Config) { c.MQTT.Site = "" }, "/MQTT/Site"},
		{"site of two levels", func(c *Config) { c.MQTT.Site = "a/b" }, "/MQTT/Site"},
		{"site with wildcard", func(c *Config) { c.MQTT.Site = "a+" }, "/MQTT/Site"},
		{"site with half a surrogate", func(c *Config) { c.MQTT.Site = "a\ufffd" }, "/MQTT/Site"},
		{"user name with line end", func(c *Config) { c.MQTT.Username = "a\n" }, "/MQTT/Username"},
		{"password with NUL", func(c *Config) { c.MQTT.Password = telegram.NewSecret("a\x00") }, "/MQTT/Password"},
		{"default broker", broker(defaultBroker), ""},
		{"broker without port", broker("mqtt://192.168.1.10"), ""},
		{"broker with IPv6", broker("mqtt://[fd00::1]:1883"), ""},
		{"broker in the house", broker("mqtt://my_nas.fritz.box:1883"), ""},

		{"key of 30 digits", func(c *Config) { c.Meter.Key = telegram.NewSecret("001122334455667788990011223344") }, "/Meter/Key"},
		{"authentication key that is no hex", func(c *Config) { c.Meter.AuthKey = telegram.NewSecret(strings.Repeat("x", 32)) }, "/Meter/AuthKey"},
		{"key with colons", func(c *Config) { c.Meter.Key = telegram.NewSecret("00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF") }, ""},
		{"a cap below nothing", func(c *Config) { c.Meter.DemandCap = -1 }, "/Meter/DemandCap"},
		{"a copy to a relative device", func(c *Config) { c.Meter.Out = "ttyUSB1" }, "/Meter/Out"},
		{"a copy to the source", func(c *Config) { c.Meter.Out = c.Meter.Source }, "/Meter/Out"},
		{"telegrams shared on no port", func(c *Config) { c.Meter.Share = "2001" }, "/Meter/Share"},
		{"telegrams shared on the broker's port", func(c *Config) { c.Meter.Share = ":1883" }, "/Meter/Share"},
		{"telegrams shared as nobody knows what", func(c *Config) { c.Meter.ShareAs = "tic" }, "/Meter/ShareAs"},
		{"telegrams shared", func(c *Config) { c.Meter.Share, c.Meter.Out = ":2001", "/dev/ttyUSB1" }, ""},
		{"no such way to verify", func(c *Config) { c.Meter.Verify = "never" }, "/Meter/Verify"},
		{"no such profile", func(c *Config) { c.Meter.Profile = "lg-e999" }, "/Meter/Profile"},
		{"a profile", func(c *Config) { c.Meter.Profile = "lg-e450" }, ""},
		{"no current transformer is 0", func(c *Config) { c.Meter.CurrentRatio = 0 }, "/Meter/CurrentRatio"},
		{"a ratio below zero", func(c *Config) { c.Meter.VoltageRatio = -1 }, "/Meter/VoltageRatio"},
		{"a ratio of a million and one", func(c *Config) { c.Meter.CurrentRatio = 1000001 }, "/Meter/CurrentRatio"},
		{"a scaler for nothing", scalers(Scaler{}), "/Meter/Scalers/0/OBIS"},
		{"a scaler of a million million million", scalers(Scaler{Code{telegram.OBIS{A: 1, C: 1, D: 7, F: 255}}, 18}), "/Meter/Scalers/0/Exponent"},
		{"two scalers of one object", scalers(Scaler{Code{telegram.OBIS{A: 1, C: 1, D: 7, F: 255}}, 1}, Scaler{Code{telegram.OBIS{A: 1, B: 1, C: 1, D: 7, F: 255}}, 2}), "/Meter/Scalers/1/OBIS"},
		{"a list of 129 values", func(c *Config) { c.Meter.List = make([]Code, 129) }, "/Meter/List"},
		{"no source", source(""), "/Meter/Source"},
		{"relative device", source("ttyUSB0"), "/Meter/Source"},
		{"root as a device", source("//"), "/Meter/Source"},
		{"source over UDP", source("udp://a:1"), "/Meter/Source"},
		{"TCP without port", source("tcp://192.168.1.20"), "/Meter/Source"},
		{"TCP without host", source("tcp://:80"), "/Meter/Source"},
		{"TCP with a named port", source("tcp://a:http"), "/Meter/Source"},
		{"file without path", source("file:"), "/Meter/Source"},
		{"no such simulator", source("sim:tic"), "/Meter/Source"},
		{"source with line end", source("/dev/tty\n"), "/Meter/Source"},
		{"device", source("/dev/serial/by-id/usb-FTDI_FT232R-if00-port0"), ""},
		{"TCP", source("tcp://ser2net.lan:2000"), ""},
		{"file", source("file:/tmp/telegrams.txt"), ""},
		{"simulator", source("sim:dsmr50"), ""},
		{"no such format", func(c *Config) { c.Meter.Format = "dlms" }, "/Meter/Format"},
		{"format", func(c *Config) { c.Meter.Format = "tic" }, ""},

		{"no Modbus row", func(c *Config) { c.Modbus.Servers = nil }, "/Modbus/Servers"},
		{"no such meter type", func(c *Config) { c.MeterType = "X"; c.Modbus.Servers[0].MeterType = "X" }, firstRow + "/MeterType"},
		{"listen without port", listen("127.0.0.1"), firstRow + "/Listen"},
		{"listen on a name", listen("smart-connect:502"), firstRow + "/Listen"},
		{"listen on a named port", listen(":mbap"), firstRow + "/Listen"},
		{"listen on port 65536", listen(":65536"), firstRow + "/Listen"},
		{"listen on port 0502", listen(":0502"), firstRow + "/Listen"},
		{"listen everywhere", listen("0.0.0.0:502"), ""},
		{"listen wherever there is room", listen("127.0.0.1:0"), ""},
		{"no clients", row(func(r *Server) { r.MaxClients = 0 }), firstRow + "/MaxClients"},
		{"257 clients", row(func(r *Server) { r.MaxClients = 257 }), firstRow + "/MaxClients"},
		{"256 clients", row(func(r *Server) { r.MaxClients = 256 }), ""},
		{"more clients than descriptors", func(c *Config) {
			c.Modbus.Servers = nil
			for i := range 3 {
				var r Server
				r.preset()
				r.Listen, r.MaxClients = fmt.Sprint(":", 600+i), 171
				c.Modbus.Servers = append(c.Modbus.Servers, r)
			}
		}, "/Modbus/Servers/2/MaxClients"},
		{"WhenStale", row(func(r *Server) { r.WhenStale = "NaN" }), firstRow + "/WhenStale"},
		{"WhenMissing", row(func(r *Server) { r.WhenMissing = "nan" }), firstRow + "/WhenMissing"},
		{"Currents", row(func(r *Server) { r.Currents = "" }), firstRow + "/Currents"},
		{"two rows on a port", func(c *Config) { c.Modbus.Servers = append(c.Modbus.Servers, c.Modbus.Servers[0]) }, "/Modbus/Servers/1/Listen"},
		{"nine rows", func(c *Config) {
			for i := range 8 {
				r := c.Modbus.Servers[0]
				r.Listen = fmt.Sprint(":", 600+i)
				c.Modbus.Servers = append(c.Modbus.Servers, r)
			}
		}, "/Modbus/Servers"},
		{"broker on the port of Modbus", func(c *Config) { c.Broker.Listen = "127.0.0.1:502" }, "/Broker/Listen"},
		{"broker on the port of Modbus, other address", func(c *Config) {
			c.Broker.Listen, c.Modbus.Servers[0].Listen = "127.0.0.1:502", "192.168.10.101:502"
		}, ""},
		{"broker on the port of Modbus, by its name", func(c *Config) {
			c.Broker.Listen, c.Modbus.Servers[0].Listen = "localhost:502", "127.0.0.1:502"
		}, "/Broker/Listen"},
		{"broker that is off on the port of Modbus", func(c *Config) { c.Broker.Listen, c.Broker.Enabled = ":502", false }, ""},

		{"broker's address", func(c *Config) { c.Broker.Listen = "1883" }, "/Broker/Listen"},
		{"user without name", user(func(u *User) { u.Name = "" }), firstUser + "/Name"},
		{"the label's user", user(func(u *User) { u.Name = LabelUser }), firstUser + "/Name"},
		{"user twice", func(c *Config) { c.Broker.Users = []User{{Name: "a"}, {Name: "a"}} }, "/Broker/Users/1/Name"},
		{"user with a hash that is none", user(func(u *User) { u.Password.keep("plain text") }), firstUser + "/Password"},
		{"33 users", func(c *Config) {
			for i := range 33 {
				c.Broker.Users = append(c.Broker.Users, User{Name: fmt.Sprint(i)})
			}
		}, "/Broker/Users"},
		{"65 rules", user(func(u *User) { u.Rules = slices.Repeat(u.Rules, 65) }), firstUser + "/Rules"},
		{"no such right", user(func(u *User) { u.Rules[0].Access = "rw" }), firstUser + "/Rules/0/Access"},
		{"no topic", topic(""), firstUser + "/Rules/0/Topic"},
		{"# in the middle", topic("a/#/b"), firstUser + "/Rules/0/Topic"},
		{"# in a level", topic("a/b#"), firstUser + "/Rules/0/Topic"},
		{"+ in a level", topic("a/b+/c"), firstUser + "/Rules/0/Topic"},
		{"topic with NUL", topic("a\x00"), firstUser + "/Rules/0/Topic"},
		{"+ alone", topic("+/a/+"), ""},
		{"empty levels", topic("/a//#"), ""},
		{"user without rules", user(func(u *User) { u.Rules = nil }), ""},
	} {
		given := Default()
		c.change(&given)
		err := given.Validate(known)
		problems, _ := errors.AsType[Problems](err)
		if c.want == "" && err != nil || c.want != "" && (len(problems) != 1 || problems[0].Path != c.want) {
			t.Errorf("%s: error %v, want it at %q", c.name, err, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{":443", ":443", true},
		{":443", ":0443", true},
		{":443", "127.0.0.1:443", true},
		{"[::]:443", "192.168.10.101:443", true},
		{"localhost:443", "127.0.0.1:443", true},
		{"[::ffff:127.0.0.1]:443", "127.0.0.1:443", true},
		{":443", ":80", false},
		{"127.0.0.1:443", "192.168.10.101:443", false},
		{":0", ":0", false},
		{":443", "", false},
		{"443", "443", false},
	} {
		if Overlap(c.a, c.b) != c.want || Overlap(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
}

// A secret leaves through no door but the file and Reveal.
func TestSecrets(t *testing.T) {
	c := changed(t, everything)
	secrets := []string{"wifi-secret", "uplink-secret", "ems-secret-1", "$2a$", "4d65746572", "417574682"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "user", c.Broker.Users[0], "hash", c.Broker.Users[0].Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "user", c.Broker.Users[0], "hash", c.Broker.Users[0].Password)
	marshalled, err := json.Marshal(map[string]any{"config": c, "users": c.Broker.Users, "mqtt": c.MQTT, "wifi": c.WiFi})
	if err != nil {
		t.Fatal(err)
	}
	doors := map[string]string{
		"Public":       string(Public(c)),
		"json.Marshal": string(marshalled),
		"log":          log.String(),
		"%v":           fmt.Sprintf("%v %+v %#v %s %v %x", c, c, c, c.Broker.Users, c.MQTT, c.Broker.Users[0].Password),
	}
	for door, text := range doors {
		for _, s := range secrets {
			if strings.Contains(text, s) || strings.Contains(text, fmt.Sprintf("%x", s)) {
				t.Errorf("%s shows %q:\n%s", door, s, text)
			}
		}
	}
	for _, want := range []string{"wifi-secret", "uplink-secret", "$2a$", "4d65746572", "417574682"} {
		if !bytes.Contains(file(c), []byte(want)) {
			t.Errorf("the file lost %q", want)
		}
	}
	if bytes.Contains(file(c), []byte("ems-secret-1")) {
		t.Error("the file holds the plain password of a broker user")
	}
	for set, want := range map[string]int{`"PasswordSet": true`: 3, `"KeySet": true`: 1, `"AuthKeySet": true`: 1} {
		if n := strings.Count(doors["Public"], set); n != want {
			t.Errorf("%s stands %d times, want %d", set, n, want)
		}
	}

	// Every member that is a secret is left out, whatever will be added.
	var walk func(reflect.Type, string)
	found := 0
	walk = func(typ reflect.Type, path string) {
		switch {
		case secret(typ):
			found++
			if !strings.Contains(doors["Public"], path[strings.LastIndex(path, "/")+1:]+`Set"`) {
				t.Errorf("%s: GET has no Set member", path)
			}
		case typ.Kind() == reflect.Slice:
			walk(typ.Elem(), path)
		case typ.Kind() == reflect.Struct:
			for _, f := range fieldsOf(typ) {
				walk(f.Type, path+"/"+f.Name)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	if found != 6 { // the sixth, the key of MQTT, only goes with its certificate: TestSecretPair
		t.Errorf("%d kinds of secrets, and the tests set 6", found)
	}
}
