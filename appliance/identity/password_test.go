package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Rows S2 and S4 of the security table: the owner can choose a password, and none
// that is empty or that anybody would try.
func TestWrongPassword(t *testing.T) {
	const serial = "A1B2C3D4E5F6"
	for _, c := range []struct {
		password, want string // "" for none
	}{
		{"", "at least 10 characters, and this has 0"},
		{"k7mxt-9fq", "at least 10 characters, and this has 9"},
		{"ééééééééé", "at least 10 characters, and this has 9"},
		{strings.Repeat("k7mxt-9fq", 8) + "x", "at most 72 octets, and this has 73"},
		{strings.Repeat("é", 37), "at most 72 octets, and this has 74"},
		{"k7mxt-9fqdc\n", "printable characters only"},
		{"k7mxt-9fqdc\x00", "printable characters only"},
		{"k7mxt-9fqdc\xff", "printable characters only"},
		{"A1B2C3D4E5F6", "holds the serial number"},
		{"my box a1b2c3d4e5f6", "holds the serial number"},
		{"aaaaaaaaaa", "first that anybody tries"},
		{"1212121212", "first that anybody tries"},
		{"abcabcabcabcabc", "first that anybody tries"},
		{"useruseruser", "first that anybody tries"},
		{"1234567890", "first that anybody tries"},
		{"0987654321", "first that anybody tries"},
		{"abcdefghijkl", "first that anybody tries"},
		{"qwertyuiop", "first that anybody tries"},
		{"QWERTZUIOP", "first that anybody tries"},
		{"azertyuiop", "first that anybody tries"},
		{"password123", "first that anybody tries"},
		{"Password!!!", "first that anybody tries"},
		{"P@ssw0rd2026", "first that anybody tries"},
		{"passwordpassword", "first that anybody tries"},
		{"smart-connect", "first that anybody tries"},
		{"Smart Connect 1", "first that anybody tries"},
		{"Willkommen2026", "first that anybody tries"},
		{"admin-password", "first that anybody tries"},
		{"changeme123", "first that anybody tries"},

		{"8301552799", ""},
		{"correct horse battery", ""},
		{"my password is long", ""},
		{"Grüezi, Nachbar!", ""},
		{strings.Repeat("k7mxt-9fq", 8), ""},
		{"k7mxt-9fqdc-3hwra-6vyjn", ""},
	} {
		got := wrongPassword(c.password, serial)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.password, got, c.want)
		}
		if c.password != "" && strings.Contains(got, c.password) {
			t.Errorf("%q: the sentence repeats it: %q", c.password, got)
		}
	}
	for range 200 {
		if why := wrongPassword(randomPassword(), serial); why != "" {
			t.Errorf("a password of a label: %s", why)
		}
	}
}

const (
	own      = "correct horse battery"
	ownOther = "staple of my neighbour"
)

func TestSetPasswordsRefuses(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	l := labelOf(t, id)
	for _, c := range []struct {
		name  string
		given map[string]string
		want  map[string]string
	}{
		{"a short one", map[string]string{User: "short"}, map[string]string{User: "at least 10"}},
		{"the present one", map[string]string{User: l.Password}, map[string]string{User: "is the present one"}},
		{"the present one of the broker", map[string]string{MQTTUser: l.MQTTPassword}, map[string]string{MQTTUser: "is the present one"}},
		{"that of the broker", map[string]string{User: l.MQTTPassword}, map[string]string{User: `also that of the user "mqtt"`}},
		{"that of the API for the broker", map[string]string{MQTTUser: l.Password}, map[string]string{MQTTUser: `also that of the user "user"`}},
		{"one for both", map[string]string{User: own, MQTTUser: own}, map[string]string{User: "also that of", MQTTUser: "also that of"}},
		{"a good one and a bad one", map[string]string{User: own, MQTTUser: "password123"}, map[string]string{MQTTUser: "first that anybody tries"}},
		{"two bad ones", map[string]string{User: "", MQTTUser: l.Serial}, map[string]string{User: "at least 10", MQTTUser: "serial number"}},
	} {
		err := id.SetPasswords(c.given)
		refusal, _ := errors.AsType[Refusal](err)
		if len(refusal) != len(c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		for user, want := range c.want {
			if !strings.Contains(refusal[user], want) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %s: %q, want %q", c.name, user, refusal[user], want)
			}
		}
		for _, secret := range []string{own, l.Password, l.MQTTPassword} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells a password: %v", c.name, err)
			}
		}
	}
	if err := id.SetPasswords(map[string]string{"admin": own}); err == nil || !strings.Contains(err.Error(), `"admin" is no user`) {
		t.Errorf("a user there is not: %v", err)
	}
	accepts(t, opened(t, dir), l)
}

func TestSetPasswords(t *testing.T) {
	for _, c := range []struct {
		name  string
		given map[string]string
	}{
		{"the API", map[string]string{User: own}},
		{"the broker", map[string]string{MQTTUser: ownOther}},
		{"both", map[string]string{User: own, MQTTUser: ownOther}},
	} {
		dir := t.TempDir()
		id, running := opened(t, dir), opened(t, dir) // two processes
		before := labelOf(t, id)
		want := before
		api, mqtt := cheap(NewVerifier(running.APIHash)), cheap(NewVerifier(running.MQTTHash))
		for _, v := range []struct {
			*Verifier
			user, password string
		}{{api, User, before.Password}, {mqtt, MQTTUser, before.MQTTPassword}} {
			if ok, _ := v.Check("a", v.user, v.password); !ok {
				t.Fatalf("%s: the first password of %s is refused", c.name, v.user)
			}
		}
		if err := id.SetPasswords(c.given); err != nil {
			t.Fatal(err)
		}
		l := labelOf(t, id)
		for user, v := range map[string]*Verifier{User: api, MQTTUser: mqtt} {
			password, set := c.given[user]
			shown, old := users[user].shown(&l), *users[user].shown(&before)
			if set {
				*users[user].shown(&want) = password
			}
			if ok, _ := v.Check("a", user, old); ok == set {
				t.Errorf("%s: the password of the label, which the running appliance remembers, opens for %s: %t", c.name, user, ok)
			}
			if set != (*shown == "") || !set && *shown != old {
				t.Errorf("%s: the label shows %q for %s", c.name, *shown, user)
			}
		}
		accepts(t, running, want)
		accepts(t, opened(t, dir), want)
		if !strings.HasPrefix(l.Note, "changed by the owner") || l.Serial != before.Serial {
			t.Errorf("%s: label %+v", c.name, l)
		}
		text, err := os.ReadFile(filepath.Join(dir, labelName))
		if n := strings.Count(string(text), "("+changed+")"); err != nil || n != len(c.given) || strings.Contains(string(text), own) || strings.Contains(string(text), ownOther) {
			t.Errorf("%s: label.txt says so %d times (%v):\n%s", c.name, n, err, text)
		}
		// The way back of an owner who forgot it.
		if err := opened(t, dir).NewPassword(); err != nil {
			t.Fatal(err)
		}
		back := labelOf(t, id)
		accepts(t, running, back)
		if back.Note != "" || back.Password == before.Password {
			t.Errorf("%s: the new label is %+v", c.name, back)
		}
	}
}

// Who has deleted the label gets none back.
func TestSetPasswordsWithoutALabel(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	before := labelOf(t, id)
	if err := os.Remove(filepath.Join(dir, labelName)); err != nil {
		t.Fatal(err)
	}
	if err := id.SetPasswords(map[string]string{User: own}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, labelName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a label came back: %v", err)
	}
	before.Password = own
	accepts(t, opened(t, dir), before)
	if l := labelOf(t, id); l.Note != deleted {
		t.Errorf("label %+v", l)
	}
}

// Whatever is left when the process dies between two writes, the next start has a
// label that goes with the hashes.
func TestSetPasswordsInterrupted(t *testing.T) {
	old, next := t.TempDir(), t.TempDir()
	first := labelOf(t, opened(t, old))
	if err := os.CopyFS(next, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	id := opened(t, next)
	for _, given := range []map[string]string{{User: own}, {MQTTUser: ownOther}, {User: "another horse battery"}} {
		if err := id.SetPasswords(given); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		take := func(from, to string) {
			t.Helper()
			b, err := os.ReadFile(filepath.Join(next, from))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, to), b, mode); err != nil {
				t.Fatal(err)
			}
		}
		take(labelName, pendingName)
		if l := labelOf(t, opened(t, dir)); l.Password != first.Password || l.MQTTPassword != first.MQTTPassword || l.Note != "" {
			t.Errorf("%v, after the pending label: %+v", given, l)
		}
		take(labelName, pendingName)
		take(keptName, keptName)
		after := opened(t, dir)
		if l, want := labelOf(t, after), labelOf(t, id); l.Password != want.Password || l.MQTTPassword != want.MQTTPassword || l.Note != want.Note {
			t.Errorf("%v, after the hashes: %+v, want %+v", given, l, want)
		}
		for user, password := range given {
			if bcrypt.CompareHashAndPassword([]byte(*users[user].hash(&after.kept)), []byte(password)) != nil {
				t.Errorf("%v, after the hashes: the password of %s is another", given, user)
			}
		}
		if got := files(t, dir); len(got) != 3 {
			t.Errorf("%v: files %q", given, got)
		}
	}
}
