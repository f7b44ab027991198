package api

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"
)

// A telegram is one event; text stands there as text, and what is none in hex.
func TestTelegrams(t *testing.T) {
	b := start(t, nil)
	got, body := b.do(request{path: "/api/v1/telegrams"})
	want := ": telegrams follow\n\n" +
		"event: telegram\ndata: {\"format\":\"p1\",\"text\":\"/TST5\\r\\n!0000\\r\\n\"}\n\n" +
		": no telegram\n\n" +
		"event: telegram\ndata: {\"format\":\"dlms\",\"hex\":\"7ea007\"}\n\n"
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/event-stream" || body != want {
		t.Errorf("%d %q %q, want %q", got.StatusCode, got.Header.Get("Content-Type"), body, want)
	}
	if got, body := b.do(request{method: "HEAD", path: "/api/v1/telegrams"}); got.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d %q", got.StatusCode, body)
	}
	full := start(t, func(b *box) {
		b.Telegrams = func(context.Context) (iter.Seq[Telegram], error) {
			return nil, errors.New("no room for another reader")
		}
	})
	if got, body := full.do(request{path: "/api/v1/telegrams"}); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(sentence(t, body), "no room") {
		t.Errorf("%d %q", got.StatusCode, body)
	}
	without := start(t, func(b *box) { b.Telegrams = nil })
	if got, _ := without.do(request{path: "/api/v1/telegrams"}); got.StatusCode != 404 {
		t.Errorf("a box without telegrams: %d", got.StatusCode)
	}
}

// A stream lasts longer than any other answer may take, and ends with its client
// and with the box.
func TestTelegramsLast(t *testing.T) {
	joined, left := make(chan bool, 2), make(chan bool, 2)
	b := start(t, func(b *box) {
		b.Limits.Read, b.Limits.Write = 100*time.Millisecond, 100*time.Millisecond
		b.Telegrams = func(ctx context.Context) (iter.Seq[Telegram], error) {
			joined <- true
			return func(yield func(Telegram) bool) {
				defer func() { left <- true }()
				for ctx.Err() == nil && yield(Telegram{"p1", []byte("x")}) {
					select {
					case <-ctx.Done():
					case <-time.After(50 * time.Millisecond):
					}
				}
			}, nil
		}
	})
	for _, end := range []string{"the client hangs up", "the box ends"} {
		resp, cancel := b.open("/api/v1/telegrams", nil)
		<-joined
		lines := bufio.NewReader(resp.Body)
		began := time.Now()
		for n := 0; n < 12; {
			text, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: after %v: %v", end, time.Since(began), err)
			}
			if strings.HasPrefix(text, "event: ") {
				n++
			}
		}
		if end == "the box ends" {
			go func() { _ = b.end() }()
		} else {
			cancel()
		}
		select {
		case <-left:
		case <-time.After(3 * time.Second):
			t.Fatalf("%s, and the stream goes on", end)
		}
		cancel()
		resp.Body.Close()
	}
}

// endless yields signs of life until the request ends.
func endless(ctx context.Context) (iter.Seq[Telegram], error) {
	return func(yield func(Telegram) bool) {
		for yield(Telegram{}) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}, nil
}
