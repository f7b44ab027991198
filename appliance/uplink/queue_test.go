package uplink

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/payload"
)

// line is a queue in a folder of its own.
func line(t *testing.T, folder string, change func(*Limits)) *queue {
	t.Helper()
	limits := Limits{}.orDefault()
	if change != nil {
		change(&limits)
	}
	q := openQueue(folder, 1, limits, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = q.close() })
	return q
}

func message(n int) payload.Message {
	return payload.Message{Topic: "t", Payload: fmt.Appendf(nil, "%d", n), QoS: 1}
}

// next takes up to n entries and returns their payloads, and the number of the last.
func next(q *queue, n int) (texts string, last uint64) {
	var all []string
	for range n {
		e, ok := q.take()
		if !ok {
			break
		}
		text := string(e.Payload)
		if e.Topic == "" {
			text = "-"
		}
		all, last = append(all, text), e.number
	}
	return strings.Join(all, " "), last
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func stats(q *queue) (s Stats) { q.tell(&s); return s }

// The order holds over every way from memory to the file and back.
func TestQueueOrder(t *testing.T) {
	q := line(t, t.TempDir(), nil)
	now := time.Now()
	q.add(now, message(1), message(2)) // before the first connection
	expect(t, "kept", stats(q).Kept > 0, true)
	q.setOnline(true)
	q.add(now, message(3))
	got, last := next(q, 9)
	expect(t, "taken", got, "1 2 3")
	q.ack(last - 1)
	q.setOnline(false) // 3 was on its way
	q.setOnline(true)
	got, last = next(q, 9)
	expect(t, "taken again", got, "3")
	q.ack(last)
	expect(t, "waiting", stats(q).Waiting, 0)

	if err := q.file.Sync(); err != nil {
		t.Fatal(err)
	}
	expect(t, "kept when all is acknowledged", stats(q).Kept, int64(0))
	q.add(now, message(4), message(5))
	expect(t, "kept while the broker is there", stats(q).Kept, int64(0))
	got, _ = next(q, 1)
	expect(t, "taken", got, "4")
	q.look(now.Add(900 * time.Millisecond))
	expect(t, "kept within a second", stats(q).Kept, int64(0))
	q.look(now.Add(1100 * time.Millisecond)) // 4 is under way, 5 is not
	expect(t, "kept after a second", stats(q).Kept > 0, true)
	q.add(now, message(6))
	got, last = next(q, 9)
	expect(t, "taken from the file", got, "5 6")
	q.ack(last - 2)
	expect(t, "waiting for 5 and 6", stats(q).Waiting, 2)
	q.ack(last)
	q.add(now, message(7))
	got, last = next(q, 9)
	expect(t, "taken from memory again", got, "7")
	q.ack(last)
	expect(t, "waiting", stats(q).Waiting, 0)
}

// What waits outlives the process, whether it ended or not.
func TestQueueOfEarlier(t *testing.T) {
	folder := t.TempDir()
	first := line(t, folder, nil)
	first.setOnline(true)
	first.add(time.Now(), message(1), message(2), message(3))
	_, last := next(first, 1)
	first.ack(last)
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second := line(t, folder, nil)
	second.add(time.Now(), message(4))
	second.setOnline(true)
	got, last := next(second, 9)
	expect(t, "taken", got, "2 3 4")
	second.ack(last - 1)
	got, _ = next(second, 9)
	expect(t, "taken on", got, "")
	expect(t, "waiting", stats(second).Waiting, 1)
}

// What was kept for another broker is not sent to this one, and holds nobody up.
func TestQueueOfAnother(t *testing.T) {
	folder := t.TempDir()
	first := line(t, folder, nil)
	first.add(time.Now(), message(1), message(2))
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	q := openQueue(folder, 2, Limits{}.orDefault(), slog.New(slog.DiscardHandler))
	defer q.close()
	q.add(time.Now(), message(3))
	q.setOnline(true)
	got, last := next(q, 9)
	expect(t, "taken", got, "- - 3")
	q.ack(last)
	expect(t, "waiting", stats(q).Waiting, 0)
	if addressee("mqtt://a", "b") == addressee("mqtt://", "ab") {
		t.Error("addressees are not told apart")
	}
}

// An outage that is longer than the disk is large loses its beginning, and says so.
func TestQueueIsBounded(t *testing.T) {
	q := line(t, t.TempDir(), func(l *Limits) { l.MaxBytes = 64 << 10 })
	big := bytes.Repeat([]byte("x"), 1000)
	for n := range 200 {
		q.add(time.Now(), payload.Message{Topic: fmt.Sprint(n), Payload: big})
	}
	s := stats(q)
	if s.Dropped == 0 || s.Dropped+uint64(s.Waiting) != 200 || s.Kept > 64<<10 {
		t.Errorf("%+v", s)
	}
	q.setOnline(true)
	for n := int(s.Dropped); n < 200; n++ {
		e, ok := q.take()
		if !ok || e.Topic != fmt.Sprint(n) {
			t.Fatalf("%v %t, want %d", e.Topic, ok, n)
		}
		q.ack(e.number)
	}
	expect(t, "waiting", stats(q).Waiting, 0)
}

// A folder that cannot be used costs the keeping, and is named; memory is bounded.
func TestQueueWithoutADisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	q := line(t, filepath.Join(file, "uplink"), nil)
	for n := range maxMemory + 10 {
		q.add(time.Now(), message(n))
	}
	s := stats(q)
	if s.DiskFault == nil || s.Waiting != maxMemory || s.Dropped != 10 {
		t.Errorf("%d waiting, %d dropped, %v", s.Waiting, s.Dropped, s.DiskFault)
	}
	q.setOnline(true)
	got, last := next(q, 2)
	expect(t, "the oldest that is left", got, "10 11")
	q.add(time.Now(), message(maxMemory+10)) // of those that are not under way the oldest goes
	got, _ = next(q, 2)
	expect(t, "after those under way", got, "13 14")
	q.ack(last)
	expect(t, "waiting", stats(q).Waiting, maxMemory-2)
}

func TestOfflineFor(t *testing.T) {
	q := line(t, t.TempDir(), nil)
	now := time.Now()
	if q.offlineFor(now.Add(time.Minute)) < 59*time.Second {
		t.Error("not offline since the start")
	}
	q.setOnline(true)
	expect(t, "offline while online", q.offlineFor(now.Add(time.Minute)), time.Duration(0))
	q.setOnline(false)
	q.setOnline(false)
	if d := q.offlineFor(time.Now().Add(time.Minute)); d < 59*time.Second || d > 61*time.Second {
		t.Errorf("offline for %v", d)
	}
}

func TestRecord(t *testing.T) {
	for _, m := range []payload.Message{
		{Topic: "t", QoS: 1}, {Topic: "a/b", Payload: []byte("x"), QoS: 0, Retain: true}, {Topic: strings.Repeat("t", 300), Payload: make([]byte, 3000), QoS: 1},
	} {
		got, err := decode(7, encode(7, m))
		if err != nil || got.Topic != m.Topic || !bytes.Equal(got.Payload, m.Payload) || got.QoS != m.QoS || got.Retain != m.Retain {
			t.Errorf("%+v (%v), want %+v", got, err, m)
		}
		if _, err := decode(8, encode(7, m)); err == nil {
			t.Error("a record for another addressee is read")
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(encode(7, message(1)))
	f.Add([]byte{form})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(7, b)
		if err == nil && !bytes.Equal(encode(7, m), b) {
			t.Errorf("%x is read as %+v", b, m)
		}
		if err == nil && m.Topic == "" {
			t.Error("a record without a topic")
		}
	})
}
