package telegram

import (
	"fmt"
	"log/slog"
)

// Secret is a key or password. It does not print, log or marshal: only Reveal
// gives it away. Two secrets compare with ==.
type Secret struct{ s string }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal returns the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return s.s }

// IsSet reports whether there is a secret.
func (s Secret) IsSet() bool { return s.s != "" }

const redacted = "[secret]"

// String implements fmt.Stringer without the secret.
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb (%x, %#v) can print it.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer without the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns null: a secret leaves through no JSON by accident.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// MarshalText returns the same as String, for every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
