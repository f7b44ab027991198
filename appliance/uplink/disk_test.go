package uplink

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/uplink/spool"
)

// A message that the file never takes does not keep the others from it, nor put the
// numbers of memory and file apart: also where it is sent already and acknowledged
// with what follows.
func TestTooLongToKeep(t *testing.T) {
	q := line(t, t.TempDir(), nil)
	long := func(n int) payload.Message { return payload.Message{Topic: "t", Payload: make([]byte, n)} }
	q.add(time.Now(), long(1), long(spool.MaxRecord), long(2), long(3))
	var s Stats
	if q.tell(&s); s.Waiting != 3 || s.Dropped != 1 || s.Kept == 0 || len(q.memory) != 0 {
		t.Errorf("%+v, %d in memory", s, len(q.memory))
	}
	q.setOnline(true)
	for want := 1; want <= 3; want++ {
		e, ok := q.take()
		if !ok || len(e.Payload) != want {
			t.Fatalf("message %d: %d octets (%v)", want, len(e.Payload), ok)
		}
		q.ack(e.number)
	}
	if q.keeps() {
		t.Error("the file is not empty")
	}
}

// The fault of a disk that works again is over, whether there is something to write
// or not.
func TestDiskFaultPasses(t *testing.T) {
	q := line(t, t.TempDir(), nil)
	q.failed(errors.New("no room"))
	limits := Limits{Sync: 10 * time.Millisecond}.orDefault()
	go q.keep(t.Context(), limits)
	eventually(t, time.Second, "the fault is over", func() bool {
		var s Stats
		q.tell(&s)
		return s.DiskFault == nil
	})
}

// What cannot be kept is not left behind without a word.
func TestCloseWithoutDisk(t *testing.T) {
	q := openQueue("/dev/null/uplink", 1, Limits{}.orDefault(), slog.New(slog.DiscardHandler))
	q.add(time.Now(), payload.Message{Topic: "t"})
	if err := q.close(); err == nil {
		t.Error("no error, and a message is lost")
	}
}

func TestMuteWithoutMessages(t *testing.T) {
	if reason, _ := explain(errors.New("pingresp not received, disconnecting"), address{}); reason != ReasonNoAnswer {
		t.Errorf("reason %q", reason)
	}
}
