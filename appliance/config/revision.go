package config

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// revisionKey is another one in each process. Without it, whoever sees a revision
// could try passwords on it.
var revisionKey = []byte(rand.Text())

// Revision names what is saved now: it is another text whenever anything that is
// saved is another, secrets included, and tells nothing of it.
func (s *Store) Revision() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	mac := hmac.New(sha256.New, revisionKey)
	mac.Write(file(s.saved))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
