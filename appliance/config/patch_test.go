package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What is wrong with a patch is said at every place where something is.
func TestPatchProblems(t *testing.T) {
	const e = "/Ethernet/StaticIPv4"
	for _, c := range []struct {
		name, patch string
		want        []string
	}{
		{"a text", `"x"`, []string{""}},
		{"a list", `[]`, []string{""}},
		{"null", `null`, []string{""}},
		{"unknown names on every level", `{"Foo":1,"MQTT":{"TLS":true},"Modbus":{"Servers":[{},{"Listen":":503","Port":1}]},"a/b~c":{}}`,
			[]string{"/Foo", "/MQTT/TLS", "/Modbus/Servers/1/Port", "/a~1b~0c"}},
		{"names in another case", `{"metertype":"PhoenixContact-EMPro","mqtt":{}}`, []string{"/metertype", "/mqtt"}},
		{"the file's version", `{"Version":1}`, []string{"/Version"}},
		{"GET adds no such member", `{"MQTT":{"SiteSet":true}}`, []string{"/MQTT/SiteSet"}},
		{"wrong types", `{"MeterType":1,"Ethernet":[],"WiFi":"x","MQTT":{"Enabled":"true","Password":5},"Meter":null,"Modbus":{"Servers":{}},"Broker":{"Enabled":0,"StaleAfter":5,"Users":[null,"x",{"Name":"a","Rules":{}}]}}`,
			[]string{"/MeterType", "/Ethernet", "/WiFi", "/MQTT/Enabled", "/MQTT/Password", "/Modbus/Servers", "/Broker/Enabled", "/Broker/StaleAfter", "/Broker/Users/0", "/Broker/Users/1", "/Broker/Users/2/Rules"}},
		{"numbers that are not whole", `{"Modbus":{"Servers":[{"MaxClients":1.5},{"Listen":":1","MaxClients":1e1},{"Listen":":2","MaxClients":99999999999999999999},{"Listen":":3","MaxClients":"4"}]}}`,
			[]string{"/Modbus/Servers/0/MaxClients", "/Modbus/Servers/1/MaxClients", "/Modbus/Servers/2/MaxClients", "/Modbus/Servers/3/MaxClients"}},
		{"form and meaning in one patch", `{"DefaultNetIf":"LTE","Ethernet":{"IpMode":"Static","StaticIPv4":{"IpAddress":"192.168.10.256","Netmask":""}},"WiFi":{"Password":"short"},"MQTT":{"Broker":"mqgtts://b","Site":"a/b"}}`,
			[]string{"/DefaultNetIf", e + "/IpAddress", e + "/Netmask", "/WiFi/Password", "/MQTT/Broker", "/MQTT/Site"}},
		{"texts that are numbers", `{"Meter":{"Line":"115200","UTCOffset":"1"},"Modbus":{"Servers":[{"StaleAfter":"500ms"}]},"Broker":{"StaleAfter":"25h"}}`,
			[]string{"/Meter/Line", "/Meter/UTCOffset", "/Modbus/Servers/0/StaleAfter", "/Broker/StaleAfter"}},
		{"codes and numbers of the meter", `{"Meter":{"Scalers":[{"OBIS":"1.7.0","Exponent":0.5},{"OBIS":7}],"List":["1-0:1.7.0(0)",null],"CurrentRatio":"40"}}`,
			[]string{"/Meter/Scalers/0/OBIS", "/Meter/Scalers/0/Exponent", "/Meter/Scalers/1/OBIS", "/Meter/List/0", "/Meter/List/1", "/Meter/CurrentRatio"}},
		{"offset too far", `{"Meter":{"UTCOffset":"-12h1m"}}`, []string{"/Meter/UTCOffset"}},
		{"offset in seconds", `{"Meter":{"UTCOffset":"1h0m1s"}}`, []string{"/Meter/UTCOffset"}},
		{"names twice", `{"MQTT":{"Site":"a","Site":"b"},"MQTT":{}}`, []string{"/MQTT", "/MQTT/Site"}},
		{"nested too deep", strings.Repeat(`{"MQTT":`, 17) + "1" + strings.Repeat("}", 17), []string{"/MQTT/MQTT", strings.Repeat("/MQTT", 16)}},
		{"meter types that differ", `{"MeterType":"Eastron-SDM630","Modbus":{"Servers":[{"MeterType":"PhoenixContact-EMPro"}]}}`,
			[]string{"/MeterType", "/Modbus/Servers/0/MeterType"}},
		{"no such meter type, by its name in the manual", `{"MeterType":"X"}`, []string{"/MeterType"}},
		{"no such meter type, by its other name", `{"Modbus":{"Servers":[{"MeterType":"X"}]}}`, []string{"/Modbus/Servers/0/MeterType"}},
		{"no rows", `{"Modbus":{"Servers":[]}}`, []string{"/Modbus/Servers"}},
		{"short password", `{"Broker":{"Users":[{"Name":"a","Password":"123456789"}]}}`, []string{"/Broker/Users/0/Password"}},
		{"long password", `{"Broker":{"Users":[{"Name":"a","Password":"` + strings.Repeat("p", 73) + `"}]}}`, []string{"/Broker/Users/0/Password"}},
		{"password with NUL", `{"Broker":{"Users":[{"Name":"a","Password":"1234567890\u0000"}]}}`, []string{"/Broker/Users/0/Password"}},
		{"rights without a word", `{"Broker":{"Users":[{"Name":"a","Rules":[{"Topic":"#"}]}]}}`, []string{"/Broker/Users/0/Rules/0/Access"}},
	} {
		before := changed(t, everything)
		after, effects, err := patch(before, []byte(c.patch), known, fakeHash)
		problems, ok := errors.AsType[Problems](err)
		if !ok {
			t.Errorf("%s: error %v, want problems", c.name, err)
			continue
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.Path)
			if p.Text == "" || !strings.Contains(err.Error(), p.Text) {
				t.Errorf("%s: %s: %q in %q", c.name, p.Path, p.Text, err)
			}
		}
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: at %q, want %q\n%v", c.name, got, c.want, err)
		}
		if !equal(before, after) || effects.Changed != nil {
			t.Errorf("%s: refused, and yet changed to %s", c.name, file(after))
		}
	}
}

func TestPatchNotJSON(t *testing.T) {
	for _, body := range []string{"", " ", "{", `{"MeterType":}`, `{"MeterType":"a"} x`, `{}{}`, `{'a':1}`, "{\"MQTT\":{\"Site\":\"\xff\"}}",
		`{"MQTT":{"Password":"hidden-word"`, "\ufeff{}", strings.Repeat("[", 20000)} {
		_, _, err := Patch(Default(), []byte(body), known)
		if !errors.Is(err, ErrNotJSON) {
			t.Errorf("%.40q: error %v, want ErrNotJSON", body, err)
		}
		if strings.Contains(fmt.Sprint(err), "hidden-word") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}

// A sentence tells what is wanted, and never repeats what stands where a
// password belongs.
func TestSentences(t *testing.T) {
	for _, c := range []struct{ patch, path, want string }{
		{`{"metertype":"x"}`, "/metertype", "is not a setting; the name is written MeterType"},
		{`{"Ethernet":{"StaticIPv4":{"IpAddress":"10.1"}}}`, "/Ethernet/StaticIPv4/IpAddress", `"10.1" is not an IPv4 address such as 192.168.10.101`},
		{`{"Ethernet":{"StaticIPv4":{"Netmask":24}}}`, "/Ethernet/StaticIPv4/Netmask", "wants a text, not a number"},
		{`{"Modbus":{"Servers":[{"WhenStale":"x"}]}}`, "/Modbus/Servers/0/WhenStale", `"x" is none of exception, hold, zero or nan`},
		{`{"MQTT":{"Password":["hidden-word"]}}`, "/MQTT/Password", "wants a text, not a list"},
		{`{"MQTT":{"Broker":"mqtt://me:hidden@a"}}`, "/MQTT/Broker", "names a user, or is no broker address; a user belongs into Username and Password"},
		{`{"MQTT":{"Broker":"mqtts://me:hidden%zz@a"}}`, "/MQTT/Broker", "names a user, or is no broker address; a user belongs into Username and Password"},
		{`{"WiFi":{"Password":"hidden"}}`, "/WiFi/Password", "a WPA2 password has 8 to 63 printable ASCII characters"},
		{`{"WiFi":"hidden-word"}`, "/WiFi", "wants an object, not a text"},
		{`{"Broker":{"Users":[{"Name":"a","Password":"hidden"}]}}`, "/Broker/Users/0/Password", "a password has 10 to 72 octets"},
	} {
		_, _, err := Patch(Default(), []byte(c.patch), known)
		problems, _ := errors.AsType[Problems](err)
		if got := problems.ByPath()[c.path]; got != c.want {
			t.Errorf("%s: %q, want %q", c.patch, got, c.want)
		}
		if strings.Contains(fmt.Sprint(err), "hidden") {
			t.Errorf("the error repeats a password: %v", err)
		}
		if b, _ := json.Marshal(problems); !json.Valid(b) || !bytes.Contains(b, []byte(c.path)) {
			t.Errorf("as JSON: %s", b)
		}
	}
}

func TestPatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		first string // changes the configuration as delivered
		patch string
		same  string // says in other words what must come out
	}{
		{"nothing", everything, `{}`, everything},
		{"null resets a setting", everything, `{"MQTT":{"Site":null}}`, strings.Replace(everything, `"chalet"`, `"unknown-site"`, 1)},
		{"null resets a group", everything, `{"DefaultNetIf":null,"Ethernet":null,"WiFi":null,"MQTT":null,"Meter":null,"Modbus":null,"Broker":null,"API":null,"History":null,"Internet":null}`, `{}`},
		{"null resets what is printed as text", `{"Meter":{"Line":"9600 7E1","UTCOffset":"2h"},"Broker":{"StaleAfter":"1m"}}`, `{"Meter":{"Line":null,"UTCOffset":null},"Broker":{"StaleAfter":null}}`, `{}`},
		{"null in a row is a new row's", everything, `{"Modbus":{"Servers":[{"MaxClients":null}]}}`, strings.Replace(everything, `"Servers": [`, `"Servers": [{}], "Servers_": [`, 1)},
		{"null resets what was fixed", `{"Ethernet":{"IpMode":"Static","StaticIPv4":{"IpAddress":"10.0.0.2","Netmask":"8"}}}`, `{"Ethernet":{"IpMode":null,"StaticIPv4":null}}`, `{}`},
		{"an address is cleared by an empty text", `{"Ethernet":{"StaticIPv4":{"DNS":"10.0.0.2","Netmask":"8"}}}`, `{"Ethernet":{"StaticIPv4":{"DNS":"","Netmask":""}}}`, `{}`},
		{"DHCP keeps the fixed address for later", `{"Ethernet":{"IpMode":"Static","StaticIPv4":{"IpAddress":"10.0.0.2","Netmask":"8"}}}`, `{"Ethernet":{"IpMode":"DHCP"}}`, `{"Ethernet":{"StaticIPv4":{"IpAddress":"10.0.0.2","Netmask":"255.0.0.0"}}}`},

		{"a broker enables MQTT", `{}`, `{"MQTT":{"Broker":"mqtt://a"}}`, `{"MQTT":{"Enabled":true,"Broker":"mqtt://a"}}`},
		{"unless the patch says otherwise", `{}`, `{"MQTT":{"Broker":"mqtt://a","Enabled":false}}`, `{"MQTT":{"Enabled":false,"Broker":"mqtt://a"}}`},
		{"a broker that is reset enables nothing", `{}`, `{"MQTT":{"Broker":null}}`, `{}`},
		{"other settings of MQTT enable nothing", `{}`, `{"MQTT":{"Site":"a","Username":"b","Password":"c"}}`, `{"MQTT":{"Enabled":false,"Site":"a","Username":"b","Password":"c"}}`},
		{"an empty site is none", `{"MQTT":{"Site":"a"}}`, `{"MQTT":{"Site":""}}`, `{}`},

		{"MeterType is the first row's", `{}`, `{"MeterType":"Eastron-SDM630"}`, `{"Modbus":{"Servers":[{"MeterType":"Eastron-SDM630"}]}}`},
		{"the first row's is MeterType", `{"MeterType":"Eastron-SDM630"}`, `{"Modbus":{"Servers":[{"Listen":":503"}]}}`, `{"MeterType":"PhoenixContact-EMPro","Modbus":{"Servers":[{"Listen":":503"}]}}`},
		{"MeterType for a row that does not say", `{}`, `{"MeterType":"Eastron-SDM630","Modbus":{"Servers":[{"Listen":":503"}]}}`, `{"Modbus":{"Servers":[{"MeterType":"Eastron-SDM630","Listen":":503"}]}}`},
		{"both the same", `{}`, `{"MeterType":"Eastron-SDM630","Modbus":{"Servers":[{"MeterType":"Eastron-SDM630"}]}}`, `{"MeterType":"Eastron-SDM630"}`},
		{"MeterType leaves the other rows", everything, `{"MeterType":"Eastron-SDM630"}`, strings.Replace(everything, `{"MaxClients": 1,`, `{"MeterType":"Eastron-SDM630","MaxClients": 1,`, 1)},
		{"MeterType reset", `{"MeterType":"Eastron-SDM630"}`, `{"MeterType":null}`, `{}`},

		{"null clears a password", `{"WiFi":{"Password":"12345678"},"MQTT":{"Password":"a"}}`, `{"WiFi":{"Password":null},"MQTT":{"Password":null}}`, `{}`},
		{"so does an empty one", `{"WiFi":{"Password":"12345678"},"MQTT":{"Password":"a"}}`, `{"WiFi":{"Password":""},"MQTT":{"Password":""}}`, `{}`},
		{"PasswordSet is ignored", everything, `{"WiFi":{"PasswordSet":false},"MQTT":{"PasswordSet":"x"}}`, everything},
		{"a user keeps the password", everything, `{"Broker":{"Users":[{"Name":"nobody","Rules":[]},{"Name":"ems","PasswordSet":false}]}}`,
			strings.Replace(everything, `"Users": [`, `"Users": [{"Name":"nobody","Rules":[]},{"Name":"ems","Password":"ems-secret-1"}], "Users_": [`, 1)},
		{"a user's password cleared", everything, `{"Broker":{"Users":[{"Name":"ems","Password":null},{"Name":"b","Password":""}]}}`,
			strings.Replace(everything, `"Users": [`, `"Users": [{"Name":"ems"},{"Name":"b"}], "Users_": [`, 1)},
		{"a new name is a new user", everything, `{"Broker":{"Users":[{"Name":"EMS"}]}}`,
			strings.Replace(everything, `"Users": [`, `"Users": [{"Name":"EMS"}], "Users_": [`, 1)},
		{"escapes are texts as others", `{}`, `{"\u004dQTT":{"Site":"\u0061"}}`, `{"MQTT":{"Site":"a"}}`},
	} {
		before := changed(t, c.first)
		kept := file(before)
		after, _, err := patch(before, []byte(c.patch), known, fakeHash)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := changed(t, replaced(c.same))
		if !equal(after, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, file(after), file(want))
		}
		if !bytes.Equal(file(before), kept) {
			t.Errorf("%s: the configuration that was patched changed too", c.name)
		}
	}
}

// replaced drops the lists that a case of TestPatch renamed with a '_'.
func replaced(patch string) string {
	var o map[string]any
	if err := json.Unmarshal([]byte(patch), &o); err != nil {
		panic(err)
	}
	for _, group := range o {
		if g, ok := group.(map[string]any); ok {
			maps.DeleteFunc(g, func(name string, _ any) bool { return strings.HasSuffix(name, "_") })
		}
	}
	b, _ := json.Marshal(o)
	return string(b)
}

// The hash of bcrypt itself, once.
func TestPatchHashes(t *testing.T) {
	c, _, err := Patch(Default(), []byte(`{"Broker":{"Users":[{"Name":"ems","Password":"ems-secret-1"}]}}`), known)
	if err != nil {
		t.Fatal(err)
	}
	h := c.Broker.Users[0].Password
	if !h.IsSet() || !strings.HasPrefix(h.Reveal(), "$2a$10$") {
		t.Errorf("hash %q, want bcrypt of cost %d", h.Reveal(), HashCost)
	}
}

// The law of GET and PATCH: a patch of GET's own answer changes nothing, and
// the file says everything. Tried on configurations made by random patches.
func TestGetThenPatchChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := Default()
	taken := 0
	for range 1000 {
		body := randomPatch(r)
		next, _, err := patch(c, body, known, fakeHash)
		if err == nil {
			c = next
			taken++
		}
		checkLaws(t, c)
		if t.Failed() {
			t.Fatalf("after %s", body)
		}
		if taken%50 == 0 {
			c = Default()
		}
	}
	if taken < 150 {
		t.Errorf("only %d of the random patches were valid: this tests little", taken)
	}
}

func checkLaws(t *testing.T, c Config) {
	t.Helper()
	if err := c.Validate(known); err != nil {
		t.Errorf("a patch let in what is not valid: %v", err)
	}
	same, e, err := patch(c, Public(c), known, fakeHash)
	if err != nil || !equal(same, c) || e.Changed != nil {
		t.Errorf("a patch of GET's answer: %v, %+v:\n%s\nbecame\n%s", err, e, file(c), file(same))
	}
	back, err := read(file(c), known)
	if err != nil || !equal(back.config, c) {
		t.Errorf("the file does not say everything: %v\n%s\nbecame\n%s", err, file(c), file(back.config))
	}
}

// randomPatch sets a few settings to values of which most are valid.
func randomPatch(r *rand.Rand) []byte {
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	group := func(members ...string) string {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members[:r.IntN(len(members)+1)], ",") + "}"
	}
	m := func(name string, values ...string) string { return `"` + name + `":` + one(values...) }
	rows := func(most int, row func(i int) string) string {
		l := make([]string, r.IntN(most+1))
		for i := range l {
			l[i] = row(i)
		}
		return "[" + strings.Join(l, ",") + "]"
	}
	type4 := func() string { return one(`"PhoenixContact-EMPro"`, `"Eastron-SDM630"`, "null") }
	network := func(more ...string) string {
		return group(append(more, m("IpMode", `"DHCP"`, `"Static"`, "null"),
			m("StaticIPv4", "null", `{"IpAddress":"10.0.0.2","Netmask":"`+one("8", "24", "255.255.0.0")+`","Gateway":"10.0.0.1"}`))...)
	}
	return []byte(group(
		`"MeterType":`+type4(),
		m("DefaultNetIf", `"WiFi"`, `"Ethernet"`, "null"),
		`"Ethernet":`+network(),
		`"WiFi":`+network(m("SSID", `"a"`, `"ü\u00e9"`, "null"), m("Password", `"12345678"`, "null")),
		`"MQTT":`+group(m("Enabled", "true", "false", "null"), m("Broker", `"mqtt://a:1"`, `"mqtts://b"`, "null"), m("Site", `"s"`, `""`, "null"), m("Username", `"u"`, `""`), m("Password", `"p<>&"`, "null")),
		`"Meter":`+group(m("Source", `"/dev/ttyAMA0"`, `"tcp://a:1"`, `"sim:dsmr50"`), m("Format", `"auto"`, `"p1"`), m("Line", `""`, `"9600 8N2"`, "null"), m("UTCOffset", `"-3h30m"`, `"0s"`, `"0h"`, `"14h"`),
			m("Profile", `"auto"`, `"lg-e450"`, "null"), m("Scalers", "[]", "null", `[{"OBIS":"1-0:1.7.0","Exponent":-1}]`), m("List", "[]", "null", `["","1-1:1.8.0"]`), m("CurrentRatio", "1", "2.5", "1e3", "null"), m("EstimatePhases", "true", "null")),
		`"Modbus":{"Servers":`+rows(3, func(i int) string {
			return group(`"MeterType":`+type4(), fmt.Sprintf(`"Listen":":%d"`, 600+i), m("StaleAfter", `"auto"`, `"1.5s"`, `"90m"`, "null"), m("WhenStale", `"nan"`, `"hold"`), m("MaxClients", "1", "256"))
		})+"}",
		`"Broker":`+group(m("Enabled", "true", "false"), m("Listen", `":1884"`, "null"), `"Users":`+rows(3, func(i int) string {
			return group(fmt.Sprintf(`"Name":"user%d"`, i), m("Password", `"0123456789"`, `"01234567890"`, "null"), m("Rules", "[]", "null", `[{"Access":"deny","Topic":"a/+"}]`))
		})),
		`"API":`+group(m("PlainHTTP", "true", "null"), m("Hosts", "[]", "null", `["a.example"]`, `["a.example","b.example"]`)),
		`"Internet":`+group(m("Check", `"a.example:1"`, `""`, "null")),
		`"History":`+group(m("OnDisk", "true", "false")),
	))
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{everything, `{}`, `null`, `{"MQTT":null}`, `{"a":{"a":[{}]},"a":1e400}`, `{"Modbus":{"Servers":[{},null]}}`, `{"Broker":{"Users":[{"Name":"ems","Password":""}]}}`} {
		f.Add([]byte(seed))
	}
	before, _, err := patch(Default(), []byte(everything), known, fakeHash)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		after, e, err := patch(before, body, known, fakeHash)
		if err == nil {
			checkLaws(t, after)
			if equal(before, after) != (e.Changed == nil) {
				t.Errorf("changed %q: %s", e.Changed, file(after))
			}
			return
		}
		if !equal(before, after) {
			t.Error("refused, and yet changed")
		}
		problems, ok := errors.AsType[Problems](err)
		if ok == errors.Is(err, ErrNotJSON) || ok && len(problems.ByPath()) != len(problems) {
			t.Errorf("error %#v", err)
		}
	})
}
