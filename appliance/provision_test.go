package appliance

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/identity"
)

// identities are made once and handed out in turn: to hash two passwords for each box of
// these tests, as slowly as the box does, takes minutes with the race detector.
var identities = sync.OnceValues(func() (all []map[string][]byte, err error) {
	for range 3 {
		files, err := newIdentity()
		if err != nil {
			return nil, err
		}
		all = append(all, files)
	}
	return all, nil
})

var handedOut atomic.Uint32

// provision makes a state folder of a box that has its label.
func provision(t testing.TB) (dir string) {
	t.Helper()
	all, err := identities()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, content := range all[int(handedOut.Add(1))%len(all)] {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newIdentity returns the files of an identity whose passwords are hashed cheaply.
func newIdentity() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "identity-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	who, err := identity.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	label, err := who.Label()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range identity.Provisioned() {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	const kept = "identity.json"
	files[kept], err = hashed(files[kept], map[string]string{"PasswordHash": label.Password, "MQTTPasswordHash": label.MQTTPassword})
	return files, err
}

// hashed puts cheap hashes of passwords into the content of identity.json.
func hashed(content []byte, passwords map[string]string) ([]byte, error) {
	var members map[string]any
	if err := json.Unmarshal(content, &members); err != nil {
		return nil, err
	}
	for name, password := range passwords {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return nil, err
		}
		members[name] = string(hash)
	}
	return json.Marshal(members)
}
