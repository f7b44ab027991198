package appliance

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"smartconnect/api"
)

var windows = []struct {
	name          string
	width, height int64
}{{"phone", 390, 844}, {"desktop", 1280, 900}}

// The ten minutes of an installer: he finds the box, mistypes the password once, sees
// that it lives, sets the broker, wrongly first, restarts, and logs out.
func TestInstaller(t *testing.T) {
	for _, window := range windows {
		t.Run(window.name, func(t *testing.T) {
			t.Parallel()
			box := start(t, "sim:dsmr50?lively=true", "")
			b := browse(t, window.width, window.height)
			secure := "https://" + box.https
			b.to(secure+"/settings/mqtt", "#password")
			b.write("#password", "not it")
			b.click("main form button.button")
			b.do("it is wrong", chromedp.WaitVisible(chromedp.CSS("#wrong")))
			b.login(box)
			for _, lamp := range []string{"System", "Meter", "Link", "Network", "Internet", "MQTT"} {
				b.is("the lamp "+lamp, `document.querySelector("#lamps").innerText.includes("`+lamp+`")`)
			}
			b.is("values", `/\d\sW/.test(document.querySelector(".power").innerText)`)
			b.is("a chart", `document.querySelector("path.line")`)
			b.is("remembering", `window.was = [document.querySelector(".power").innerText, document.querySelector("path.line").getAttribute("d")]`)
			b.is("the power moves", `document.querySelector(".power").innerText !== window.was[0]`)
			b.is("the chart moves", `document.querySelector("path.line").getAttribute("d") !== window.was[1]`)
			b.fits("the status")
			if _, _, err := box.read(0x8006, 30); err != nil {
				t.Fatal(err)
			}
			b.is("the request of a charger", `document.querySelector(".requests")?.innerText.includes("8006 × 30")`)

			b.click(`nav a[href="/settings/mqtt"]`)
			b.write("#MQTT-Broker", "http://nonsense")
			b.is("it says that this is not saved", `document.querySelector(".settings .unsaved").innerText === "Not saved yet"`)
			b.click(".save button")
			b.is("the error is beside its field", `document.querySelector("#MQTT-Broker").getAttribute("aria-invalid") === "true" && document.querySelector("#MQTT-Broker-error").innerText.includes("is not a broker address")`)
			b.is("and what was typed is there", `document.querySelector("#MQTT-Broker").value === "http://nonsense"`)
			b.fits("the page of MQTT with an error")
			b.write("#MQTT-Broker", "mqtt://127.0.0.1:1")
			b.click("#MQTT-Enabled")
			b.click(".save button")
			b.is("it is saved", `document.querySelector(".notice.good")?.innerText === "Saved."`)
			b.is("it waits for a restart", `document.querySelector("#restart").innerText.includes("MQTT: Address of the broker") && document.querySelector("label[for=MQTT-Broker]").innerText.includes("after restart")`)
			if s, err := box.status(); err != nil || !s.RestartRequired || s.MQTT.State != api.Off {
				t.Errorf("the status says %+v %v", s.MQTT, err)
			}

			b.click("#restart button")
			b.is("it comes back by itself, logged in", `location.pathname === "/" && document.querySelector("#lamps")`)
			b.is("the lamp MQTT says why", `document.querySelector("#mqtt").innerText.includes("Nobody listens at this address and port")`)
			b.is("nothing waits any more", `document.querySelector("#restart").hidden`)

			for _, path := range []string{"/settings/meter", "/settings/modbus", "/settings/broker", "/settings/users", "/settings/box", "/restart"} {
				b.to(secure+path, "h1")
				b.fits(path)
			}
			b.click("footer form button")
			b.is("out", `location.pathname === "/login"`)
			b.to(secure+"/", "#password")
		})
	}
}

// A page whose box does not answer says so, and does not let old values look alive.
func TestPageOfALostBox(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	box.stop()
	b.is("it says that the box is lost", `!document.querySelector("#lost").hidden && /No answer from the box since \d+:\d+/.test(document.querySelector("#lost").innerText)`)
	b.is("it is watched", `(() => {
		window.since = Date.now();
		new MutationObserver(() => window.again = true).observe(document.querySelector("#lost"), {childList: true, characterData: true, subtree: true});
		return true;
	})()`)
	b.is("it says it once: it is read aloud", `Date.now() - window.since > 2500 && !window.again`)
	b.is("the values look old", `getComputedStyle(document.querySelector(".power")).opacity < 1`)
	box.run()
	b.is("a new process knows no session: it leads to the login", `location.pathname === "/login"`)
}

// Somebody takes over: the page of the other one says so by itself.
func TestPageTakenOver(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	if code, answer := box.as("127.0.0.9", "GET", "/api/v1/status", "", nil); code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	b.is("it says who", `location.pathname === "/login" && document.body.innerText.includes("somebody else has logged in")`)
}

// Whoever is logged out while he types loses nothing: he logs in beside it, and the
// browser sends the form once more.
func TestFormOfALostSession(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	b.to("https://"+box.https+"/settings/mqtt", "#MQTT-Site")
	b.write("#MQTT-Site", "typed-for-an-hour")
	if code, answer := box.as("127.0.0.9", "DELETE", "/api/v1/session", "", nil); code != 204 {
		t.Fatalf("%d %s", code, answer)
	}
	b.click(".save button")
	b.is("it says that nothing was saved", `document.body.innerText.includes("Nothing was saved")`)
	b.fits("the login beside a form")
	b.is("the login of the other tab", `window.beside ??= fetch("/login", {method: "POST", body: new URLSearchParams({user: "user", password: "`+box.label.Password+`"})}).then((answer) => window.in = answer.ok)`)
	b.is("it is done", `window.in`)
	b.do("again", chromedp.Reload())
	b.is("it is saved", `document.querySelector(".notice.good")?.innerText === "Saved." && document.querySelector("#MQTT-Site").value === "typed-for-an-hour"`)
}

// Without a meter the page says why, and shows no number that was not measured.
func TestPageWithoutMeter(t *testing.T) {
	t.Parallel()
	box := start(t, "tcp://"+freePort(t), "")
	b := browse(t, 390, 844)
	b.login(box)
	b.is("why", `/no signal/.test(document.querySelector("#lamps").innerText)`)
	b.is("no value", `document.querySelector(".power").innerText === "–" && !document.querySelector("path.line")`)
	b.is("the light", `document.querySelector(".led.red")`)
}

// A factory reset from the page ends at the login, where the label's password is right.
func TestPageFactoryReset(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	b.to("https://"+box.https+"/settings/users", "#field-present")
	b.write("#field-present", box.label.Password)
	b.write("#field-password", "correct horse battery")
	b.write("#field-repeat", "correct horse battery")
	b.click(`form[action="/settings/password"] button.small`)
	b.is("the password is changed", `document.querySelector(".notice.good")`)
	b.to("https://"+box.https+"/settings/box", "#factory")
	b.click("#factory input")
	b.click("#factory button")
	b.is("it leads to the login", `location.pathname === "/login"`)
	b.login(box)
}

// Everything can be read and changed without a script.
func TestPageWithoutScript(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	box.meterState(api.MeterOK, "")
	b := browse(t, 390, 844)
	b.withoutScript()
	b.login(box)
	power, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(".power")))
	if err != nil || !strings.Contains(power, "W") {
		t.Errorf("power %q %v", power, err)
	}
	b.click("noscript a")
	b.do("the status anew, when its reader wants it", chromedp.WaitVisible(chromedp.CSS("#lamps")))
	b.to("https://"+box.https+"/settings/mqtt", "#MQTT-Site")
	b.write("#MQTT-Site", "garage")
	b.click(".save button")
	b.do("saved", chromedp.WaitVisible(chromedp.CSS(".notice.good")))
	if s, err := box.status(); err != nil || len(s.RestartFor) != 1 || s.RestartFor[0] != "/MQTT/Site" {
		t.Errorf("%v %v", s.RestartFor, err)
	}
}
