package identity

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// kept is the content of identity.json.
type kept struct {
	Version          int
	Serial           string
	PasswordHash     string // bcrypt
	MQTTPasswordHash string // bcrypt

	// Label is what the hashes were when the label was made, nil while they still are.
	Label *labelHashes
}

// labelHashes are the hashes of the passwords that stand on the label.
type labelHashes struct{ PasswordHash, MQTTPasswordHash string }

var serialForm = regexp.MustCompile(fmt.Sprintf(`^[%s]{%d}$`, serialAlphabet, serialLength))

// read reads identity.json. What was read before stays if it cannot be used.
func (id *Identity) read() error {
	info, err := os.Lstat(id.path(keptName))
	if err != nil {
		return err
	}
	b, err := config.ReadFile(id.path(keptName))
	if err != nil {
		return err
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("%s is %w: %w", id.path(keptName), errDamaged, err)
	}
	if k.Version > version {
		return fmt.Errorf("%s has version %d, and this program reads up to version %d", id.path(keptName), k.Version, version)
	}
	_, err = bcrypt.Cost([]byte(k.PasswordHash))
	_, mqttErr := bcrypt.Cost([]byte(k.MQTTPasswordHash))
	if l := k.Label; err == nil && mqttErr == nil && l != nil {
		_, err = bcrypt.Cost([]byte(l.PasswordHash))
		_, mqttErr = bcrypt.Cost([]byte(l.MQTTPasswordHash))
	}
	if k.Version != version || !serialForm.MatchString(k.Serial) || err != nil || mqttErr != nil {
		return fmt.Errorf("%s is %w: it has no version, serial number or hash of the right form", id.path(keptName), errDamaged)
	}
	id.kept, id.readAs = k, info
	return nil
}

// APIHash is the lookup of the API's Verifier.
func (id *Identity) APIHash(user string) (hash string, ok bool) {
	return id.current().PasswordHash, user == User
}

// MQTTHash is the lookup of the broker's Verifier, as far as the label goes.
func (id *Identity) MQTTHash(user string) (hash string, ok bool) {
	return id.current().MQTTPasswordHash, user == MQTTUser
}

// current returns what is kept now: `smartconnect label --new-password` is
// another process, and its passwords count at once.
func (id *Identity) current() kept {
	id.mu.Lock()
	defer id.mu.Unlock()
	info, err := os.Lstat(id.path(keptName))
	if err == nil && os.SameFile(info, id.readAs) && info.ModTime().Equal(id.readAs.ModTime()) {
		return id.kept
	}
	if err == nil {
		err = id.read()
	}
	// Whoever lost the file keeps the identity of this life; said once.
	if err != nil && err.Error() != id.refused {
		id.refused = err.Error()
		id.log.Error("identity cannot be read again, keeping the one of the start", "error", err)
	}
	return id.kept
}
