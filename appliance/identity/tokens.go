package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sync"
	"time"

	"smartconnect/appliance/config"
)

const (
	tokensName    = "tokens.json"
	tokensVersion = 1
	// maxTokens is more machines than a house has; each costs a comparison a request.
	maxTokens = 16
	// tokenPrefix tells people, and programs that look for lost secrets, what it is.
	tokenPrefix = "sc_"
)

// What is wrong with the name of a token.
var (
	ErrTokenName  = errors.New("a name has 1 to 32 letters, digits, dots, hyphens and underscores")
	ErrTokenTaken = errors.New("the name is taken")
	ErrNoToken    = errors.New("there is no token of that name")
	ErrTokensFull = fmt.Errorf("there are %d tokens, and no more are possible", maxTokens)
)

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

// Token is the credential of a machine that may read and change nothing.
type Token struct {
	Name    string
	Created time.Time
}

// tokens is what tokens.json keeps. A hash needs no salt and no slowness: the
// secret is random, and nobody finds it by trying.
type tokens struct {
	mu    sync.Mutex
	rows  []tokenRow
	fault error // why the file is neither read nor written
}

type tokenRow struct {
	Token
	SHA256 string // of the secret, in hex
}

type tokenFile struct {
	Version int
	Tokens  []tokenRow
}

// loadTokens reads the tokens. Whatever is wrong with them keeps nobody but the
// machines out.
func (id *Identity) loadTokens() {
	t := &id.tokens
	rows, err := readTokens(id.path(tokensName))
	if errors.Is(err, errDamaged) {
		err = id.locked(func() error { return id.aside(tokensName, err) })
	}
	if t.rows = rows; err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.fault = err
		id.log.Error("tokens cannot be read, and none is taken", "error", err)
	}
}

func readTokens(path string) ([]tokenRow, error) {
	b, err := config.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f tokenFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s is %w: %w", path, errDamaged, err)
	}
	if f.Version > tokensVersion {
		return nil, fmt.Errorf("%s has version %d, and this program reads up to version %d", path, f.Version, tokensVersion)
	}
	for _, row := range f.Tokens {
		if sum, err := hex.DecodeString(row.SHA256); err != nil || len(sum) != sha256.Size || !tokenForm.MatchString(row.Name) {
			return nil, fmt.Errorf("%s is %w: a token has no name or hash of the right form", path, errDamaged)
		}
	}
	if f.Version != tokensVersion || len(f.Tokens) > maxTokens {
		return nil, fmt.Errorf("%s is %w: it has no version, or too many tokens", path, errDamaged)
	}
	return f.Tokens, nil
}

// Tokens returns the tokens in the order they were made in.
func (id *Identity) Tokens() []Token {
	id.tokens.mu.Lock()
	defer id.tokens.mu.Unlock()
	list := make([]Token, len(id.tokens.rows))
	for i, row := range id.tokens.rows {
		list[i] = row.Token
	}
	return list
}

// AddToken makes a token and returns its secret, which is kept nowhere. The error
// wraps ErrTokenName, ErrTokenTaken or ErrTokensFull, or says why it cannot be kept.
func (id *Identity) AddToken(name string) (secret string, err error) {
	if !tokenForm.MatchString(name) {
		return "", fmt.Errorf("identity: %w", ErrTokenName)
	}
	t := &id.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case slices.ContainsFunc(t.rows, func(row tokenRow) bool { return row.Name == name }):
		return "", fmt.Errorf("identity: %w: %s", ErrTokenTaken, name)
	case len(t.rows) == maxTokens:
		return "", fmt.Errorf("identity: %w", ErrTokensFull)
	}
	secret = tokenPrefix + rand.Text() // 130 bits
	row := tokenRow{Token{name, time.Now().UTC().Truncate(time.Second)}, tokenHash(secret)}
	if err := id.keepTokens(append(slices.Clone(t.rows), row)); err != nil {
		return "", err
	}
	return secret, nil
}

// RemoveToken makes a token void. The error wraps ErrNoToken, or says why that
// cannot be kept.
func (id *Identity) RemoveToken(name string) error {
	t := &id.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := slices.DeleteFunc(slices.Clone(t.rows), func(row tokenRow) bool { return row.Name == name })
	if len(rows) == len(t.rows) {
		return fmt.Errorf("identity: %w", ErrNoToken)
	}
	return id.keepTokens(rows)
}

// keepTokens writes the tokens; t.mu is held.
func (id *Identity) keepTokens(rows []tokenRow) error {
	if id.tokens.fault != nil { // whose content would be lost
		return fmt.Errorf("identity: tokens cannot be changed: %w", id.tokens.fault)
	}
	content, err := json.MarshalIndent(tokenFile{tokensVersion, rows}, "", "  ")
	if err == nil {
		err = id.locked(func() error { return config.WriteFile(id.path(tokensName), append(content, '\n'), mode) })
	}
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	id.tokens.rows = rows
	return nil
}

// TokenName returns the name of the token with that secret. It takes as long
// whether there is one or not.
func (id *Identity) TokenName(secret string) (name string, ok bool) {
	hash := []byte(tokenHash(secret))
	id.tokens.mu.Lock()
	defer id.tokens.mu.Unlock()
	for _, row := range id.tokens.rows {
		if subtle.ConstantTimeCompare(hash, []byte(row.SHA256)) == 1 {
			name, ok = row.Name, true
		}
	}
	return name, ok
}

func tokenHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
