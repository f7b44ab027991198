package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// tongue is a language of the page: its words are in web/catalogue.json, all four of
// a sentence together. A sentence is added there, and asked for by its name.
type tongue struct {
	Lang    string // BCP 47
	Name    string // as its speakers call it
	decimal string // between whole and fraction
	words   map[string]string
}

// tongues are the languages, the first for who speaks none of them.
var tongues = readCatalogue([]tongue{
	{Lang: "en", Name: "English", decimal: "."},
	{Lang: "de", Name: "Deutsch", decimal: ","},
	{Lang: "fr", Name: "Français", decimal: ","},
	{Lang: "nl", Name: "Nederlands", decimal: ","},
})

var matcher = language.NewMatcher([]language.Tag{language.English, language.German, language.French, language.Dutch})

func readCatalogue(all []tongue) []tongue {
	b, err := web.ReadFile("web/catalogue.json")
	var catalogue map[string]map[string]string
	if err == nil {
		err = json.Unmarshal(b, &catalogue)
	}
	if err != nil {
		panic(fmt.Errorf("api: catalogue: %w", err))
	}
	for i := range all {
		all[i].words = map[string]string{}
		for name, sentence := range catalogue {
			all[i].words[name] = sentence[all[i].Lang]
		}
	}
	return all
}

// T returns a sentence, with its %s and %d filled. A test sees to it that every
// sentence that is asked for is there; one that is not shows its name.
func (t tongue) T(name string, args ...any) string {
	sentence, ok := t.words[name]
	if !ok {
		return name
	}
	if len(args) > 0 {
		return fmt.Sprintf(sentence, args...)
	}
	return sentence
}

// has reports whether there is such a sentence.
func (t tongue) has(name string) bool { return t.words[name] != "" }

// languageCookie keeps the choice of a reader. It is no secret, and the landing page
// on plain HTTP knows it too.
const languageCookie = "sc-language"

// tongueOf returns the language of a request: the one that was chosen, or what the
// browser prefers.
func tongueOf(r *http.Request) tongue {
	wanted := r.Header.Get("Accept-Language")
	if c, err := r.Cookie(languageCookie); err == nil {
		wanted = c.Value
	}
	tags, _, err := language.ParseAcceptLanguage(wanted)
	if err != nil {
		return tongues[0]
	}
	_, i, _ := matcher.Match(tags...)
	return tongues[i]
}

// getLanguage keeps the choice of a language and goes back to the page.
func (s *Server) getLanguage(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	if !slices.ContainsFunc(tongues, func(t tongue) bool { return t.Lang == to }) {
		fail(w, r, http.StatusBadRequest, "%.20q is none of the languages of this page", to)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: to, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, localPath(r.URL.Query().Get("back")), http.StatusSeeOther)
}

// localPath returns path if it is one of this box, and else the first page: a link
// from elsewhere must not lead on to elsewhere. Browsers take a tab or an end of line
// out before they read an address (WHATWG URL, section 4.4).
func localPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\?#\t\r\n") {
		return "/"
	}
	return path
}
