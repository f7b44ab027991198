package api

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
)

// readingsBox is a box whose readings say whether they have objects.
func readingsBox(t *testing.T) *box {
	reading := func(seq uint64, objects bool) Snapshot {
		return Snapshot{seq, fmt.Appendf(nil, `{"seq":%d,"objects":%v}`, seq, objects)}
	}
	return start(t, func(b *box) {
		b.Reading = func(objects bool) Snapshot { return reading(100042, objects) }
		b.Readings = func(_ context.Context, objects bool) iter.Seq[Snapshot] {
			return slices.Values([]Snapshot{reading(100042, objects), {}, reading(100043, objects)})
		}
	})
}

func TestReadings(t *testing.T) {
	b := readingsBox(t)
	stream := func(objects bool) string {
		return fmt.Sprintf(": readings follow\n\n"+
			"event: reading\nid: 100042\ndata: {\"seq\":100042,\"objects\":%v}\n\n"+
			": no telegram\n\n"+
			"event: reading\nid: 100043\ndata: {\"seq\":100043,\"objects\":%v}\n\n", objects, objects)
	}
	for _, c := range []struct {
		request
		code        int
		contentType string
		body        string
	}{
		{request{path: "/api/v1/readings", pass: "-"}, 401, "application/json", ""},
		{request{path: "/api/v1/readings/stream", pass: "-"}, 401, "application/json", ""},
		{request{path: "/api/v1/readings", plain: true}, 403, "application/json", ""},
		{request{method: "POST", path: "/api/v1/readings"}, 405, "application/json", ""},
		{request{path: "/api/v1/readings/stream?obis=yes"}, 400, "application/json", "obis=yes in the address is neither 0 nor 1"},
		{request{path: "/api/v1/readings/stream?obis=%22%0a"}, 400, "application/json", "neither 0 nor 1"},
		{request{path: "/api/v1/readings"}, 200, "application/json", "{\"seq\":100042,\"objects\":true}\n"},
		{request{method: "HEAD", path: "/api/v1/readings"}, 200, "application/json", ""},
		{request{path: "/api/v1/readings/stream"}, 200, "text/event-stream", stream(false)},
		{request{path: "/api/v1/readings/stream?obis=0"}, 200, "text/event-stream", stream(false)},
		{request{path: "/api/v1/readings/stream?obis=1"}, 200, "text/event-stream", stream(true)},
		{request{method: "HEAD", path: "/api/v1/readings/stream"}, 200, "text/event-stream", ""},
	} {
		got, body := b.do(c.request)
		if got.StatusCode != c.code || got.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %s, want %d %s", c, got.StatusCode, got.Header.Get("Content-Type"), c.code, c.contentType)
		}
		if c.code == 200 && body != c.body || c.code != 200 && !strings.Contains(sentence(t, body), c.body) {
			t.Errorf("%s: %q, want %q", c, body, c.body)
		}
	}
}

// One page with many tabs leaves room for others, and whoever leaves gives his place
// back: with his connection, or with the box.
func TestStreamsHaveTheirPlaces(t *testing.T) {
	left := make(chan bool, maxStreams)
	b := start(t, func(b *box) {
		b.Readings = func(ctx context.Context, _ bool) iter.Seq[Snapshot] {
			return func(yield func(Snapshot) bool) {
				defer func() { left <- true }()
				if yield(Snapshot{1, []byte(`{}`)}) {
					<-ctx.Done()
				}
			}
		}
	})
	ended := func(what string) {
		t.Helper()
		select {
		case <-left:
		case <-time.After(3 * time.Second):
			t.Fatalf("%s, and the stream goes on", what)
		}
	}
	var hangUp []func()
	for i := range maxStreamsPerSource {
		resp, cancel := b.open("/api/v1/readings/stream", nil)
		if resp.StatusCode != 200 {
			t.Fatalf("stream %d: %d", i, resp.StatusCode)
		}
		hangUp = append(hangUp, func() { cancel(); _, _ = io.Copy(io.Discard, resp.Body); resp.Body.Close() })
	}
	got, body := b.do(request{path: "/api/v1/readings/stream"})
	if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(sentence(t, body), "4 of them to one address") {
		t.Errorf("one more: %d %v %q", got.StatusCode, got.Header, body)
	}
	if got, _ := b.do(request{method: "HEAD", path: "/api/v1/readings/stream"}); got.StatusCode != 200 {
		t.Errorf("HEAD takes no place: %d", got.StatusCode)
	}
	hangUp[0]()
	ended("a client hangs up")
	for patience := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		resp, cancel := b.open("/api/v1/readings/stream", nil)
		hangUp[0] = func() { cancel(); resp.Body.Close() }
		if resp.StatusCode == 200 {
			break
		}
		hangUp[0]()
		if time.Now().After(patience) {
			t.Fatalf("no place after one has left: %d", resp.StatusCode)
		}
	}
	go func() { _ = b.end() }()
	for range maxStreamsPerSource {
		ended("the box ends")
	}
	for _, hang := range hangUp {
		hang()
	}
}

func TestRoom(t *testing.T) {
	var r room
	for i := range maxStreams {
		if source := fmt.Sprintf("192.0.2.%d", i/maxStreamsPerSource); !r.take(source) {
			t.Fatalf("no place for %s, after %d", source, i)
		}
	}
	if r.take("192.0.2.200") {
		t.Errorf("a place for one more than %d", maxStreams)
	}
	r.leave("192.0.2.1")
	if r.take("192.0.2.2") {
		t.Errorf("more than %d of one address", maxStreamsPerSource)
	}
	if !r.take("192.0.2.200") {
		t.Error("a place that was given back is taken")
	}
	for range maxStreamsPerSource {
		r.leave("192.0.2.0")
	}
	if len(r.of) != 4 {
		t.Errorf("addresses without a stream are remembered: %v", r.of)
	}
}
