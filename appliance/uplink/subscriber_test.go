package uplink_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// subscriber is mosquitto_sub with a session that the broker keeps, and what has
// come to it.
type subscriber struct {
	ready chan struct{} // closed when the broker has taken the subscription
	done  sync.WaitGroup

	mu       sync.Mutex
	arrivals []arrival
}

// arrival is one telegram as it came.
type arrival struct {
	seq   uint64
	again bool // the broker says that it has sent it before (DUP)
	at    time.Time
}

// subscribe starts a subscriber to one topic at a broker, QoS 1.
func subscribe(t *testing.T, broker, topic string) *subscriber {
	t.Helper()
	program, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("mosquitto_sub is required: %v", err)
		}
		t.Skip("mosquitto_sub is not installed")
	}
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Fatal(err)
	}
	// What -d says stays in a buffer where nobody empties it by the line.
	command := exec.Command("stdbuf", "-oL", program, "-h", host, "-p", port, "-c", "-i", "witness", "-q", "1", "-t", topic, "-d")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &subscriber{ready: make(chan struct{})}
	s.done.Go(func() { s.read(t, out) })
	t.Cleanup(func() {
		_ = command.Process.Kill()
		s.done.Wait()
		_ = command.Wait() // it says "killed"
	})
	select {
	case <-s.ready:
	case <-time.After(20 * time.Second):
		t.Fatal("the subscription is not taken within 20 s")
	}
	return s
}

// read reads what mosquitto_sub says: a line about each packet, and the payloads.
func (s *subscriber) read(t *testing.T, out io.Reader) {
	again := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "Subscribed"):
			close(s.ready)
		case strings.Contains(line, " received PUBLISH "):
			again = strings.Contains(line, "(d1,")
		case strings.HasPrefix(line, "{"):
			var telegram struct{ Seq uint64 }
			if err := json.Unmarshal([]byte(line), &telegram); err != nil {
				t.Errorf("%v: %s", err, line)
			}
			s.mu.Lock()
			s.arrivals = append(s.arrivals, arrival{telegram.Seq, again, time.Now()})
			s.mu.Unlock()
		}
	}
}

// has reports whether a telegram has come.
func (s *subscriber) has(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.arrivals {
		if a.seq == seq {
			return true
		}
	}
	return false
}

// all returns what has come so far.
func (s *subscriber) all() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival{}, s.arrivals...)
}

// account is what became of numbered telegrams.
type account struct {
	lost     []uint64
	resent   int // came more than once: sent again by the uplink
	repeated int // sent again by the broker
	faults   []string
	silence  time.Duration // the longest between two
}

// audit compares arrivals with the telegrams 1 to sent. New ones must be in order;
// one that comes twice may be at most window older than the newest.
func audit(arrivals []arrival, sent, window uint64) (a account) {
	seen := map[uint64]bool{}
	newest := uint64(0)
	for i, r := range arrivals {
		if i > 0 {
			a.silence = max(a.silence, r.at.Sub(arrivals[i-1].at))
		}
		switch {
		case seen[r.seq] && r.again:
			a.repeated++
		case seen[r.seq]:
			a.resent++
			if r.seq+window <= newest {
				a.faults = append(a.faults, fmt.Sprintf("%d comes again after %d", r.seq, newest))
			}
		case r.seq < newest:
			a.faults = append(a.faults, fmt.Sprintf("%d comes after %d (again: %t)", r.seq, newest, r.again))
		}
		seen[r.seq] = true
		newest = max(newest, r.seq)
	}
	for seq := uint64(1); seq <= sent; seq++ {
		if !seen[seq] {
			a.lost = append(a.lost, seq)
		}
	}
	return a
}
