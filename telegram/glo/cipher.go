package glo

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"sync"

	"smartconnect/telegram"
)

// Cipher holds the expanded keys of one meter, so that a push costs no key
// schedule. It is safe for concurrent use.
type Cipher struct {
	block cipher.Block
	aead  cipher.AEAD
	auth  [16]byte
	tags  bool // an authentication key is set
}

// NewCipher expands the encryption key (GUEK) and, where it is set, the
// authentication key (GAK). Errors are of the class decrypt:
// telegram.ErrKeyRequired where key is not set, otherwise which of the keys is
// none.
func NewCipher(key, auth telegram.Secret) (*Cipher, error) {
	if !key.IsSet() {
		return nil, fmt.Errorf("glo: %w", telegram.ErrKeyRequired)
	}
	k, ok := telegram.KeyOctets(key)
	if !ok {
		return nil, fmt.Errorf("glo: %w: the key is no 32 hex digits", telegram.ErrDecrypt)
	}
	c := &Cipher{tags: auth.IsSet()}
	if c.tags {
		if c.auth, ok = telegram.KeyOctets(auth); !ok {
			return nil, fmt.Errorf("glo: %w: the authentication key is no 32 hex digits", telegram.ErrDecrypt)
		}
	}
	var err error
	if c.block, err = aes.NewCipher(k[:]); err != nil {
		return nil, fmt.Errorf("glo: %w: %w", telegram.ErrDecrypt, err)
	}
	if c.aead, err = cipher.NewGCMWithTagSize(c.block, tagSize); err != nil {
		return nil, fmt.Errorf("glo: %w: %w", telegram.ErrDecrypt, err)
	}
	return c, nil
}

// ciphers keeps the expanded keys of the last few pairs: a box has one meter,
// tests and decode have a handful.
var ciphers struct {
	sync.Mutex
	m map[[2]telegram.Secret]*Cipher
}

const maxCiphers = 16

// CipherFor is NewCipher that remembers.
func CipherFor(key, auth telegram.Secret) (*Cipher, error) {
	pair := [2]telegram.Secret{key, auth}
	ciphers.Lock()
	defer ciphers.Unlock()
	if c, ok := ciphers.m[pair]; ok {
		return c, nil
	}
	c, err := NewCipher(key, auth)
	if err != nil {
		return nil, err
	}
	if ciphers.m == nil || len(ciphers.m) >= maxCiphers {
		ciphers.m = make(map[[2]telegram.Secret]*Cipher)
	}
	ciphers.m[pair] = c
	return c, nil
}

// scratch holds what goes into the cipher through interfaces, which would
// otherwise move to the heap with every frame.
type scratch struct {
	iv  [aes.BlockSize]byte // system title, invocation counter, block counter
	aad [1 + 16]byte        // security control, authentication key
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

const ivSize = 12

// Open decrypts f into dst[:0] and returns the plaintext, which does not alias
// f; it needs room for content and tag not to allocate. authenticated says that
// a tag was verified.
//
// With an authentication key a tag that is there must verify; where it does not,
// telegram.ErrKeyWrong says so, although a damaged frame leads there too. Without
// an authentication key, or without a tag, nothing vouches for the plaintext: the
// caller must find it plausible. Content that was never encrypted is returned as
// it is, its tag verified where that is possible.
func (c *Cipher) Open(dst []byte, f Frame) (plaintext []byte, authenticated bool, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	// IEC 62056-5-3, initialization vector: system title, invocation counter.
	copy(s.iv[:], f.Title[:])
	binary.BigEndian.PutUint32(s.iv[len(f.Title):], f.Counter)

	dst = append(dst[:0], f.Content...)
	switch {
	case c.tags && f.Authenticated():
		s.aad[0] = f.Control
		copy(s.aad[1:], c.auth[:])
		if plaintext, err = c.verify(s, dst, f); err != nil {
			return nil, false, fmt.Errorf("glo: %w: the tag does not match (system title %X, counter %d)", telegram.ErrKeyWrong, f.Title, f.Counter)
		}
		return plaintext, true, nil
	case f.Encrypted():
		// NIST SP 800-38D, clause 7.1: GCM counts from IV‖1 for the tag, so
		// that the content begins with IV‖2.
		binary.BigEndian.PutUint32(s.iv[ivSize:], 2)
		cipher.NewCTR(c.block, s.iv[:]).XORKeyStream(dst, dst)
	}
	return dst, false, nil
}

// verify checks the tag of f, whose content dst holds, and returns the
// plaintext. The additional authenticated data (IEC 62056-5-3) are security
// control and authentication key, and the content too where it is not encrypted.
func (c *Cipher) verify(s *scratch, dst []byte, f Frame) ([]byte, error) {
	if f.Encrypted() {
		sealed := append(dst, f.Tag...)
		return c.aead.Open(sealed[:0], s.iv[:ivSize], sealed, s.aad[:])
	}
	aad := append(s.aad[:len(s.aad):len(s.aad)], f.Content...)
	_, err := c.aead.Open(nil, s.iv[:ivSize], f.Tag, aad)
	return dst, err
}
