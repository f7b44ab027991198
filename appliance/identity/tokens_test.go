package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAddTokenRefuses(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	for _, name := range []string{"", " ", "a b", "a/b", "grüezi", "a\n", "\x00", strings.Repeat("a", 33), "\"", "{}"} {
		if secret, err := id.AddToken(name); !errors.Is(err, ErrTokenName) || secret != "" {
			t.Errorf("%q: %q, %v", name, secret, err)
		}
	}
	if got := files(t, dir); slices.Contains(got, tokensName) {
		t.Errorf("files %q", got)
	}
	for i := range maxTokens {
		if _, err := id.AddToken(fmt.Sprint("machine", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := id.AddToken("machine3"); !errors.Is(err, ErrTokenTaken) || !strings.Contains(err.Error(), "machine3") {
		t.Errorf("a name twice: %v", err)
	}
	if _, err := id.AddToken("one-more"); !errors.Is(err, ErrTokensFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := id.RemoveToken("nobody"); !errors.Is(err, ErrNoToken) {
		t.Errorf("removing what is not there: %v", err)
	}
	if n := len(id.Tokens()); n != maxTokens {
		t.Errorf("%d tokens", n)
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	if list := id.Tokens(); len(list) != 0 {
		t.Errorf("a new box has %v", list)
	}
	secrets := map[string]string{}
	for _, name := range []string{"prometheus", "Home_Assistant.2", strings.Repeat("a", 32)} {
		secret, err := id.AddToken(name)
		if err != nil || !regexp.MustCompile(`^sc_[A-Z2-7]{26}$`).MatchString(secret) {
			t.Fatalf("%s: %q, %v", name, secret, err)
		}
		if _, twice := secrets[secret]; twice {
			t.Fatal("a secret twice")
		}
		secrets[secret] = name
	}
	content, err := os.ReadFile(filepath.Join(dir, tokensName))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, tokensName)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	for _, who := range []*Identity{id, opened(t, dir)} {
		list := who.Tokens()
		if len(list) != 3 || list[0].Name != "prometheus" || time.Since(list[0].Created) > time.Minute || list[0].Created.Location() != time.UTC {
			t.Errorf("tokens %v", list)
		}
		for secret, want := range secrets {
			if name, ok := who.TokenName(secret); !ok || name != want {
				t.Errorf("%q, %t, want %q", name, ok, want)
			}
			if strings.Contains(string(content), secret[len(tokenPrefix):]) {
				t.Error("the file holds a secret")
			}
			wrong := []string{"", tokenPrefix, secret[:len(secret)-1], secret + "A", strings.ToLower(secret), secret[len(tokenPrefix):], tokenHash(secret)}
			for _, other := range wrong {
				if name, ok := who.TokenName(other); ok || name != "" {
					t.Errorf("%q is taken for %q", other, name)
				}
			}
		}
	}
	for secret, name := range secrets {
		if err := id.RemoveToken(name); err != nil {
			t.Fatal(err)
		}
		for _, who := range []*Identity{id, opened(t, dir)} {
			if _, ok := who.TokenName(secret); ok {
				t.Errorf("%s is removed and opens", name)
			}
		}
	}
	if left := opened(t, dir).Tokens(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if again, err := id.AddToken("prometheus"); err != nil || secrets[again] != "" {
		t.Errorf("a name that was removed: %v", err)
	}
}

// A damaged file is put aside and costs the machines their tokens; one that is
// newer stays where it is. Neither keeps the box from starting.
func TestTokensUnusable(t *testing.T) {
	const hash = "0000000000000000000000000000000000000000000000000000000000000000"
	row := func(name, sum string) string { return `{"Name":"` + name + `","SHA256":"` + sum + `"}` }
	for _, c := range []struct {
		name, content string
		aside         bool
	}{
		{"empty", ``, true},
		{"no JSON", `{"Version":1,"Tokens":[`, true},
		{"no version", `{"Tokens":[]}`, true},
		{"a name that is none", `{"Version":1,"Tokens":[` + row("a b", hash) + `]}`, true},
		{"a hash that is none", `{"Version":1,"Tokens":[` + row("a", "sc_secret") + `]}`, true},
		{"half a hash", `{"Version":1,"Tokens":[` + row("a", hash[:32]) + `]}`, true},
		{"too many", `{"Version":1,"Tokens":[` + strings.Repeat(row("a", hash)+",", maxTokens) + row("a", hash) + `]}`, true},
		{"newer", `{"Version":2,"Keys":{}}`, false},
	} {
		dir := t.TempDir()
		opened(t, dir)
		path := filepath.Join(dir, tokensName)
		if err := os.WriteFile(path, []byte(c.content), mode); err != nil {
			t.Fatal(err)
		}
		id := opened(t, dir)
		if len(id.Tokens()) != 0 {
			t.Errorf("%s: tokens %v", c.name, id.Tokens())
		}
		_, err := id.AddToken("prometheus")
		if (err == nil) != c.aside {
			t.Errorf("%s: a new token: %v", c.name, err)
		}
		if c.aside {
			path += ".damaged"
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != c.content {
			t.Errorf("%s: %s holds %q, %v", c.name, filepath.Base(path), b, err)
		}
	}
}
