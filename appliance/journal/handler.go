package journal

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Handler returns a handler that keeps records in j and hands them on to next,
// which has its own opinion of what is worth a line.
func (j *Journal) Handler(next slog.Handler) slog.Handler { return &handler{journal: j, next: next} }

type handler struct {
	journal *Journal
	next    slog.Handler
	prefix  string // of the groups that are open: "a.b."
	attrs   []attr // of WithAttrs
}

// attr is an attribute as it is kept.
type attr struct{ key, value string }

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		attrs := h.attrs[:len(h.attrs):len(h.attrs)]
		r.Attrs(func(a slog.Attr) bool {
			attrs = flatten(attrs, h.prefix, a)
			return true
		})
		h.journal.add(shorten(r, attrs))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.next = h.next.WithAttrs(attrs)
	next.attrs = h.attrs[:len(h.attrs):len(h.attrs)]
	for _, a := range attrs {
		next.attrs = flatten(next.attrs, h.prefix, a)
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.next, next.prefix = h.next.WithGroup(name), h.prefix+name+"."
	return &next
}

// flatten appends a, or, where that is a group, what is in it. A secret resolves to
// what stands for it.
func flatten(list []attr, prefix string, a slog.Attr) []attr {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			list = flatten(list, prefix, member)
		}
		return list
	case a.Equal(slog.Attr{}): // ignored, as every handler must
		return list
	}
	return append(list, attr{prefix + a.Key, v.String()})
}

// shorten makes an entry of at most maxRecordOctets.
func shorten(r slog.Record, attrs []attr) kept {
	left := maxRecordOctets
	take := func(s string) string {
		s = cut(strings.ToValidUTF8(s, "\ufffd"), left)
		left -= len(s)
		return s
	}
	e := Entry{Time: r.Time.UTC().Truncate(time.Millisecond), Level: take(r.Level.String()), Message: take(r.Message)}
	for _, a := range attrs {
		key := take(a.key)
		if left == 0 {
			break
		}
		if e.Attrs == nil {
			e.Attrs = map[string]string{}
		}
		e.Attrs[key] = take(a.value)
	}
	return kept{e, maxRecordOctets - left}
}

// cut returns the first n octets of s at most, and says with "…" that there were
// more.
func cut(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	if n < len(more) {
		return ""
	}
	for n -= len(more); n > 0 && !utf8.RuneStart(s[n]); n-- {
	}
	return s[:n] + more
}
