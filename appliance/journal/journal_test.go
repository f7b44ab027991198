package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
	"unicode/utf8"

	"smartconnect/telegram"
)

// The handler does what every handler of slog must.
func TestHandler(t *testing.T) {
	var j *Journal
	slogtest.Run(t, func(*testing.T) slog.Handler {
		j = &Journal{}
		return j.Handler(slog.NewTextHandler(io.Discard, nil))
	}, func(*testing.T) map[string]any {
		e := j.Latest()[len(j.Latest())-1]
		m := map[string]any{slog.LevelKey: e.Level, slog.MessageKey: e.Message}
		if !e.Time.IsZero() {
			m[slog.TimeKey] = e.Time
		}
		for key, v := range e.Attrs {
			at := m
			path := strings.Split(key, ".")
			for _, group := range path[:len(path)-1] {
				if at[group] == nil {
					at[group] = map[string]any{}
				}
				at = at[group].(map[string]any)
			}
			at[path[len(path)-1]] = v
		}
		return m
	})
}

func TestWhatIsKept(t *testing.T) {
	for _, c := range []struct {
		name string
		say  func(*slog.Logger)
		want map[string]string // attributes; nil: no record
	}{
		{"debug is not", func(l *slog.Logger) { l.Debug("event") }, nil},
		{"a secret as it prints", func(l *slog.Logger) { l.Info("event", "key", telegram.NewSecret("0badc0de")) }, map[string]string{"key": "[secret]"}},
		{"a secret in something else", func(l *slog.Logger) {
			l.Info("event", "all", struct{ Key telegram.Secret }{telegram.NewSecret("0badc0de")})
		}, map[string]string{"all": "{[secret]}"}},
		{"octets that are no text", func(l *slog.Logger) { l.Info("event", "a", "x\xff\xfey") }, map[string]string{"a": "x\ufffdy"}},
		{"errors, numbers, spans", func(l *slog.Logger) { l.Error("event", "error", errors.New("no"), "n", 7, "for", time.Second) }, map[string]string{"error": "no", "n": "7", "for": "1s"}},
		{"what a logger brings along", func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Info("event", "c", 3) }, map[string]string{"a": "1", "g.b": "2", "g.c": "3"}},
	} {
		var j Journal
		var next bytes.Buffer
		c.say(slog.New(j.Handler(slog.NewTextHandler(&next, &slog.HandlerOptions{Level: slog.LevelError}))))
		got := j.Latest()
		if c.want == nil {
			if len(got) != 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Message != "event" || !maps.Equal(got[0].Attrs, c.want) {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
			continue
		}
		if passed := next.Len() > 0; passed != (got[0].Level == "ERROR") {
			t.Errorf("%s: the next handler, which wants errors, has %q", c.name, next.String())
		}
	}
}

// A journal has its limits, however much is said and however long it is.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name         string
		message      string
		attrs        []any
		records, len int // of 1000 records: how many stay, and octets of the last one at least
	}{
		{"a thousand short ones", "short", nil, maxRecords, 5},
		{"a long message", strings.Repeat("x", 5000), []any{"a", 1}, maxOctets / maxRecordOctets, maxRecordOctets},
		{"a long attribute", "m", []any{"stack", strings.Repeat("ü", 5000), "after", 1}, maxOctets / (maxRecordOctets - 3), maxRecordOctets - 6},
		{"many attributes", "m", []any{slog.Group("g", many(500)...)}, maxOctets / (maxRecordOctets - 8), maxRecordOctets - 16},
	} {
		var j Journal
		log := slog.New(j.Handler(slog.DiscardHandler))
		for range 1000 {
			log.Info(c.message, c.attrs...)
		}
		got := j.Latest()
		if len(got) < c.records-4 || len(got) > maxRecords {
			t.Errorf("%s: %d records, want %d", c.name, len(got), c.records)
		}
		all := 0
		for _, e := range got {
			n := length(e)
			all += n
			if n > maxRecordOctets || n < c.len || !utf8.ValidString(e.Message+e.Attrs["stack"]) {
				t.Fatalf("%s: a record of %d octets, want %d to %d: %+v", c.name, n, c.len, maxRecordOctets, e)
			}
		}
		if all > maxOctets {
			t.Errorf("%s: %d octets in all", c.name, all)
		}
	}
}

func many(n int) (list []any) {
	for i := range n {
		list = append(list, fmt.Sprint("k", i), i)
	}
	return list
}

func length(e Entry) int {
	n := len(e.Level) + len(e.Message)
	for k, v := range e.Attrs {
		n += len(k) + len(v)
	}
	return n
}

// The latest stay, in their order, and many may speak at once.
func TestTheLatestStay(t *testing.T) {
	var j Journal
	log := slog.New(j.Handler(slog.DiscardHandler))
	for i := range maxRecords + 7 {
		log.Info(fmt.Sprint(i))
	}
	got := j.Latest()
	if got[0].Message != "7" || got[len(got)-1].Message != fmt.Sprint(maxRecords+6) {
		t.Errorf("from %s to %s", got[0].Message, got[len(got)-1].Message)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				log.Info("crowd")
				j.Latest()
			}
		})
	}
	all.Wait()
	if n := len(j.Latest()); n != maxRecords {
		t.Errorf("%d records", n)
	}
}
