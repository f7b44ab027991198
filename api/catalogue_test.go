package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smartconnect/telegram"
)

// constants returns the texts of the string constants of a Go file, or of those of one
// type or with one beginning of their name.
func constants(t *testing.T, file string, of func(name, typ string) bool) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			typ, _ := v.Type.(*ast.Ident)
			for i, name := range v.Names {
				if i >= len(v.Values) || !of(name.Name, nameOf(typ)) {
					continue
				}
				if lit, ok := v.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					values = append(values, text)
				}
			}
		}
	}
	if len(values) == 0 {
		t.Fatalf("%s has none of these constants", file)
	}
	return values
}

func nameOf(i *ast.Ident) string {
	if i == nil {
		return ""
	}
	return i.Name
}

// asked returns the names of all sentences that the page can ask for. Each must be
// there; those it can do without are in the second list.
func asked(t *testing.T) (must, may []string) {
	t.Helper()
	literal := regexp.MustCompile(`\bT "([^"]+)"|\.T\("([^"]+)"[,)]|newPart\([^,]*, "([^"]+)"|t\.lamp\("([^"]+)"|showSheet|"(login\.title|status\.title|restart\.title)"`)
	for _, glob := range []string{"*.go", "web/*.html"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range literal.FindAllStringSubmatch(string(b), -1) {
				for _, name := range m[1:] {
					if name != "" {
						must = append(must, name)
					}
				}
			}
		}
	}
	all := func(string, string) bool { return true }
	typed := func(want string) func(string, string) bool {
		return func(_, typ string) bool { return typ == want }
	}
	for _, s := range constants(t, "status.go", typed("State")) {
		must = append(must, "state."+s)
		may = append(may, "modbus."+s, "broker."+s)
	}
	must = append(must, "state.")
	for _, s := range constants(t, "status.go", typed("MeterState")) {
		must = append(must, "meter."+s, "meter."+s+".why")
	}
	for _, r := range constants(t, "network.go", func(name, _ string) bool { return strings.HasPrefix(name, "Reason") }) {
		must = append(must, "net."+r)
		may = append(may, "net."+r+".word")
	}
	for _, r := range constants(t, "../appliance/uplink/reason.go", all) {
		must = append(must, "mqtt."+r)
	}
	for _, kind := range constants(t, "../appliance/events.go", func(name, _ string) bool { return strings.HasPrefix(name, "event") }) {
		must = append(must, "event."+kind)
	}
	must = append(must, "mqtt.off", "password."+presentName, "password."+newName, "password."+repeatName)
	must = append(must, constants(t, "session.go", typed("ending"))...)
	for _, l := range []string{"green", "red", "red-green", "green-orange", "red-orange"} {
		must = append(must, "light."+l)
	}
	for _, m := range []string{"ok", "no-meter", "no-network", "no-meter-no-network", "starting"} {
		must = append(must, "light.is."+m)
	}
	for _, sh := range sheets {
		must = append(must, sh.title+".title", sh.title+".tab", sh.title+".about")
		if sh.list != "" {
			must = append(must, sh.title+".row", sh.title+".new")
		}
		for _, f := range sh.fields {
			must = append(must, "field"+f.at)
			may = append(may, "hint"+f.at)
		}
	}
	for _, r := range rights {
		must = append(must, "word/Broker/Users/*/Rules/"+r.name)
	}
	must = append(must, "word/Broker/Users/*/Rules/"+ownRights)
	for q := range telegram.NumQuantities {
		base := q.String()
		for _, e := range endings {
			base = strings.TrimSuffix(base, e.ending)
		}
		may = append(may, "quantity."+base)
	}
	return must, may
}

// Every sentence that is asked for is there, in every language, with the same blanks
// to fill; and none that nobody asks for.
func TestCatalogue(t *testing.T) {
	must, may := asked(t)
	for _, name := range must {
		if !tongues[0].has(name) {
			t.Errorf("the catalogue has no %q", name)
		}
	}
	blanks := regexp.MustCompile(`%[0-9]*[a-zA-Z]`)
	for _, name := range slices.Sorted(maps.Keys(tongues[0].words)) {
		en := blanks.FindAllString(tongues[0].words[name], -1)
		for _, l := range tongues {
			switch sentence := l.words[name]; {
			case sentence == "":
				t.Errorf("%q is missing in %s", name, l.Name)
			case !slices.Equal(blanks.FindAllString(sentence, -1), en):
				t.Errorf("%q has other blanks in %s: %q", name, l.Name, sentence)
			case strings.TrimSpace(sentence) != sentence:
				t.Errorf("%q begins or ends with a space in %s: %q", name, l.Name, sentence)
			}
		}
		if !slices.Contains(must, name) && !slices.Contains(may, name) && !strings.HasPrefix(name, "word/") {
			t.Errorf("nobody asks for %q", name)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, test := range []struct{ accept, cookie, want string }{
		{"", "", "en"},
		{"de-CH, en;q=0.5", "", "de"},
		{"pl, fr-BE;q=0.8", "", "fr"},
		{"nl", "", "nl"},
		{"pl", "", "en"},
		{"de", "nl", "nl"},
		{"de;;;", "", "en"},
		{"de", "!", "en"},
	} {
		b := start(t, nil)
		header := map[string][]string{"Accept-Language": {test.accept}}
		if test.cookie != "" {
			header["Cookie"] = []string{languageCookie + "=" + test.cookie}
		}
		for _, plain := range []bool{false, true} {
			ask := request{path: "/login", user: "-", header: header, plain: plain}
			if plain {
				ask.path = "/"
			}
			if _, body := b.do(ask); !strings.Contains(body, `<html lang="`+test.want+`">`) {
				t.Errorf("%q, chosen %q: not in %s", test.accept, test.cookie, test.want)
			}
		}
	}
	b := start(t, nil)
	got, _ := b.do(request{path: "/language?to=fr&back=/settings/mqtt", user: "-"})
	if c := got.Cookies(); got.StatusCode != 303 || got.Header.Get("Location") != "/settings/mqtt" || len(c) != 1 || c[0].Value != "fr" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	if got, _ := b.do(request{path: "/language?to=xx", user: "-"}); got.StatusCode != 400 {
		t.Errorf("a language there is not: %d", got.StatusCode)
	}
	if got, _ := b.do(request{path: "/language?to=fr&back=https://evil.example", user: "-"}); got.Header.Get("Location") != "/" {
		t.Errorf("leads to %q", got.Header.Get("Location"))
	}
}

// Whatever language: no page shows the bare name of a sentence.
func TestNoBareNames(t *testing.T) {
	b := start(t, nil)
	for _, l := range tongues {
		for _, path := range []string{"/", "/login", "/restart", "/settings/mqtt", "/settings/meter", "/settings/modbus", "/settings/broker", "/settings/users", "/settings/box"} {
			_, body := b.do(request{path: path, header: map[string][]string{"Accept-Language": {l.Lang}}})
			for name := range l.words {
				if strings.Contains(name, ".") && strings.Contains(body, ">"+name+"<") {
					t.Errorf("%s in %s shows %q", path, l.Name, name)
				}
			}
			if strings.Contains(body, "%!") {
				t.Errorf("%s in %s has a blank that nothing fills:\n%s", path, l.Name, body)
			}
		}
	}
}
