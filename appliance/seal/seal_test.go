package seal

import (
	"bytes"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"smartconnect/telegram"
)

const text = `{"Version":2,"MQTT":{"Password":"uplink-secret"}}`

var passphrase = telegram.NewSecret("correct horse battery")

// ageFile makes a file of age for some recipients.
func ageFile(t *testing.T, plain []byte, to ...age.Recipient) string {
	t.Helper()
	var b bytes.Buffer
	armored := armor.NewWriter(&b)
	w, err := age.Encrypt(armored, to...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close(), armored.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func withWork(t *testing.T, logN int) age.Recipient {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(logN)
	return r
}

func TestOpenRefuses(t *testing.T) {
	sealed, err := Seal([]byte(text), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(sealed, "\n")
	swapped := []byte(sealed)
	swapped[len(sealed)-60] ^= 1
	for _, c := range []struct{ name, text, passphrase, want string }{
		{"no passphrase", sealed, "", "passphrase can't be empty"},
		{"another passphrase", sealed, "correct horse batterx", "wrong passphrase"},
		{"another case", sealed, "Correct horse battery", "wrong passphrase"},
		{"nothing", "", "x", "seal: "},
		{"no file of age", "hello", "x", "seal: "},
		{"a line of a million", strings.Repeat("x", 1<<20), "x", "seal: "},
		{"cut off", strings.Join(lines[:3], ""), passphrase.Reveal(), "seal: "},
		{"a digit changed", string(swapped), passphrase.Reveal(), "seal: "},
		{"for a key", ageFile(t, []byte(text), key.Recipient()), passphrase.Reveal(), `for a key of the kind "X25519"`},
		{"with the work of a workstation", ageFile(t, []byte(text), withWork(t, 16)), passphrase.Reveal(), "work factor too large: 16"},
		{"too much", ageFile(t, make([]byte, maxLength+1), withWork(t, 10)), passphrase.Reveal(), "more than 1048576 octets"},
	} {
		began := time.Now()
		plain, err := Open(c.text, telegram.NewSecret(c.passphrase))
		if err == nil || plain != nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: %q, %v, want an error with %q", c.name, plain, err, c.want)
		}
		if errors.Is(err, ErrPassphrase) != (c.want == "wrong passphrase") {
			t.Errorf("%s: %v is called a wrong passphrase, or not called one", c.name, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %s", c.name, took)
		}
	}
}

func TestSeal(t *testing.T) {
	if _, err := Seal([]byte(text), telegram.Secret{}); err == nil {
		t.Error("sealed without a passphrase")
	}
	first, err := Seal([]byte(text), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "-----BEGIN AGE ENCRYPTED FILE-----\n") || strings.Contains(first, "uplink-secret") {
		t.Errorf("sealed: %s", first)
	}
	if second, _ := Seal([]byte(text), passphrase); second == first {
		t.Error("sealed twice, the same twice")
	}
	if plain, err := Open(first, passphrase); err != nil || string(plain) != text {
		t.Errorf("opened: %q, %v", plain, err)
	}
	if plain, err := Open(ageFile(t, []byte(text), withWork(t, maxWork)), passphrase); err != nil || string(plain) != text {
		t.Errorf("opened what another program sealed: %q, %v", plain, err)
	}
}

// The work is what every program of age finds in the head of the file.
func TestWorkFactor(t *testing.T) {
	sealed, err := Seal([]byte(text), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	file, _ := pem.Decode([]byte(sealed)) // the text form of age is that of PEM
	if file == nil {
		t.Fatalf("not a text of age: %s", sealed)
	}
	head, _, _ := bytes.Cut(file.Bytes, []byte("\n---"))
	if fields := bytes.Fields(head); len(fields) < 5 || string(fields[2]) != "scrypt" || string(fields[4]) != "14" {
		t.Errorf("the head is %q", head)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("")
	f.Add("-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n")
	f.Add("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := Open(text, passphrase); err == nil {
			t.Errorf("opened to %q", plain)
		}
	})
}
