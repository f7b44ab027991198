package api

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"smartconnect/telegram"
)

func (c *fakeConfig) Revision() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint("revision", len(c.patches))
}

func (c *fakeConfig) Export(passphrase telegram.Secret) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phrases = append(c.phrases, passphrase.Reveal())
	if !passphrase.IsSet() {
		return []byte(`{"Export":1,"Config":{}}`), c.err
	}
	return []byte(`{"Export":1,"Sealed":"…"}`), c.err
}

func (c *fakeConfig) Import(body []byte, passphrase telegram.Secret) (PatchResult, error) {
	c.mu.Lock()
	c.phrases = append(c.phrases, passphrase.Reveal())
	c.mu.Unlock()
	return c.Patch(body)
}

// fakeCredentials takes what it is given, or fails with err.
type fakeCredentials struct {
	mu    sync.Mutex
	given []map[string]string
	err   error
}

func (c *fakeCredentials) set(given map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = append(c.given, given)
	return c.err
}

// fakeTokens are tokens without secrets, or fail with err.
type fakeTokens struct {
	mu    sync.Mutex
	names []string
	err   error
}

const tokenSecret = "sc_SHOWNONCE"

func (f *fakeTokens) Tokens() []Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Token
	for _, name := range f.names {
		list = append(list, Token{name, time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)})
	}
	return list
}

func (f *fakeTokens) AddToken(name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return "", f.err
	case name == "":
		return "", fmt.Errorf("tokens: %w", problems{{"/Name", "a name has 1 to 32 letters"}})
	case slices.Contains(f.names, name):
		return "", fmt.Errorf("%s: %w", name, ErrConflict)
	}
	f.names = append(f.names, name)
	return tokenSecret, nil
}

func (f *fakeTokens) RemoveToken(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.Index(f.names, name)
	if f.err != nil || at < 0 {
		return cmp.Or(f.err, ErrNone)
	}
	f.names = slices.Delete(f.names, at, at+1)
	return nil
}
