package config

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// A secret alone makes another revision, and what was before makes the one from
// before, in the next life too.
func TestRevision(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, known)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{s.Revision(): "as delivered"}
	for _, patch := range []string{
		`{"MQTT":{"Site":"chalet"}}`,
		`{"MQTT":{"Password":"uplink-secret"}}`,
		`{"MQTT":{"Password":"another-secret"}}`,
		`{"Meter":{"Key":"000102030405060708090A0B0C0D0E0F"}}`,
		`{"Broker":{"Users":[{"Name":"ems","Password":"ems-secret-1"}]}}`,
		`{"Broker":{"Users":[{"Name":"ems","Password":"ems-secret-2"}]}}`,
	} {
		if _, _, err := s.Patch([]byte(patch)); err != nil {
			t.Fatal(err)
		}
		if before, known := seen[s.Revision()]; known {
			t.Errorf("%s: the revision is that of %s", patch, before)
		}
		seen[s.Revision()] = patch
	}
	if next, err := Open(dir, known); err != nil || next.Revision() != s.Revision() {
		t.Errorf("the next life of the process has another revision (%v)", err)
	}
	plain := sha256.Sum256(file(s.Config()))
	if s.Revision() == hex.EncodeToString(plain[:16]) {
		t.Error("the revision is a hash that everybody can make")
	}
	if _, _, err := s.Patch([]byte(`{"MQTT":null,"Meter":null,"Broker":null}`)); err != nil || seen[s.Revision()] != "as delivered" {
		t.Errorf("back to what was delivered: %v, revision of %q", err, seen[s.Revision()])
	}
}
