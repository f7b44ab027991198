package identity

import (
	"os"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// After a factory reset the passwords of the label count, whatever the owner did.
func TestRestoreLabel(t *testing.T) {
	const own, ownMQTT = "correct horse battery", "staple of another kind"
	for _, test := range []struct {
		name   string
		before func(t *testing.T, id *Identity)
		renews bool // the label is another one by then
		note   string
	}{
		{"nothing was changed", func(*testing.T, *Identity) {}, false, ""},
		{"one was", func(t *testing.T, id *Identity) { set(t, id, User, own) }, false, printed},
		{"both were, and one again", func(t *testing.T, id *Identity) {
			set(t, id, User, own)
			set(t, id, MQTTUser, ownMQTT)
			set(t, id, User, own+" again")
		}, false, printed},
		{"the label file was deleted", func(t *testing.T, id *Identity) {
			if err := os.Remove(id.path(labelName)); err != nil {
				t.Fatal(err)
			}
			set(t, id, User, own)
		}, false, deleted},
		{"a new label was made since", func(t *testing.T, id *Identity) {
			set(t, id, User, own)
			if err := id.NewPassword(); err != nil {
				t.Fatal(err)
			}
		}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			id := opened(t, dir)
			sticker, err := id.Label()
			if err != nil {
				t.Fatal(err)
			}
			test.before(t, id)
			if test.renews {
				if sticker, err = id.Label(); err != nil {
					t.Fatal(err)
				}
			}
			if err := id.RestoreLabel(); err != nil {
				t.Fatal(err)
			}
			again := opened(t, dir) // it lasts
			api, _ := again.APIHash(User)
			mqtt, _ := again.MQTTHash(MQTTUser)
			if bcrypt.CompareHashAndPassword([]byte(api), []byte(sticker.Password)) != nil || bcrypt.CompareHashAndPassword([]byte(mqtt), []byte(sticker.MQTTPassword)) != nil {
				t.Error("the passwords of the label do not count")
			}
			l, err := again.Label()
			if err != nil || l.Serial != sticker.Serial || l.CAFingerprint != sticker.CAFingerprint || l.Note != test.note {
				t.Errorf("label %+v, %v, want the note %q", l, err, test.note)
			}
		})
	}
}

func set(t *testing.T, id *Identity, user, password string) {
	t.Helper()
	if err := id.SetPasswords(map[string]string{user: password}); err != nil {
		t.Fatal(err)
	}
}
