package api

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A stream lasts no longer than what let its client in.
func TestStreamsEndWithTheirCredential(t *testing.T) {
	token := http.Header{"Authorization": {"Bearer sc_right"}}
	for _, c := range []struct {
		name string
		with http.Header // nil: name and password
		end  func(b *box, void *atomic.Bool)
	}{
		{"taken over", nil, func(b *box, _ *atomic.Bool) {
			b.client = b.from("127.0.0.3")
			if got, body := b.do(request{path: "/api/v1/status?takeover=1"}); got.StatusCode != 200 {
				t.Fatalf("%d %s", got.StatusCode, body)
			}
		}},
		{"the password was changed on the box, and nobody asks for anything", nil, func(_ *box, void *atomic.Bool) { void.Store(true) }},
		{"the token was removed", token, func(_ *box, void *atomic.Bool) { void.Store(true) }},
	} {
		var void atomic.Bool
		b := start(t, func(b *box) {
			b.Telegrams = endless
			b.Token = func(secret string) (string, bool) { return "prometheus", secret == "sc_right" && !void.Load() }
			b.Credential = func() string {
				if void.Load() {
					return "2"
				}
				return "1"
			}
		})
		stream, cancel := b.open("/api/v1/telegrams", c.with)
		c.end(b, &void)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, stream.Body) // until it ends, however
		}()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the stream goes on", c.name)
		}
		cancel()
		<-ended
		stream.Body.Close()
	}
}

// Who only listens is not idle, and keeps nobody else out.
func TestStreamOfAnIdleSession(t *testing.T) {
	var s Sessions
	done, _ := s.enter("192.168.1.20", "1", false)
	s.held.last = time.Now().Add(-time.Hour)
	if s.confirm("1"); done.Err() != nil {
		t.Error("a stream ends though nobody else wants the box")
	}
	if _, other := s.enter("192.168.1.21", "1", false); other != nil || done.Err() == nil {
		t.Errorf("held by %v, and what ran there has ended: %v", other, done.Err())
	}
}
