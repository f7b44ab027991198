package appliance

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"smartconnect/appliance/config"
)

// Every word of a setting can be chosen on its page, and has a label in the reader's
// language but for names.
func TestChoicesHaveLabels(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	var pages strings.Builder
	for _, path := range []string{"mqtt", "meter", "modbus"} {
		code, page := b.as("127.0.0.1", "GET", "/settings/"+path, "", func(r *http.Request) { r.Header.Set("Accept-Language", "de") })
		if code != 200 {
			t.Fatal(code, page)
		}
		pages.WriteString(page)
	}
	names := map[string]bool{"/Modbus/Servers/*/MeterType": true, "/Meter/Profile": true}
	for setting, words := range config.Choices(known()) {
		name := strings.Replace(setting, "*", "0", 1)
		_, control, found := strings.Cut(pages.String(), `name="`+name+`"`)
		control, _, _ = strings.Cut(control, "</select>")
		for _, word := range words {
			option := regexp.MustCompile(`<option value="` + regexp.QuoteMeta(html.EscapeString(word)) + `"(?: selected)?>([^<]*)</option>`).FindStringSubmatch(control)
			switch {
			case !found || option == nil:
				t.Errorf("%s cannot be set to %q", setting, word)
			case option[1] == word && !names[setting] && word != "0":
				t.Errorf("%s: %q has no label", setting, word)
			}
		}
	}
}
