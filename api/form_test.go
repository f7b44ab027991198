package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const formConfig = `{"MQTT":{"Enabled":false,"Broker":"mqtts://a.example:8883","Username":"","PasswordSet":true,"Site":"unknown-site","Format":"xemex","Energy":false,"Discovery":false,
"Commands":"auto","KeepMiB":32,"OfflineEvery":"all","CA":"","Certificate":"","KeySet":false},
"Modbus":{"Servers":[{"MeterType":"PhoenixContact-EMPro","Listen":":502","MaxClients":16,"StaleAfter":"auto","WhenStale":"exception","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]}]},
"Broker":{"Users":[{"Name":"ems","PasswordSet":true,"Rules":[{"Access":"read","Topic":"#"}]},{"Name":"odd","PasswordSet":true,"Rules":[{"Access":"deny","Topic":"x"}]}]},
"API":{"PlainHTTP":false,"Hosts":["a.example"]},"History":{"OnDisk":true},"Internet":{"Check":""}}`

// formBox is a box with a configuration that has what the forms show.
func formBox(t *testing.T) *box {
	b := start(t, func(b *box) {
		b.Choices = map[string][]string{
			"/MQTT/Format": {"xemex", "values"}, "/MQTT/Commands": {"auto", "on", "off"},
			"/Modbus/Servers/*/WhenStale": {"exception", "hold"}, "/Modbus/Servers/*/MeterType": {"PhoenixContact-EMPro"},
		}
	})
	b.config.public = formConfig
	return b
}

// submit sends what a browser sends for a sheet: every setting as it stands, and what
// was typed over it.
func (b *box) submit(path string, typed url.Values) (*http.Response, string) {
	b.t.Helper()
	form := url.Values{revisionName: {b.etag()}, actionName: {"save"}}
	tree := readTree([]byte(b.config.public))
	for _, f := range sheetAt(path).expand(tree) {
		c := b.control(tongues[0], f, tree, nil, nil)
		switch {
		case f.kind == asToggle && c.On:
			form.Set(f.at, "true")
		case f.kind != asToggle:
			form.Set(f.at, c.Value)
		}
	}
	for name, values := range typed {
		if form[name] = values; values == nil {
			delete(form, name)
		}
	}
	return b.do(request{method: "POST", path: path, header: mediaType("application/x-www-form-urlencoded"), body: form.Encode()})
}

func TestFormsPatch(t *testing.T) {
	for _, test := range []struct {
		name, path string
		typed      url.Values
		want       string // the patch; "": none
	}{
		{"nothing changed", "/settings/mqtt", nil, ""},
		{"a broker", "/settings/mqtt", url.Values{"/MQTT/Enabled": {"true"}, "/MQTT/Broker": {" mqtt://b.example "}}, `{"MQTT":{"Enabled":true,"Broker":"mqtt://b.example"}}`},
		{"a number", "/settings/mqtt", url.Values{"/MQTT/KeepMiB": {"64"}}, `{"MQTT":{"KeepMiB":64}}`},
		{"a number as the page writes it", "/settings/mqtt", url.Values{"/MQTT/KeepMiB": {"1\u202f024,0"}}, `{"MQTT":{"KeepMiB":1024.0}}`},
		{"a number emptied", "/settings/mqtt", url.Values{"/MQTT/KeepMiB": {" "}}, `{"MQTT":{"KeepMiB":null}}`},
		{"no number", "/settings/mqtt", url.Values{"/MQTT/KeepMiB": {"many"}}, `{"MQTT":{"KeepMiB":"many"}}`},
		{"a new secret, with its space", "/settings/mqtt", url.Values{"/MQTT/Password": {"broker-password-7 "}}, `{"MQTT":{"Password":"broker-password-7 "}}`},
		{"a secret forgotten", "/settings/mqtt", url.Values{"forget:/MQTT/Password": {"1"}}, `{"MQTT":{"Password":null}}`},
		{"lines of a browser", "/settings/mqtt", url.Values{"/MQTT/CA": {"-----BEGIN\r\nEND-----\r\n\r\n"}}, `{"MQTT":{"CA":"-----BEGIN\nEND-----\n"}}`},
		{"switched off", "/settings/box", url.Values{"/History/OnDisk": nil}, `{"History":{"OnDisk":false}}`},
		{"a list of names", "/settings/box", url.Values{"/API/Hosts": {"a.example\r\n b.example \r\n"}}, `{"API":{"Hosts":["a.example","b.example"]}}`},
		{"a row of a list goes with the list", "/settings/modbus", url.Values{"/Modbus/Servers/0/WhenStale": {"hold"}},
			`{"Modbus":{"Servers":[{"MeterType":"PhoenixContact-EMPro","Listen":":502","MaxClients":16,"StaleAfter":"auto","WhenStale":"hold","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]}]}}`},
		{"a row more", "/settings/modbus", url.Values{actionName: {"add"}, "/Modbus/Servers/1/Listen": {":1502"}, "/Modbus/Servers/1/MaxClients": {"4"}},
			`{"Modbus":{"Servers":[{"MeterType":"PhoenixContact-EMPro","Listen":":502","MaxClients":16,"StaleAfter":"auto","WhenStale":"exception","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]},
			{"MeterType":"PhoenixContact-EMPro","Listen":":1502","MaxClients":4,"StaleAfter":"auto","WhenStale":"exception","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]}]}}`},
		{"a row more, with the button for all", "/settings/modbus", url.Values{"/Modbus/Servers/1/Listen": {":1502"}},
			`{"Modbus":{"Servers":[{"MeterType":"PhoenixContact-EMPro","Listen":":502","MaxClients":16,"StaleAfter":"auto","WhenStale":"exception","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]},
			{"MeterType":"PhoenixContact-EMPro","Listen":":1502","MaxClients":16,"StaleAfter":"auto","WhenStale":"exception","WhenMissing":"exception","Currents":"magnitude","AllowFrom":[]}]}}`},
		{"a row more as it is proposed, and not asked for", "/settings/modbus", url.Values{"/Modbus/Servers/1/Listen": {":503"}, "/Modbus/Servers/1/MaxClients": {"16"}}, ""},
		{"a row less and one more", "/settings/users", url.Values{actionName: {"remove:1"}, "/Broker/Users/2/Name": {"ha"}},
			`{"Broker":{"Users":[{"Name":"ems","PasswordSet":true,"Rules":[{"Access":"read","Topic":"#"}]},{"Name":"ha","Rules":[{"Access":"read","Topic":"#"}]}]}}`},
		{"a row less", "/settings/users", url.Values{actionName: {"remove:1"}},
			`{"Broker":{"Users":[{"Name":"ems","PasswordSet":true,"Rules":[{"Access":"read","Topic":"#"}]}]}}`},
		{"a row less that is not there", "/settings/users", url.Values{actionName: {"remove:7"}}, ""},
		{"a user more", "/settings/users", url.Values{actionName: {"add"}, "/Broker/Users/2/Name": {"ha"}, "/Broker/Users/2/Password": {"broker-password-7"}, "/Broker/Users/2/Rules": {"homeassistant"}},
			`{"Broker":{"Users":[{"Name":"ems","PasswordSet":true,"Rules":[{"Access":"read","Topic":"#"}]},{"Name":"odd","PasswordSet":true,"Rules":[{"Access":"deny","Topic":"x"}]},
			{"Name":"ha","Password":"broker-password-7","Rules":[{"Access":"write","Topic":"homeassistant/status"},{"Access":"read","Topic":"#"}]}]}}`},
		{"other rights", "/settings/users", url.Values{"/Broker/Users/0/Rules": {"command"}},
			`{"Broker":{"Users":[{"Name":"ems","PasswordSet":true,"Rules":[{"Access":"readwrite","Topic":"smart-connect/+/cmd/#"},{"Access":"read","Topic":"#"}]},{"Name":"odd","PasswordSet":true,"Rules":[{"Access":"deny","Topic":"x"}]}]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := formBox(t)
			got, body := b.submit(test.path, test.typed)
			if got.StatusCode != 200 || !strings.Contains(body, "Saved.") {
				t.Fatalf("%d %s", got.StatusCode, body)
			}
			patch := strings.Join(b.config.patches, "")
			if test.want == "" && patch != "" || test.want != "" && !sameJSON(t, patch, test.want) {
				t.Errorf("patch %s\nwant %s", patch, test.want)
			}
		})
	}
}

// What is wrong stands beside its field, with what was typed; no secret comes back.
func TestFormsRefused(t *testing.T) {
	b := formBox(t)
	b.config.err = problems{{"/MQTT/Broker", "\"nonsense\" is not a broker address"}, {"/MQTT/Elsewhere", "is wrong, too"}}
	got, body := b.submit("/settings/mqtt", url.Values{"/MQTT/Broker": {"nonsense"}, "/MQTT/Password": {"broker-password-7"}})
	if got.StatusCode != 422 {
		t.Fatal(got.StatusCode, body)
	}
	for _, want := range []string{
		`value="nonsense" autocapitalize="none" autocomplete="off" spellcheck="false" aria-invalid="true" aria-describedby="MQTT-Broker-error MQTT-Broker-hint" autofocus`,
		`<a href="#MQTT-Broker">Address of the broker</a>`,
		`<p class="error" id="MQTT-Broker-error">Not accepted: <span lang="en">&#34;nonsense&#34; is not a broker address</span></p>`,
		"Nothing was saved", "/MQTT/Elsewhere: is wrong, too",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}

	b = formBox(t)
	b.config.err = errDiskFull
	if got, body := b.submit("/settings/mqtt", url.Values{"/MQTT/Site": {"x"}}); got.StatusCode != 500 || !strings.Contains(body, "no space left on device") {
		t.Errorf("%d %s", got.StatusCode, body)
	}

	b = formBox(t)
	b.config.err = problems{{"/Modbus/Servers/1/Listen", "\":502\" is taken"}}
	_, body = b.submit("/settings/modbus", url.Values{actionName: {"add"}, "/Modbus/Servers/1/Listen": {":502"}})
	if !strings.Contains(body, `<details class="card new" open>`) || !strings.Contains(body, "is taken") {
		t.Errorf("the new row does not say what is wrong: %s", body)
	}
}

func TestFormsStale(t *testing.T) {
	b := formBox(t)
	got, body := b.submit("/settings/mqtt", url.Values{revisionName: {`"older"`}, "/MQTT/Site": {"mine"}})
	if got.StatusCode != 412 || !strings.Contains(body, "changed elsewhere") || strings.Contains(body, `value="mine"`) || len(b.config.patches) != 0 {
		t.Errorf("%d %s", got.StatusCode, body)
	}
}

// What a form shows in another spelling than it is stored in is not touched by whoever
// leaves it alone.
func TestFormsLeaveAlone(t *testing.T) {
	b := formBox(t)
	for old, stored := range map[string]string{
		`"CA":""`: `"CA":"-----BEGIN\nEND-----"`, `"Certificate":""`: `"Certificate":null`, `"Username":""`: `"Username":" ems "`, `"KeepMiB":32`: `"KeepMiB":3.2e1`,
	} {
		if !strings.Contains(b.config.public, old) {
			t.Fatalf("no %s", old)
		}
		b.config.public = strings.Replace(b.config.public, old, stored, 1)
	}
	b.submit("/settings/mqtt", url.Values{"/MQTT/Site": {"garage"}})
	if patch := strings.Join(b.config.patches, ""); !sameJSON(t, patch, `{"MQTT":{"Site":"garage"}}`) {
		t.Errorf("patch %s", patch)
	}
}

// A form that is sent twice has nothing to say the second time.
func TestFormsTwice(t *testing.T) {
	b := formBox(t)
	form := url.Values{revisionName: {`"older"`}, "/MQTT/Site": {"unknown-site"}}
	if got, body := b.submit("/settings/mqtt", form); got.StatusCode != 200 || !strings.Contains(body, "Saved.") || len(b.config.patches) != 0 {
		t.Errorf("%d %s", got.StatusCode, body)
	}
}

// Who can change something, and from where, is as on the API.
func TestFormsAreGuarded(t *testing.T) {
	b := formBox(t)
	form := mediaType("application/x-www-form-urlencoded")
	for _, test := range []struct {
		ask    request
		status int
	}{
		{request{user: "-", header: form}, 403},
		{request{header: http.Header{"Content-Type": form["Content-Type"], "Origin": {"https://evil.example"}}}, 403},
		{request{header: http.Header{"Content-Type": form["Content-Type"], "Sec-Fetch-Site": {"cross-site"}}}, 403},
		{request{header: asJSON}, 415},
		{request{header: mediaType("text/plain")}, 415},
		{request{header: form, host: "evil.example"}, 421},
		{request{header: form, body: strings.Repeat("a", 70_000)}, 413},
		{request{header: form, body: "a=%zz"}, 400},
	} {
		for _, path := range []string{"/settings/mqtt", "/restart", "/settings/password", "/settings/tokens", "/settings/export"} {
			q := test.ask
			q.method, q.path = "POST", path
			if q.body == "" {
				q.body = "a=b"
			}
			if got, body := b.do(q); got.StatusCode != test.status {
				t.Errorf("%s: %d, want %d: %s", q, got.StatusCode, test.status, body)
			}
		}
	}
	if len(b.config.patches) != 0 || len(b.resets) != 0 {
		t.Error("something was done all the same")
	}
}

func TestRestartPage(t *testing.T) {
	b := start(t, nil)
	got, body := b.do(request{method: "POST", path: "/restart", header: mediaType("application/x-www-form-urlencoded")})
	if got.StatusCode != 202 || !strings.Contains(body, "The box restarts") || !strings.Contains(body, "<progress") {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	<-b.resets
}

func TestPasswordAndTokens(t *testing.T) {
	b := start(t, nil)
	form := func(path string, values url.Values) (*http.Response, string) {
		return b.do(request{method: "POST", path: path, header: mediaType("application/x-www-form-urlencoded"), body: values.Encode()})
	}
	if got, body := form("/settings/password", url.Values{"present": {rightPassword}, "password": {newPassword}, "repeat": {newPassword}}); got.StatusCode != 200 || !strings.Contains(body, "The password is changed.") {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	for _, test := range []struct{ present, password, repeat, says string }{
		{"not it", newPassword, newPassword, `id="field-present-error">This is not the present password.`},
		{"", newPassword, newPassword, `id="field-present-error"`},
		{rightPassword, newPassword, newPassword + "x", `id="field-repeat-error">The two are not the same.`},
	} {
		values := url.Values{"present": {test.present}, "password": {test.password}, "repeat": {test.repeat}}
		if got, body := form("/settings/password", values); got.StatusCode != 422 || !strings.Contains(body, test.says) {
			t.Errorf("%+v: %d %s", test, got.StatusCode, body)
		}
	}
	if got, body := form("/settings/tokens", url.Values{"name": {"prometheus"}}); got.StatusCode != 200 || !strings.Contains(body, "<code>sc_") {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	if got, body := form("/settings/tokens", url.Values{"name": {"prometheus"}}); got.StatusCode != 422 || !strings.Contains(body, `id="token-error"`) {
		t.Errorf("the same name again: %d %s", got.StatusCode, body)
	}
	if got, body := form("/settings/tokens", url.Values{"remove": {"prometheus"}}); got.StatusCode != 200 || strings.Contains(body, `value="prometheus"`) {
		t.Errorf("%d %s", got.StatusCode, body)
	}
}

func TestPointers(t *testing.T) {
	tree := readTree([]byte(`{"A":{"L":[{"x":1},{"x":2}],"B":"t"}}`))
	for pointer, want := range map[string]string{"/A/B": `"t"`, "/A/L/1/x": "2", "/A/L/2/x": "null", "/A/L/-1": "null", "/A/B/C": "null", "/N": "null"} {
		if got, _ := json.Marshal(at(tree, pointer)); string(got) != want {
			t.Errorf("%s is %s, want %s", pointer, got, want)
		}
	}
	put(tree, "/A/L/1/x", 3)
	put(tree, "/A/L/7/x", 4) // the list was changed meanwhile
	put(tree, "/N/M", "new")
	got, _ := json.Marshal(patchOf(tree, []string{"/A/L/1/x", "/N/M"}))
	if want := `{"A":{"L":[{"x":1},{"x":3}]},"N":{"M":"new"}}`; !sameJSON(t, string(got), want) {
		t.Errorf("%s, want %s", got, want)
	}
}
