package glo

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartconnect/telegram"
)

const (
	keyDigits  = "000102030405060708090a0b0c0d0e0f"
	authDigits = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	otherKey   = "100102030405060708090a0b0c0d0e0f"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

var title = []byte("ABC\x00\x01\x02\x03\xDB")

const counter = "01020304"

// protect makes an APDU with crypto/cipher alone, without the code under test.
func protect(t testing.TB, control byte, plaintext []byte, length func(int) []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(unhex(keyDigits))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		t.Fatal(err)
	}
	iv := append(slices.Clone(title), unhex(counter)...)
	aad := append([]byte{control}, unhex(authDigits)...)
	var content []byte
	switch control & 0x30 {
	case 0x30:
		content = aead.Seal(nil, iv, plaintext, aad)
	case 0x20: // without tag and additional data: the same ciphertext
		content = aead.Seal(nil, iv, plaintext, nil)[:len(plaintext)]
	case 0x10:
		content = aead.Seal(slices.Clone(plaintext), iv, nil, append(aad, plaintext...))
	default:
		content = plaintext
	}
	b := append([]byte{0xDB, 0x08}, title...)
	b = append(b, length(5+len(content))...)
	b = append(b, control)
	b = append(b, unhex(counter)...)
	return append(b, content...)
}

func ber(n int) []byte {
	switch {
	case n < 0x80:
		return []byte{byte(n)}
	case n < 0x100:
		return []byte{0x81, byte(n)}
	}
	return []byte{0x82, byte(n >> 8), byte(n)}
}

func secret(s string) telegram.Secret {
	if s == "" {
		return telegram.Secret{}
	}
	return telegram.NewSecret(s)
}

func TestParseRefuses(t *testing.T) {
	head := "DB 08 " + hex.EncodeToString(title)
	good := protect(t, 0x30, []byte("text"), ber)
	for _, c := range []struct {
		name   string
		in     []byte
		class  error
		detail string
	}{
		{"nothing", nil, ErrIncomplete, ""},
		{"a data-notification", unhex("0F 00"), telegram.ErrMalformed, "tag 0F"},
		{"general-ded-ciphering", unhex("DC 08"), telegram.ErrUnsupported, "general-ded-ciphering (DC)"},
		{"general-ciphering", unhex("DD 08"), telegram.ErrUnsupported, "general-ciphering (DD)"},
		{"the tag alone", unhex("DB"), ErrIncomplete, ""},
		{"no system title", unhex("DB 00"), telegram.ErrMalformed, "system title of 0"},
		{"a system title of nine", unhex("DB 09"), telegram.ErrMalformed, "system title of 9"},
		{"no length", unhex(head), ErrIncomplete, ""},
		{"half a length", unhex(head + "82 01"), ErrIncomplete, ""},
		{"a length of indefinite form", unhex(head + "80 30"), telegram.ErrMalformed, "begins with 80"},
		{"a length of three octets", unhex(head + "83 00 00 20 30"), telegram.ErrMalformed, "begins with 83"},
		{"a length of 127 octets", unhex(head + "FF"), telegram.ErrMalformed, "begins with FF"},
		{"no room for the counter", unhex(head + "04 20 00 00 00"), telegram.ErrMalformed, "length 4"},
		{"no room for the tag", unhex(head + "10 30"), telegram.ErrMalformed, "no room for the tag"},
		{"no security control", unhex(head + "20"), ErrIncomplete, ""},
		{"all but the last octet", good[:len(good)-1], ErrIncomplete, ""},
		{"the class of what is cut off", good[:len(good)-1], telegram.ErrMalformed, "incomplete"},
		{"the broadcast key", unhex(head + "20 70"), telegram.ErrUnsupported, "broadcast key (security control 70)"},
		{"compressed", unhex(head + "20 B0"), telegram.ErrUnsupported, "compressed content (security control B0)"},
		{"suite 2", unhex(head + "20 32"), telegram.ErrUnsupported, "security suite 2"},
		{"suite 15", unhex(head + "20 2F"), telegram.ErrUnsupported, "security suite 15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n, err := Parse(c.in)
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) {
				t.Fatalf("error %v, want a %v that says %q", err, c.class, c.detail)
			}
			if n != 0 || f.Content != nil {
				t.Errorf("with an error came %d octets and %+v", n, f)
			}
		})
	}
}

func TestParse(t *testing.T) {
	text := []byte("what the meter said")
	long := bytes.Repeat(text, 20)
	for _, c := range []struct {
		name    string
		control byte
		text    []byte
		length  func(int) []byte
		tag     int
	}{
		{"authenticated and encrypted", 0x30, text, ber, 12},
		{"encrypted only", 0x20, text, ber, 0},
		{"encrypted only, suite 1 as Kaifa has it", 0x21, text, ber, 0},
		{"authenticated only", 0x10, text, ber, 12},
		{"plain", 0x00, text, ber, 0},
		{"nothing inside", 0x20, nil, ber, 0},
		{"nothing but a tag", 0x30, nil, ber, 12},
		{"a length of one octet more", 0x30, long[:150], ber, 12},
		{"a length of two octets more", 0x30, long, ber, 12},
		{"a small length in two octets more", 0x30, text, func(n int) []byte { return []byte{0x82, byte(n >> 8), byte(n)} }, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := protect(t, c.control, c.text, c.length)
			f, n, err := Parse(append(slices.Clone(in), 0xDB, 0x08))
			if err != nil || n != len(in) {
				t.Fatalf("%d octets, error %v; want %d", n, err, len(in))
			}
			if !bytes.Equal(f.Title[:], title) || f.Control != c.control || f.Counter != 0x01020304 ||
				len(f.Content) != len(c.text) || len(f.Tag) != c.tag || (f.Tag != nil) != f.Authenticated() {
				t.Errorf("%+v", f)
			}
			for i := range n {
				if _, _, err := Parse(in[:i]); !errors.Is(err, ErrIncomplete) {
					t.Fatalf("after %d octets of %d: %v", i, n, err)
				}
			}
		})
	}
}

func TestSeal(t *testing.T) {
	f, _, err := Parse(protect(t, 0x30, []byte("text"), ber))
	if err != nil {
		t.Fatal(err)
	}
	want := telegram.Seal{Encrypted: true, Authenticated: true, Title: telegram.TextOf("41424300010203DB"), Counter: 0x01020304}
	if got := f.Seal(true); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	f.Control = 0x10
	if got := f.Seal(false); got.Encrypted || got.Authenticated {
		t.Errorf("authenticated only: %+v", got)
	}
}

func TestNewCipherRefuses(t *testing.T) {
	for _, c := range []struct {
		name, key, auth string
		class           error
		detail          string
	}{
		{"no key", "", "", telegram.ErrKeyRequired, "required"},
		{"an authentication key alone", "", authDigits, telegram.ErrKeyRequired, "required"},
		{"a short key", "0011", "", telegram.ErrDecrypt, "the key is no 32 hex digits"},
		{"a key that is no hex", strings.Repeat("zz", 16), "", telegram.ErrDecrypt, "the key is no 32 hex digits"},
		{"a long authentication key", keyDigits, authDigits + "00", telegram.ErrDecrypt, "the authentication key is no 32 hex digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, make := range map[string]func(key, auth telegram.Secret) (*Cipher, error){"NewCipher": NewCipher, "CipherFor": CipherFor} {
				got, err := make(secret(c.key), secret(c.auth))
				if got != nil || !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) {
					t.Errorf("%s: error %v, want a %v that says %q", name, err, c.class, c.detail)
				}
				if err != nil && c.key != "" && strings.Contains(err.Error(), c.key) {
					t.Errorf("%s: error %v gives the key away", name, err)
				}
			}
		})
	}
}

func TestOpen(t *testing.T) {
	text := []byte("\x0F what the meter said, longer than one block of the cipher")
	for _, c := range []struct {
		name          string
		control       byte
		key, auth     string
		spoil         int // octet to change, counted from the end; 0: none
		authenticated bool
		fails, wrong  bool // ErrKeyWrong, or something other than the text
	}{
		{"a wrong key, with authentication key", 0x30, otherKey, authDigits, 0, false, true, false},
		{"a wrong authentication key", 0x30, keyDigits, otherKey, 0, false, true, false},
		{"a wrong key, without authentication key", 0x30, otherKey, "", 0, false, false, true},
		{"a wrong key, without tag", 0x20, otherKey, authDigits, 0, false, false, true},
		{"a bit of the tag", 0x30, keyDigits, authDigits, 1, false, true, false},
		{"a bit of the ciphertext", 0x30, keyDigits, authDigits, 20, false, true, false},
		{"a bit of the ciphertext, and nobody to notice", 0x30, keyDigits, "", 20, false, false, true},
		{"a bit of the plaintext, authenticated only", 0x10, keyDigits, authDigits, 20, false, true, false},
		{"a wrong key, authenticated only", 0x10, otherKey, authDigits, 0, false, true, false},

		{"authenticated and encrypted", 0x30, keyDigits, authDigits, 0, true, false, false},
		{"the same without authentication key", 0x30, keyDigits, "", 0, false, false, false},
		{"suite 1, authenticated", 0x31, keyDigits, authDigits, 0, true, false, false},
		{"a bit of the tag, and nobody to notice", 0x30, keyDigits, "", 1, false, false, false},
		{"encrypted only", 0x20, keyDigits, "", 0, false, false, false},
		{"encrypted only, suite 1", 0x21, keyDigits, "", 0, false, false, false},
		{"encrypted only, with authentication key", 0x20, keyDigits, authDigits, 0, false, false, false},
		{"authenticated only", 0x10, keyDigits, authDigits, 0, true, false, false},
		{"authenticated only, without authentication key", 0x10, keyDigits, "", 0, false, false, false},
		{"plain", 0x00, keyDigits, authDigits, 0, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := protect(t, c.control, text, ber)
			if c.spoil > 0 {
				in[len(in)-c.spoil] ^= 0x10
			}
			before := slices.Clone(in)
			f, _, err := Parse(in)
			if err != nil {
				t.Fatal(err)
			}
			ciph, err := NewCipher(secret(c.key), secret(c.auth))
			if err != nil {
				t.Fatal(err)
			}
			for name, dst := range map[string][]byte{"no room": nil, "room": make([]byte, 3, 200), "room for the text": make([]byte, 0, len(text))} {
				got, authenticated, err := ciph.Open(dst, f)
				if c.fails {
					if !errors.Is(err, telegram.ErrKeyWrong) || got != nil || authenticated || !strings.Contains(err.Error(), "41424300010203DB, counter 16909060") {
						t.Errorf("%s: %q, %v, error %v; want the key to be wrong", name, got, authenticated, err)
					}
					continue
				}
				if err != nil || authenticated != c.authenticated || bytes.Equal(got, text) == c.wrong {
					t.Errorf("%s: %q, %v, error %v", name, got, authenticated, err)
				}
			}
			if !bytes.Equal(in, before) {
				t.Error("the input was changed")
			}
		})
	}
}

func TestOpenAllocations(t *testing.T) {
	for _, c := range []struct {
		auth string
		most float64
	}{
		{authDigits, 0},
		{"", 1}, // the stream of the standard library
	} {
		f, _, err := Parse(protect(t, 0x30, bytes.Repeat([]byte("text"), 100), ber))
		if err != nil {
			t.Fatal(err)
		}
		ciph, err := CipherFor(secret(keyDigits), secret(c.auth))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 0, 500)
		if got := testing.AllocsPerRun(200, func() {
			if _, _, err := ciph.Open(dst, f); err != nil {
				t.Fatal(err)
			}
		}); got > c.most {
			t.Errorf("authentication key %q: %v allocations, want %v", c.auth, got, c.most)
		}
	}
}

func TestCipherForRemembersAFew(t *testing.T) {
	one, err := CipherFor(secret(keyDigits), secret(""))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := CipherFor(secret(keyDigits), secret("")); again != one {
		t.Error("the keys were expanded twice")
	}
	if other, _ := CipherFor(secret(keyDigits), secret(authDigits)); other == one {
		t.Error("another authentication key, the same cipher")
	}
	done := make(chan error)
	for g := range 4 {
		go func() {
			var err error
			for i := range 100 {
				if _, e := CipherFor(secret(fmt.Sprintf("%030x%02x", g, i)), secret("")); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(ciphers.m); n > maxCiphers {
		t.Errorf("%d ciphers are kept, want no more than %d", n, maxCiphers)
	}
}

func FuzzGlo(f *testing.F) {
	for _, control := range []byte{0x30, 0x20, 0x21, 0x10, 0x00, 0x70, 0xB0, 0x32} {
		f.Add(protect(f, control, []byte("text"), ber))
	}
	f.Add(protect(f, 0x30, bytes.Repeat([]byte("text"), 100), ber))
	f.Add(unhex("DC 08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Parse(b)
		for i := range b { // what is known of a beginning holds for the whole
			_, m, early := Parse(b[:i])
			if !errors.Is(early, ErrIncomplete) && ((early == nil) != (err == nil) || m != n) || errors.Is(early, ErrIncomplete) && err == nil && i >= n {
				t.Fatalf("%d octets give %d, %v; all of them %d, %v", i, m, early, n, err)
			}
		}
		if err != nil {
			if !errors.Is(err, telegram.ErrMalformed) && !errors.Is(err, telegram.ErrUnsupported) {
				t.Fatalf("error %v has no class", err)
			}
			return
		}
		for _, auth := range []string{"", authDigits} {
			ciph, err := CipherFor(secret(keyDigits), secret(auth))
			if err != nil {
				t.Fatal(err)
			}
			text, authenticated, err := ciph.Open(nil, frame)
			if err == nil && len(text) != len(frame.Content) || authenticated && (auth == "" || frame.Tag == nil) {
				t.Fatalf("%d octets gave %d, authenticated %v", len(frame.Content), len(text), authenticated)
			}
		}
	})
}

// BenchmarkOpen is the cost of the cipher for a push of the usual size.
func BenchmarkOpen(b *testing.B) {
	f, _, err := Parse(protect(b, 0x30, bytes.Repeat([]byte("text"), 110), ber))
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 500)
	for name, auth := range map[string]string{"tag": authDigits, "no-tag": ""} {
		b.Run(name, func(b *testing.B) {
			ciph, err := CipherFor(secret(keyDigits), secret(auth))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(f.Content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := ciph.Open(dst, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
