package api

import (
	"fmt"
	"sync"

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
