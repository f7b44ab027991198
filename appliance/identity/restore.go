package identity

import (
	"errors"
	"fmt"
)

// Provisioned returns the files of the state folder that make this box the one on its
// label: serial number, hashes of the passwords, and the authority whose fingerprint is
// printed there.
func Provisioned() []string { return []string{keptName, caName, labelName} }

// RestoreLabel makes the passwords of the label those that count again, whatever the
// owner has put in their place. A label file that says that they were changed stays
// without them: the sticker has them.
func (id *Identity) RestoreLabel() error {
	id.mu.Lock()
	defer id.mu.Unlock()
	err := id.locked(func() error {
		if err := errors.Join(id.read(), id.finish()); err != nil {
			return err
		}
		if id.kept.Label == nil {
			return nil
		}
		k := id.kept
		k.PasswordHash, k.MQTTPasswordHash, k.Label = k.Label.PasswordHash, k.Label.MQTTPasswordHash, nil
		l := id.label()
		written, there := id.written()
		if !there {
			return id.keep(k, nil)
		}
		l.Password, l.MQTTPassword, l.Note = written.Password, written.MQTTPassword, printed
		return id.keep(k, l.Text())
	})
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}
