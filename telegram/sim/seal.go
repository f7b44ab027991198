package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"smartconnect/telegram"
)

// The keys of every simulated meter that encrypts, until [Meter.WithKeys] gives
// it others. They are invented and known to everybody, and protect nothing:
// their octets spell SIMULATOR KEY 01 and SIMULATOR AUTH01.
const (
	Key     = "53494D554C41544F52204B4559203031"
	AuthKey = "53494D554C41544F5220415554483031"
)

// WithKeys returns the meter with its own keys, each of 32 hex digits as an
// operator hands them out; an empty one leaves the key it has.
func (m Meter) WithKeys(key, auth string) (Meter, error) {
	if m.seal == nil {
		return Meter{}, fmt.Errorf("sim: %s does not encrypt and takes no key", m.Name)
	}
	s := *m.seal
	for _, k := range [...]struct {
		name, digits string
		key          *[16]byte
	}{{"key", key, &s.key}, {"authentication key", auth, &s.auth}} {
		if k.digits == "" {
			continue
		}
		octets, err := parseKey(k.digits)
		if err != nil {
			return Meter{}, fmt.Errorf("sim: %s of %s: %w", k.name, m.Name, err)
		}
		*k.key = octets
	}
	m.seal = &s
	return m, nil
}

// Encrypts reports whether the meter encrypts its telegrams.
func (m Meter) Encrypts() bool { return m.seal != nil }

func parseKey(digits string) ([16]byte, error) {
	secret, err := telegram.ParseKey(digits)
	if err != nil {
		return [16]byte{}, err
	}
	key, _ := telegram.KeyOctets(secret)
	return key, nil
}

// seal is how a meter encrypts (general-glo-ciphering, IEC 62056-5-3).
type seal struct {
	title     [8]byte // who it is
	control   byte    // what it does
	key, auth [16]byte
}

// The security controls of suite 0 that are met.
const (
	encrypted     = 0x20
	authenticated = 0x30 // and encrypted
)

const tagSize = 12

// wrap appends plain as a general-glo-ciphering APDU.
func (s *seal) wrap(dst []byte, counter uint32, plain []byte) []byte {
	block, err := aes.NewCipher(s.key[:])
	if err != nil {
		panic(err) // not with 16 octets
	}
	gcm, err := cipher.NewGCMWithTagSize(block, tagSize)
	if err != nil {
		panic(err) // not with this size
	}
	nonce := binary.BigEndian.AppendUint32(s.title[:], counter)
	var body []byte
	if s.control == authenticated {
		body = gcm.Seal(nil, nonce, plain, append([]byte{s.control}, s.auth[:]...))
	} else {
		body = gcm.Seal(nil, nonce, plain, nil)[:len(plain)] // without its tag it is the counter mode
	}
	dst = appendCounted(append(dst, 0xDB), s.title[:])
	dst = appendLength(dst, 1+4+len(body))
	dst = binary.BigEndian.AppendUint32(append(dst, s.control), counter)
	return append(dst, body...)
}
