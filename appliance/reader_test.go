package appliance

import (
	"testing"

	"smartconnect/api"
)

// Who is on the page with a keyboard or a screen reader, or has selected a text, is left
// alone by what changes every second, and sees it all the same.
func TestPageLeavesItsReaderAlone(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50?lively=true", "")
	box.meterState(api.MeterOK, "")
	b := browse(t, 390, 844)
	b.login(box)
	b.is("a reader", `(() => {
		window.kept = ["#lamps", ".power", "#now", "#events"].map((one) => document.querySelector(one));
		document.querySelector("#lamps a").focus();
		getSelection().selectAllChildren(document.querySelector("#system h2"));
		scrollTo(0, 200);
		window.was = document.querySelector(".power").innerText;
		return true;
	})()`)
	b.is("the power moves", `document.querySelector(".power").innerText !== window.was`)
	box.patch(`{"MQTT":{"Site":"garage"}}`)
	b.is("the lamp that has the focus changes", `document.activeElement.innerText.includes("attention")`)
	b.is("the wait for a restart has come", `document.querySelector("#restart button")`)
	b.is("nothing was put in place of another", `window.kept.every((one) => one.isConnected)`)
	b.is("the selection", `getSelection().toString().includes("System")`)
	b.is("the place", `scrollY > 0`)
	b.is("nothing leads away", `!document.querySelector("meta[http-equiv=refresh]")`)
}

// What somebody types is not lost when his session ends: he is told, and it is there to
// be saved once he has logged in again.
func TestPageKeepsWhatIsTyped(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	b.to("https://"+box.https+"/settings/mqtt", "#MQTT-Site")
	b.is("it is heard what the page asks", `(() => {
		const ask = fetch;
		window.fetch = (path, how) => {
			window.acts ||= how.headers && !how.headers["Smartconnect-Background"];
			return ask(path, how);
		};
		return true;
	})()`)
	b.write("#MQTT-Site", "garage")
	b.is("who types does something, and the session goes on", `window.acts`)
	if code, answer := box.as("127.0.0.9", "GET", "/api/v1/status", "", nil); code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	b.is("it says so", `!document.querySelector("#ended").hidden && document.querySelector("#ended a").target === "_blank"`)
	b.is("it is there", `location.pathname === "/settings/mqtt" && document.querySelector("#MQTT-Site").value === "garage"`)
	b.is("logging in elsewhere", `fetch("/login", {method: "POST", body: new URLSearchParams({user: "user", password: "`+box.label.Password+`", takeover: "1"})})`)
	b.is("it says no more", `document.querySelector("#ended").hidden`)
	b.click(".save button")
	b.is("it is saved", `document.querySelector(".notice.good")?.innerText === "Saved."`)
	b.is("what was saved", `document.querySelector("#MQTT-Site").value === "garage"`)
}

// A double click saves once.
func TestPageSendsOnce(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 390, 844)
	b.login(box)
	b.to("https://"+box.https+"/settings/users", "#field-password")
	b.click("summary")
	b.write("#Broker-Users-0-Name", "ems")
	b.write("#Broker-Users-0-Password", "broker-password-7")
	b.is("two clicks", `(() => { const save = document.querySelector(".save button"); save.click(); save.click(); return true; })()`)
	b.is("it is saved", `document.querySelector(".notice.good")?.innerText.includes("Saved.")`)
	b.is("once", `document.querySelectorAll(".settings fieldset").length === 1`)
}

// A phone is touched with a finger: what can be pressed is as high as one.
func TestPageIsTouched(t *testing.T) {
	t.Parallel()
	box := start(t, "sim:dsmr50", "")
	b := browse(t, 360, 740)
	b.login(box)
	box.patch(`{"MQTT":{"Site":"garage"}}`)
	for _, path := range []string{"/", "/settings/mqtt", "/settings/meter", "/settings/modbus", "/settings/broker", "/settings/users", "/settings/box", "/restart"} {
		b.to("https://"+box.https+path, "main")
		low, err := value[string](b, `(() => {
			for (const more of document.querySelectorAll("details")) more.open = true;
			return [...document.querySelectorAll("a:not(.skip), button:not(.first), input:not([type=hidden]):not([type=checkbox]), select, textarea, summary, label.toggle")]
				.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44)
				.map((one) => one.outerHTML).join("\n");
		})()`)
		if err != nil || low != "" {
			t.Errorf("%s: too low for a finger (%v):\n%s", path, err, low)
		}
		b.fits(path)
	}
}
