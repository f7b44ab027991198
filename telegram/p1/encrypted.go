package p1

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"smartconnect/telegram"
	"smartconnect/telegram/glo"
)

const encryptedName = "p1-encrypted"

// Encrypted is the P1 telegram of Luxembourg (Smarty) and Austria (T210-D-r):
// the same text inside general-glo-ciphering, one APDU after the other on the
// bare line (Luxmetering, E-Meter P1 Specification 1.1.3).
//
// With an authentication key the tag must verify, and then vouches for the text
// alone. Without one, or where the owner wants it so (telegram.Verify), the text
// must be ASCII under a right checksum of its own: real meters of both countries
// carry tags that the published authentication keys do not verify.
var Encrypted = telegram.Format{
	Name:   encryptedName,
	Line:   Format.Line,
	Cut:    cutEncrypted,
	Decode: decodeEncrypted,
}

// luxembourgAuthKey is the authentication key that the specification of
// Luxembourg gives to every meter, a public constant. It is tried where none is
// set: where it fits, the telegram can be called authenticated.
var luxembourgAuthKey = telegram.NewSecret("00112233445566778899aabbccddeeff")

// Between these limits a length is plausible; the text inside has 200 octets to
// 2.4 kB.
const (
	minEncrypted = 128
	maxEncrypted = 4096 + glo.HeaderSize

	encryptedHeader = glo.HeaderSize + 1 // up to the security control
)

// cutEncrypted is the Cut of the format. The length in its header decides where
// a telegram ends, since DB 08 may stand anywhere in ciphertext. What cannot be
// decided here is whether a whole telegram is a good one, and a header can lie:
// the telegram was cut off, or noise looked like one, and the octets it counts
// reach into the next.
//
// So a second header inside a telegram ends the first, as '/' does in the plain
// format: in good ciphertext as much as looks like a header comes about once in
// ten million telegrams. Where the last octets could be the start of one, those
// behind them are waited for.
func cutEncrypted(buf []byte, quiet bool) (raw, rest []byte, lost telegram.Loss) {
	buf = trimLineEnds(buf)
	at, n := findEncrypted(buf, quiet)
	switch {
	case at < 0:
		return nil, nil, telegram.Loss{Noise: noise(buf)}
	case at > 0:
		return nil, buf[at:], telegram.Loss{Noise: noise(buf[:at])}
	case n == 0:
		return nil, buf, telegram.Loss{}
	}

	window := buf[:min(len(buf), n-1+encryptedHeader)]
	next, size := findEncrypted(window[1:], quiet)
	next++
	switch inside := 0 < next && next < n; {
	case inside && size > 0:
		return nil, buf[next:], lostErr("cut off after %d octets by the next header", next)
	case !inside && len(buf) >= n:
		return buf[:n], buf[n:], telegram.Loss{}
	case quiet:
		return nil, nil, lostErr("line fell silent after %d octets", len(buf))
	}
	return nil, buf, telegram.Loss{}
}

// findEncrypted returns where the first telegram of buf begins and how many
// octets it has: 0 if too little has come to say, -1 for where if none begins.
// In a quiet line nothing more will come.
func findEncrypted(buf []byte, quiet bool) (at, n int) {
	for i := 0; ; i++ {
		j := bytes.IndexByte(buf[i:], 0xDB)
		if j < 0 {
			return -1, 0
		}
		i += j
		n, complete := encryptedAt(buf[i:])
		if n > 0 || !complete && !quiet {
			return i, n
		}
	}
}

// encryptedAt reads the header of an encrypted telegram: DB 08, a system title
// that begins with the three letters of the maker, a plausible length, and a
// security control of a known suite. n is the size of the telegram, 0 if b does
// not begin with one or if, complete being false, too little of it is there.
func encryptedAt(b []byte) (n int, complete bool) {
	for i, c := range b[1:min(5, len(b))] {
		if i == 0 && c != 8 || i > 0 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return 0, true
		}
	}
	n, security, err := glo.Length(b)
	switch {
	case errors.Is(err, glo.ErrIncomplete):
		return 0, false
	case err != nil || n < minEncrypted || n > maxEncrypted:
		return 0, true
	case len(b) <= security:
		return 0, false
	case b[security]&0x0F > 2:
		return 0, true
	}
	return n, true
}

// plaintexts keeps the memory of decrypted telegrams for the next ones.
var plaintexts = sync.Pool{New: func() any { return new([]byte) }}

// decodeEncrypted is the Decode of the format.
func decodeEncrypted(raw []byte, o telegram.Options, visit func(telegram.Object)) (telegram.Measurement, error) {
	m := telegram.Measurement{Format: encryptedName}
	f, n, err := glo.Parse(raw)
	if err != nil {
		return m, fmt.Errorf("p1: %w", err)
	}
	if n < len(raw) {
		return m, fmt.Errorf("p1: %w: %d octets behind the end at octet %d", telegram.ErrMalformed, len(raw)-n, n)
	}
	buf := plaintexts.Get().(*[]byte)
	defer plaintexts.Put(buf)
	text, authenticated, err := open(*buf, f, o)
	if text != nil {
		*buf = text
	}
	if err == nil {
		o.NoChecksum = true // the tag vouches for the text, or open has checked it
		m, err = decode(text, o, visit)
		m.Format = encryptedName
	}
	m.Seal = f.Seal(authenticated)
	return m, err
}

// open decrypts f into buf and says whether something vouches for the text: the
// tag, or its own checksum where no authentication key is set.
//
// A tag that does not match means a wrong key, a wrong authentication key or a
// damaged telegram: the line gives the ciphertext no checksum. The text tells
// them apart.
func open(buf []byte, f glo.Frame, o telegram.Options) (text []byte, authenticated bool, err error) {
	strict := o.Verify == telegram.VerifyStrict || o.Verify == telegram.VerifyAuto && o.AuthKey.IsSet()
	auth := o.AuthKey
	switch {
	case !o.Key.IsSet() && f.Encrypted():
		return nil, false, fmt.Errorf("p1: %w (system title %X)", telegram.ErrKeyRequired, f.Title)
	case !o.Key.IsSet() && strict:
		return nil, false, fmt.Errorf("p1: %w: its tag must verify (system title %X)", telegram.ErrKeyRequired, f.Title)
	case strict && !f.Authenticated():
		return nil, false, fmt.Errorf("p1: %w: its tag must verify, and the telegram carries none", telegram.ErrDecrypt)
	case !o.Key.IsSet():
		text = append(buf[:0], f.Content...)
		return text, false, checked(text, o.NoChecksum)
	case !auth.IsSet():
		auth = luxembourgAuthKey
	}
	text, authenticated, err = decrypt(buf, f, o.Key, auth)
	if errors.Is(err, telegram.ErrKeyWrong) {
		text, _, err = decrypt(buf, f, o.Key, telegram.Secret{})
	}
	if err != nil || authenticated {
		return text, authenticated, err
	}
	if f.Encrypted() && !legible(text) {
		return text, false, fmt.Errorf("p1: %w: no text comes out (system title %X, counter %d)", telegram.ErrKeyWrong, f.Title, f.Counter)
	}
	err = checked(text, o.NoChecksum && !strict)
	if err == nil && strict {
		err = fmt.Errorf("p1: %w: the text is right, but not its tag", telegram.ErrAuthKeyWrong)
	}
	return text, false, err
}

func decrypt(buf []byte, f glo.Frame, key, auth telegram.Secret) (text []byte, authenticated bool, err error) {
	c, err := glo.CipherFor(key, auth)
	if err == nil {
		text, authenticated, err = c.Open(buf, f)
	}
	if err != nil {
		err = fmt.Errorf("p1: %w", err)
	}
	return text, authenticated, err
}

// legible reports whether text came out of the cipher and not the noise that a
// wrong key gives, of which two octets in five are printable. A damaged telegram
// stays legible: each octet of ciphertext stands for one of text.
func legible(text []byte) bool {
	n := 0
	for _, c := range text {
		if textOctet(c) {
			n++
		}
	}
	return n > 0 && 10*n >= 9*len(text)
}

func textOctet(c byte) bool { return 0x20 <= c && c <= 0x7e || lineEnd(c) }

// checked reports what is wrong with a text that no tag vouches for: it must
// have a checksum that matches, and be ASCII.
func checked(text []byte, noChecksum bool) error {
	if noChecksum {
		return nil
	}
	body, sum, err := split(text)
	if err == nil && len(sum) == 0 {
		err = fmt.Errorf("p1: %w: none was sent, and no tag was verified", telegram.ErrChecksum)
	}
	if err == nil {
		err = verify(text[:len(body)+1], sum)
	}
	if err != nil {
		return err
	}
	for i, c := range text {
		if !textOctet(c) {
			return fmt.Errorf("p1: %w: %#02x at octet %d of the text", telegram.ErrMalformed, c, i)
		}
	}
	return nil
}
