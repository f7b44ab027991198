package payload

import (
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
)

const chalet = "devices/chalet/smart-connect/" + serial

func TestWhatCannotBeATopicIsRefused(t *testing.T) {
	for _, c := range []struct{ name, serial, site, format, want string }{
		{"a site of two levels", serial, "a/b", "", `site "a/b"`},
		{"a site with a wildcard", serial, "a+", "", `site "a+"`},
		{"a site that is no text", serial, "a\xff", "", `site "a\xff"`},
		{"no serial number", "", "a", "", `serial number ""`},
		{"a serial number with a wildcard", "#", "a", "", `serial number "#"`},
		{"an unknown format", serial, "a", "morse", `unknown format "morse": want one of xemex, rl-dsp, values`},
	} {
		_, err := NewOutside(Device{Serial: c.serial}, c.site, c.format, OutsideOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestNobodyHasNamedTheSite(t *testing.T) {
	o, err := NewOutside(device, "", "", OutsideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "devices/unknown-site/smart-connect/" + serial; o.Base() != want {
		t.Errorf("base %s, want %s", o.Base(), want)
	}
	if got := o.Telegram(take(house()), snapshot.OK, noon)[0].Topic; got != o.Base()+"/data/electricity" {
		t.Errorf("a format without a name publishes %s", got)
	}
}

func TestOutsideStatus(t *testing.T) {
	o := outside(t, "xemex", OutsideOptions{})
	for _, c := range []struct {
		name string
		got  Message
		want string
	}{
		{"the will", o.Will(), `{"online":false,"timestamp":null}`},
		{"a planned stop", o.Status(false, noon), `{"online":false,"timestamp":1768478400}`},
		{"a clock that is not set", o.Status(true, time.Unix(60, 0)), `{"online":true,"timestamp":null,"version":"1.2.3"}`},
		{"there", o.Status(true, noon), `{"online":true,"timestamp":1768478400,"version":"1.2.3"}`},
	} {
		if c.got.Topic != chalet+"/status" || string(c.got.Payload) != c.want || c.got.QoS != 1 || !c.got.Retain {
			t.Errorf("%s: %+v %s, want %s, QoS 1, retained", c.name, c.got, c.got.Payload, c.want)
		}
	}
}

func TestOutsideInfo(t *testing.T) {
	o := outside(t, "values", OutsideOptions{Capabilities: []string{"ping", "reset"}})
	const box = `{"serial":"0A1B2C3D4E5F","model":"Smart Connect","firmware":"1.2.3",`
	french := take(house())
	french.Apparent = true
	for _, c := range []struct {
		name string
		s    *snapshot.Snapshot
		want string
	}{
		{"before the first telegram", nil, `"meter":null,"format":null,"payload_format":"values","power_sign":"import_positive","phase_sign":null,`},
		{"after it", take(house()), `"meter":"E0012345","format":"dsmr","payload_format":"values","power_sign":"import_positive","phase_sign":"signed",`},
		{"of a meter that knows apparent powers alone", french, `"meter":"E0012345","format":"dsmr","payload_format":"values","power_sign":"import_positive","phase_sign":"unsigned",`},
	} {
		m := o.Info(c.s)
		if want := box + c.want + `"current_sign":"magnitude","capabilities":["ping","reset"]}`; string(m.Payload) != want {
			t.Errorf("%s\ngot  %s\nwant %s", c.name, m.Payload, want)
		}
		if m.Topic != chalet+"/info" || m.QoS != 1 || !m.Retain {
			t.Errorf("%s: %+v, want info, QoS 1, retained", c.name, m)
		}
	}
	if got := string(outside(t, "", OutsideOptions{}).Info(nil).Payload); !strings.HasSuffix(got, `"capabilities":[]}`) {
		t.Errorf("without commands: %s", got)
	}
}

func TestOutsideEvent(t *testing.T) {
	o := outside(t, "", OutsideOptions{})
	m := o.Event(7, noon, "meter-lost", "no telegram for 5 s: \"quiet\" – é")
	if want := `{"seq":7,"timestamp":1768478400,"kind":"meter-lost","detail":"no telegram for 5 s: \"quiet\" – é"}`; string(m.Payload) != want {
		t.Errorf("got  %s\nwant %s", m.Payload, want)
	}
	if m.Topic != chalet+"/event" || m.QoS != 1 || m.Retain {
		t.Errorf("%+v, want event, QoS 1, not retained", m)
	}
	if got := string(o.Event(7, time.Time{}, "start", "").Payload); got != `{"seq":7,"timestamp":null,"kind":"start","detail":""}` {
		t.Errorf("without a clock: %s", got)
	}
}

func TestCommands(t *testing.T) {
	o := outside(t, "", OutsideOptions{})
	if got, want := o.CommandFilter(), chalet+"/cmd/+"; got != want {
		t.Errorf("filter %s, want %s", got, want)
	}
	for topic, want := range map[string]string{
		"":                            "",
		chalet + "/cmd":               "",
		chalet + "/cmd/":              "",
		chalet + "/cmd/+":             "",
		chalet + "/cmd/ping/response": "", // our own answer
		"devices/other/smart-connect/" + serial + "/cmd/ping": "",
		chalet + "/status":   "",
		chalet + "/cmd/ping": "ping",
	} {
		if name, ok := o.CommandName(topic); name != want || ok != (want != "") {
			t.Errorf("%s is command %q (%t), want %q", topic, name, ok, want)
		}
	}
	m := o.Response("ping", []byte(`{}`))
	if m.Topic != chalet+"/cmd/ping/response" || string(m.Payload) != "{}" || m.QoS != 1 || m.Retain {
		t.Errorf("response %+v, want cmd/ping/response, QoS 1, not retained", m)
	}
}

// Who keeps a message of a telegram for days must not hand it out as new; the box
// of the house is asked for what is true now, and keeps everything.
func TestWhatIsRetained(t *testing.T) {
	for _, format := range Formats() {
		for _, m := range outside(t, format, OutsideOptions{Energy: true}).Telegram(take(house()), snapshot.OK, noon) {
			if m.Retain || m.QoS != 1 {
				t.Errorf("%s: %s retained %t, QoS %d; want QoS 1, not retained", format, m.Topic, m.Retain, m.QoS)
			}
		}
	}
	tree := NewTree(device)
	for _, m := range append(slices.Clone(tree.Reading(take(house()), snapshot.OK)), tree.Status(true), tree.Info(nil)) {
		if !m.Retain {
			t.Errorf("%s is not retained", m.Topic)
		}
	}
}
