package p1

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

const (
	testKey  = "000102030405060708090a0b0c0d0e0f"
	testAuth = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	luxAuth  = "00112233445566778899aabbccddeeff"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// encrypted makes a telegram with crypto/cipher alone, without the code under
// test. control says whether there is a tag and whether there is ciphertext.
func encrypted(control byte, auth, text string, counter byte) []byte {
	block, err := aes.NewCipher(unhex(testKey))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		panic(err)
	}
	iv := []byte{'A', 'b', 'C', 0, 0xDB, 0x08, 1, 2, 0, 0, 1, counter}
	aad := append([]byte{control}, unhex(auth)...)
	content := []byte(text)
	switch control & 0x30 {
	case 0x30:
		content = aead.Seal(nil, iv, content, aad)
	case 0x20:
		content = aead.Seal(nil, iv, content, nil)[:len(text)]
	case 0x10:
		content = append(content, aead.Seal(nil, iv, nil, append(aad, text...))...)
	}
	b := append([]byte{0xDB, 0x08}, iv[:8]...)
	n := 5 + len(content)
	b = append(b, 0x82, byte(n>>8), byte(n), control)
	b = append(b, iv[8:]...)
	return append(b, content...)
}

func changed(b []byte, at int, c byte) []byte {
	b = bytes.Clone(b)
	b[at] = c
	return b
}

func flipped(b []byte, at int) []byte { return changed(b, at, b[at]^0x10) }

func TestDecodeEncryptedRefuses(t *testing.T) {
	good := encrypted(0x30, testAuth, dsmr5, 1)
	lf := strings.ReplaceAll(dsmr5, "\r", "")
	noSum := dsmr5[:strings.Index(dsmr5, "\n!")+2] + "\r\n"
	high := sealed(strings.Replace(dsmr5[:strings.Index(dsmr5, "\n!")+2], "M550T", "M55\xABT", 1))
	for _, c := range []struct {
		name, key, auth string
		in              []byte
		class           error
		detail          string
	}{
		{"nothing", testKey, "", nil, telegram.ErrMalformed, "incomplete"},
		{"plain text", testKey, "", []byte(dsmr5), telegram.ErrMalformed, "tag 2F"},
		{"cut off", testKey, "", good[:len(good)-1], telegram.ErrMalformed, "incomplete"},
		{"octets behind the end", testKey, "", append(bytes.Clone(good), '!'), telegram.ErrMalformed, "1 octets behind the end"},
		{"general-ciphering", testKey, "", changed(good, 0, 0xDD), telegram.ErrUnsupported, "general-ciphering (DD)"},
		{"the broadcast key", testKey, "", changed(good, 13, 0x70), telegram.ErrUnsupported, "broadcast key"},
		{"compressed", testKey, "", changed(good, 13, 0xB0), telegram.ErrUnsupported, "compressed"},

		{"no key", "", "", good, telegram.ErrKeyRequired, "system title 41624300DB080102"},
		{"no key but an authentication key", "", testAuth, good, telegram.ErrKeyRequired, "key is required"},
		{"a key that is none", "abc", "", good, telegram.ErrDecrypt, "no 32 hex digits"},
		{"a wrong key", testAuth, "", good, telegram.ErrKeyWrong, "no text comes out"},
		{"a wrong key, with the authentication key", testAuth, testAuth, good, telegram.ErrKeyWrong, "no text comes out"},
		{"a wrong key, and no tag", testAuth, "", encrypted(0x20, testAuth, dsmr5, 1), telegram.ErrKeyWrong, "no text comes out"},
		{"a wrong authentication key", testKey, luxAuth, good, telegram.ErrKeyWrong, "the authentication key is wrong: the text is right"},
		{"an authentication key and no tag", testKey, testAuth, encrypted(0x20, testAuth, dsmr5, 1), telegram.ErrDecrypt, "the telegram carries none"},
		{"an authentication key and plain content", testKey, testAuth, encrypted(0x00, testAuth, dsmr5, 1), telegram.ErrDecrypt, "the telegram carries none"},

		{"a bit of the ciphertext", testKey, "", flipped(good, 200), telegram.ErrChecksum, "computed"},
		{"a bit of the ciphertext, with the authentication key", testKey, testAuth, flipped(good, 200), telegram.ErrChecksum, "computed"},
		{"the first octet of the ciphertext", testKey, "", flipped(good, 18), telegram.ErrChecksum, "computed"},
		{"a bit of the tag, with the authentication key", testKey, testAuth, flipped(good, len(good)-1), telegram.ErrKeyWrong, "the authentication key is wrong: the text is right"},
		{"a bit of the system title", testKey, "", flipped(good, 6), telegram.ErrKeyWrong, "no text comes out"},

		{"LF alone, and no tag that verifies", testKey, "", encrypted(0x30, testAuth, lf, 1), telegram.ErrChecksum, "computed"},
		{"no checksum inside, and no tag that verifies", testKey, "", encrypted(0x30, testAuth, noSum, 1), telegram.ErrChecksum, "no tag was verified"},
		{"an old telegram without checksum, and no tag that verifies", testKey, "", encrypted(0x30, testAuth, dsmr2, 1), telegram.ErrChecksum, "no tag was verified"},
		{"not ASCII, and no tag that verifies", testKey, "", encrypted(0x30, testAuth, high, 1), telegram.ErrMalformed, "0xab at octet 10"},
		{"something else under a tag", testKey, testAuth, encrypted(0x30, testAuth, "\x0F is not text", 1), telegram.ErrMalformed, "no '/'"},
		{"nothing under a tag", testKey, testAuth, encrypted(0x30, testAuth, "", 1), telegram.ErrMalformed, "no '/'"},
		{"nothing at all", testKey, "", encrypted(0x20, testAuth, "", 1), telegram.ErrKeyWrong, "no text comes out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := telegram.Options{UTCOffset: time.Hour, Key: telegram.NewSecret(c.key), AuthKey: telegram.NewSecret(c.auth)}
			m, err := Encrypted.Decode(c.in, o, func(telegram.Object) { t.Error("an object was shown") })
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.detail) || !strings.HasPrefix(err.Error(), "p1: ") {
				t.Fatalf("error %v, want a %v that says %q", err, c.class, c.detail)
			}
			if m.Refreshes() || m.Seal.Authenticated && c.class != telegram.ErrMalformed {
				t.Errorf("with an error came %+v", m)
			}
		})
	}
}

func TestDecodeEncrypted(t *testing.T) {
	lf := strings.ReplaceAll(dsmr5, "\r", "")
	masked := strings.Replace(dsmr5, "2M550T", "2M000T", 1)
	for _, c := range []struct {
		name          string
		control       byte
		auth, text    string // what the meter did
		key, authKey  string // what the user typed
		noChecksum    bool
		authenticated bool
	}{
		{"a tag that verifies", 0x30, testAuth, dsmr5, testKey, testAuth, false, true},
		{"a tag that verifies vouches for a wrong checksum", 0x30, testAuth, lf, testKey, testAuth, false, true},
		{"a tag nobody can verify: the checksum inside", 0x30, testAuth, dsmr5, testKey, "", false, false},
		{"the authentication key of Luxembourg needs no typing", 0x30, luxAuth, dsmr5, testKey, "", false, true},
		{"and vouches for a wrong checksum too", 0x30, luxAuth, lf, testKey, "", false, true},
		{"no tag: the checksum inside", 0x20, testAuth, dsmr5, testKey, "", false, false},
		{"suite 1", 0x21, testAuth, dsmr5, testKey, "", false, false},
		{"a tag alone", 0x10, testAuth, dsmr5, testKey, testAuth, false, true},
		{"a tag alone, unverified", 0x10, testAuth, dsmr5, testKey, "", false, false},
		{"a tag alone, and no key", 0x10, testAuth, dsmr5, "", "", false, false},
		{"plain content", 0x00, testAuth, dsmr5, testKey, "", false, false},
		{"plain content, and no key", 0x00, testAuth, dsmr5, "", "", false, false},
		{"masked, with the checksum off", 0x30, testAuth, masked, testKey, "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := telegram.Options{UTCOffset: time.Hour, NoChecksum: c.noChecksum, Key: telegram.NewSecret(c.key), AuthKey: telegram.NewSecret(c.authKey)}
			objects := 0
			m, err := Encrypted.Decode(encrypted(c.control, c.auth, c.text, 7), o, func(telegram.Object) { objects++ })
			if err != nil {
				t.Fatal(err)
			}
			same(t, "power", m.Get(telegram.ActivePower), -1234)
			want := telegram.Seal{Encrypted: c.control&0x20 != 0, Authenticated: c.authenticated, Title: telegram.TextOf("41624300DB080102"), Counter: 0x0107}
			if m.Seal != want || m.Format != "p1-encrypted" || m.Period != time.Second || objects < 20 {
				t.Errorf("format %s, seal %+v, period %v, %d objects; want %+v", m.Format, m.Seal, m.Period, objects, want)
			}
		})
	}
}

func TestCutEncrypted(t *testing.T) {
	one, two := encrypted(0x30, testAuth, dsmr5, 1), encrypted(0x20, testAuth, dsmr5, 2)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	liar := join(unhex("DB 08"), []byte("XYZ12345"), unhex("82 0F F0 30")) // counts on over several telegrams
	for _, c := range []struct {
		name  string
		in    []byte
		whole int
		noise int
		lost  string // what is said of a lost one
	}{
		{"nothing but line ends", []byte("\r\n\r\n"), 0, 0, ""},
		{"a plain telegram", []byte("/ABC5x\r\n\r\n!\r\n"), 0, 7, ""},
		{"a telegram cut off, then silence", one[:300], 0, 0, "line fell silent after 300"},
		{"half a header, then silence", one[:12], 0, 12, ""},
		{"the system title begins with no letters", join(changed(one[:14], 3, '1')), 0, 14, ""},
		{"a length of 127", changed(changed(one[:14], 10, 0x81), 11, 0x7F), 0, 14, ""},
		{"a length of 4097", changed(changed(one[:14], 11, 0x10), 12, 0x01), 0, 14, ""},
		{"a suite there is not", changed(one[:14], 13, 0x35), 0, 14, ""},
		{"general-ciphering", changed(one, 0, 0xDD)[:40], 0, 40, ""},

		{"one after the other", join(one, two, one), 3, 0, ""},
		{"line ends between", join(one, []byte("\r\n"), two, []byte("\r\n")), 2, 0, ""},
		{"noise between", join([]byte("\x00\xDB"), one, []byte("\xDB\x08\x00\xFF"), two, []byte("\xDB\x08")), 2, 8, ""},
		{"begins inside", join(one[100:], two), 1, len(one) - 100 - noiseless(one[100:]), ""},
		{"cut off, and the length reaches into the next", join(one[:300], two, one), 2, 0, "cut off after 300 octets by the next header"},
		{"cut off inside the header", join(one[:12], two, one), 2, 12, ""},
		{"one octet short", join(one[:len(one)-1], two), 1, 0, fmt.Sprintf("cut off after %d octets", len(one)-1)},
		{"as short as a header is long", join(one[:len(one)-14], two), 1, 0, fmt.Sprintf("cut off after %d octets", len(one)-14)},
		{"a false header that counts on over the good ones", join(liar, one, two, one), 3, 0, "cut off after 14 octets"},
		{"a false header and silence", liar, 0, 0, "line fell silent after 14"},
		{"ends like a header begins, then the next", join(changed(one, len(one)-1, 0xDB), two), 2, 0, ""},
		{"ends like a header begins, then silence", changed(changed(one, len(one)-2, 0xDB), len(one)-1, 0x08), 1, 0, ""},
		{"DB 08 inside", changed(changed(one, 300, 0xDB), 301, 0x08), 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, noise, lost := 0, 0, ""
			telegram.Telegrams(c.in, Encrypted, func(e telegram.Event) {
				noise += e.Lost.Noise
				if e.Raw != nil {
					whole++
				}
				if e.Lost.Err != nil {
					lost += e.Lost.Err.Error()
				}
			})
			if whole != c.whole || noise != c.noise || (lost == "") != (c.lost == "") || !strings.Contains(lost, c.lost) {
				t.Fatalf("%d whole, %d noise, lost %q; want %d, %d, %q", whole, noise, lost, c.whole, c.noise, c.lost)
			}
		})
	}
}

// noiseless counts the octets of b that do not count as noise.
func noiseless(b []byte) int { return bytes.Count(b, []byte{'\r'}) + bytes.Count(b, []byte{'\n'}) }

// A telegram cut off anywhere costs that telegram alone.
func TestCutOffAnywhere(t *testing.T) {
	one := encrypted(0x30, testAuth, dsmr5, 1)
	for n := range one {
		whole := 0
		telegram.Telegrams(append(bytes.Clone(one[:n]), one...), Encrypted, func(e telegram.Event) {
			if e.Raw != nil && bytes.Equal(e.Raw, one) {
				whole++
			}
		})
		if whole != 1 {
			t.Fatalf("cut off after %d octets: the telegram behind is lost", n)
		}
	}
}

// A whole telegram is handed out with its last octet, not with the next one.
func TestCutEncryptedDoesNotWait(t *testing.T) {
	one := encrypted(0x30, testAuth, dsmr5, 1)
	for n := range one {
		if raw, rest, lost := Encrypted.Cut(one[:n], false); raw != nil || len(rest) != n || lost != (telegram.Loss{}) {
			t.Fatalf("%d octets of %d: %d cut, %d wait, %+v", n, len(one), len(raw), len(rest), lost)
		}
	}
	if raw, rest, _ := Encrypted.Cut(one, false); !bytes.Equal(raw, one) || len(rest) != 0 {
		t.Errorf("%d octets cut, %d wait; want all %d", len(raw), len(rest), len(one))
	}
}

func encryptedStreams() map[string][]byte {
	one, two := encrypted(0x30, testAuth, dsmr5, 1), encrypted(0x20, testAuth, dsmr5, 2)
	noise := make([]byte, 3000)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	header := one[:14]
	return map[string][]byte{
		"two telegrams":          join(one, two),
		"begins inside":          join(one[100:], two),
		"cut off":                join(one[:300], two, one),
		"cut off in the header":  join(one[:9], two, one[:13], one),
		"one octet short":        join(one[:len(one)-1], two),
		"ends like a header":     join(changed(one, len(one)-1, 0xDB), []byte{8, 'A'}, two, changed(one, len(one)-1, 0xDB)),
		"headers alone":          bytes.Repeat(header, 200),
		"half headers":           bytes.Repeat(header[:11], 200),
		"a header without limit": join(header[:10], unhex("82 10 00 30"), bytes.Repeat(unhex("DB 08 41"), 3000)),
		"DB alone":               bytes.Repeat([]byte{0xDB}, 9000),
		"noise":                  noise,
		"noise between":          join(one, noise[:50], two, []byte("\r\n\r\n"), one),
		"text":                   []byte(dsmr5 + dsmr2),
		"line ends and nothing":  bytes.Repeat([]byte("\r\n"), 200),
	}
}

// encryptedOutcome is everything a stream led to when it came in chunks.
func encryptedOutcome(b []byte, chunk func() int) string {
	var out strings.Builder
	noise := 0
	err := telegram.Scan(&chunks{b, chunk}, Encrypted, 0, func(e telegram.Event) {
		noise += e.Lost.Noise
		if e.Lost.Err != nil {
			fmt.Fprintf(&out, "lost: %v\n", e.Lost.Err)
		}
		if e.Raw != nil {
			fmt.Fprintf(&out, "telegram: %x\n", e.Raw)
		}
	})
	fmt.Fprintf(&out, "noise: %d, end: %v\n", noise, err)
	return out.String()
}

type chunks struct {
	b    []byte
	size func() int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(len(c.b), max(1, c.size()))])
	c.b = c.b[n:]
	return n, nil
}

func checkEncryptedFraming(t *testing.T, b []byte) {
	t.Helper()
	whole := encryptedOutcome(b, func() int { return len(b) })
	r := rand.New(rand.NewPCG(uint64(len(b)), 3))
	for name, chunk := range map[string]func() int{
		"octet by octet": func() int { return 1 },
		"at random":      func() int { return 1 + r.IntN(200) },
	} {
		if got := encryptedOutcome(b, chunk); got != whole {
			t.Fatalf("%s gave\n%s\nas a whole\n%s", name, got, whole)
		}
	}
}

// How the octets are chunked must not change the telegrams, and what waits for
// more of them is bounded.
func TestEncryptedFraming(t *testing.T) {
	for name, b := range encryptedStreams() {
		t.Run(name, func(t *testing.T) {
			checkEncryptedFraming(t, b)
			var buf []byte
			for range 20 {
				buf = append(buf, b...)
				for {
					raw, rest, lost := Encrypted.Cut(buf, false)
					buf = rest
					if raw == nil && lost == (telegram.Loss{}) {
						break
					}
				}
				if len(buf) > 4200 {
					t.Fatalf("%d octets wait", len(buf))
				}
			}
		})
	}
}

func FuzzEncrypted(f *testing.F) {
	for _, b := range encryptedStreams() {
		f.Add(b)
	}
	f.Add(encrypted(0x00, testAuth, dsmr2, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkEncryptedFraming(t, b)
		for _, o := range []telegram.Options{
			{}, {Key: telegram.NewSecret(testKey), NoChecksum: true},
			{Key: telegram.NewSecret(testKey), AuthKey: telegram.NewSecret(testAuth)},
		} {
			m, err := Encrypted.Decode(b, o, func(telegram.Object) {})
			if err != nil && !strings.HasPrefix(err.Error(), "p1: ") {
				t.Fatalf("error %v does not say where", err)
			}
			if err == nil && o.AuthKey.IsSet() && !m.Seal.Authenticated {
				t.Fatalf("%x passed without its tag", b)
			}
		}
	})
}

// BenchmarkDecodeEncrypted compares a whole encrypted telegram with the same one
// in plain text, and with the cost of the cipher and the checksum alone.
func BenchmarkDecodeEncrypted(b *testing.B) {
	in := encrypted(0x30, testAuth, dsmr5, 1)
	block, _ := aes.NewCipher(unhex(testKey))
	aead, _ := cipher.NewGCMWithTagSize(block, 12)
	iv, aad, text := append(bytes.Clone(in[2:10]), in[14:18]...), append([]byte{0x30}, unhex(testAuth)...), make([]byte, 0, len(in))
	floor := func() {
		out, err := aead.Open(text, iv, in[18:], aad)
		if err != nil {
			b.Fatal(err)
		}
		sink = crc16(out)
	}
	o := telegram.Options{UTCOffset: time.Hour, Key: telegram.NewSecret(testKey), AuthKey: telegram.NewSecret(testAuth)}
	whole := func() {
		raw, _, _ := cutEncrypted(in, false)
		if _, err := decodeEncrypted(raw, o, nil); err != nil {
			b.Fatal(err)
		}
	}
	plain := func() {
		raw, _, _ := cut([]byte(dsmr5), false)
		if _, err := decode(raw, o, nil); err != nil {
			b.Fatal(err)
		}
	}
	cost := func(f func()) time.Duration {
		start := time.Now()
		for range 200 {
			f()
		}
		return time.Since(start) / 200
	}
	var overFloor, overPlain []float64
	for b.Loop() {
		w := float64(cost(whole))
		overFloor, overPlain = append(overFloor, w/float64(cost(floor))), append(overPlain, w/float64(cost(plain)))
	}
	b.ReportMetric(median(overFloor), "x-cipher-and-CRC")
	b.ReportMetric(median(overPlain), "x-plain")
	b.ReportMetric(testing.AllocsPerRun(100, whole), "allocs/telegram")
}

// What vouches for a text whose tag the published keys do not verify.
func TestVerify(t *testing.T) {
	good, wrong := encrypted(0x30, testAuth, dsmr5, 1), encrypted(0x30, luxAuth[:30]+"00", dsmr5, 1)
	none := encrypted(0x20, testAuth, dsmr5, 1)
	for _, c := range []struct {
		name          string
		verify        telegram.Verify
		auth          string
		in            []byte
		class         error
		authenticated bool
	}{
		{"auto, with a key that does not verify", telegram.VerifyAuto, testAuth, wrong, telegram.ErrAuthKeyWrong, false},
		{"auto, with no key", telegram.VerifyAuto, "", wrong, nil, false},
		{"strict, with a key that does not verify", telegram.VerifyStrict, testAuth, wrong, telegram.ErrAuthKeyWrong, false},
		{"strict, with no key but the one of Luxembourg", telegram.VerifyStrict, "", wrong, telegram.ErrAuthKeyWrong, false},
		{"strict, and no tag", telegram.VerifyStrict, testAuth, none, telegram.ErrDecrypt, false},
		{"strict, and a tag that verifies", telegram.VerifyStrict, testAuth, good, nil, true},
		{"by checksum, with a key that does not verify", telegram.VerifyChecksum, testAuth, wrong, nil, false},
		{"by checksum, and a tag that verifies", telegram.VerifyChecksum, testAuth, good, nil, true},
		{"by checksum, and no tag", telegram.VerifyChecksum, testAuth, none, nil, false},
		{"by checksum, which is wrong", telegram.VerifyChecksum, testAuth, flipped(wrong, 200), telegram.ErrChecksum, false},
	} {
		o := telegram.Options{UTCOffset: time.Hour, Key: telegram.NewSecret(testKey), AuthKey: telegram.NewSecret(c.auth), Verify: c.verify}
		m, err := Encrypted.Decode(c.in, o, nil)
		if !errors.Is(err, c.class) || (err == nil) != (c.class == nil) || m.Seal.Authenticated != c.authenticated {
			t.Errorf("%s: error %v, authenticated %t; want %v, %t", c.name, err, m.Seal.Authenticated, c.class, c.authenticated)
		}
	}
}

// Strict means that a tag has verified: without a key none can, and the checksum
// of a telegram that is not even encrypted is anybody's.
func TestStrictWithoutKey(t *testing.T) {
	for _, control := range []byte{0x10, 0x30} {
		_, err := Encrypted.Decode(encrypted(control, testAuth, dsmr5, 1), telegram.Options{UTCOffset: time.Hour, Verify: telegram.VerifyStrict}, nil)
		if !errors.Is(err, telegram.ErrKeyRequired) {
			t.Errorf("security control %02X: %v", control, err)
		}
	}
}
