package uplink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTelegramsArrive(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	u := up(t, "mqtt://", b.addr, func(u *Uplink) { u.Limits.Prompt = 10 * time.Second }) // of a slow machine
	eventually(t, 5*time.Second, "it is up", func() bool { return u.Stats().Up })
	u.say(100)
	u.Event(7, "meter-lost", "nobody knows why")
	u.arrived(t, 5*time.Second)
	eventually(t, 2*time.Second, "all come", func() bool { return len(l.powers(t)) == 100 && len(l.on("event")) == 1 })
	if again := numbers(t, l.powers(t), 100); again != 0 {
		t.Errorf("%d came twice", again)
	}
	if got := l.on("event")[0]; !strings.Contains(got, `"seq":7`) || !strings.Contains(got, `"kind":"meter-lost"`) {
		t.Errorf("the event is %s", got)
	}
	if got := l.on("status"); len(got) != 1 || !strings.Contains(got[0], `"online":true`) {
		t.Errorf("status %q", got)
	}
	if got := l.on("info"); len(got) == 0 || !strings.Contains(got[len(got)-1], "E0012345") {
		t.Errorf("info %q", got)
	}
	if s := u.Stats(); s.Sent != 101 || s.Kept != 0 {
		t.Errorf("%+v", s)
	}
	u.stop()
	eventually(t, 2*time.Second, "it says goodbye", func() bool {
		got := l.on("status")
		return strings.Contains(got[len(got)-1], `"online":false`)
	})
	time.Sleep(50 * time.Millisecond)
	if got := l.on("status"); len(got) != 2 || strings.Contains(got[1], "null") {
		t.Errorf("status %q: the will came too", got)
	}
	files, err := os.ReadDir(u.Folder)
	if err != nil || len(files) != 0 {
		t.Errorf("files were written while the broker was there: %v (%v)", files, err)
	}
}

// A box that is gone without a word is reported by its will.
func TestWill(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	gate := forward(t, b.addr)
	u := up(t, "mqtt://", gate.addr, nil)
	u.say(1)
	u.arrived(t, 5*time.Second)
	gate.cut()
	eventually(t, 2*time.Second, "the will", func() bool {
		for _, s := range l.on("status") {
			if s == `{"online":false,"timestamp":null}` {
				return true
			}
		}
		return false
	})
}

// outage is how long the broker is away; the long run takes the minute that the
// product is measured by.
func outage() time.Duration {
	if os.Getenv("SMARTCONNECT_LONG") != "" {
		return time.Minute
	}
	return 3 * time.Second
}

func TestOutage(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	gate := forward(t, b.addr)
	l := listen(t, b.addr)
	u := up(t, "mqtt://", gate.addr, nil)
	u.say(5)
	u.arrived(t, 5*time.Second)
	gate.cut()
	n := int(outage() / (100 * time.Millisecond))
	for range n {
		u.say(1)
		time.Sleep(100 * time.Millisecond)
	}
	if s := u.Stats(); s.Up || s.Waiting != n || s.Kept == 0 || s.Reason == "" {
		t.Errorf("in the outage: %+v, want %d waiting on the disk", s, n)
	}
	gate.open()
	u.say(5)
	u.arrived(t, 10*time.Second)
	eventually(t, 2*time.Second, "all come", func() bool { return len(l.powers(t)) >= u.said })
	t.Logf("%d telegrams in an outage of %v: 0 lost, %d twice", u.said, outage(), numbers(t, l.powers(t), u.said))
	eventually(t, 3*time.Second, "the disk is empty again", func() bool { return u.Stats().Kept == 0 })
}

// killed is what the child process of TestKill does: it says numbered telegrams to
// a broker that is not there, and prints each that is kept.
func killed(folder, addr string, first, n int) {
	m := newMeter()
	m.said = first - 1
	u := &Uplink{Broker: "mqtt://" + addr, ClientID: serial, Tree: tree(new(testing.T)), Telegrams: m.store.Reader(), Folder: folder,
		Clock: func() error { return nil }, Limits: patient, Log: slog.New(slog.DiscardHandler)}
	go u.Run(context.Background())
	for u.queue.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	file := u.queue.Load().file
	for range n {
		before := file.Last()
		m.say(1)
		for file.Last() == before {
			time.Sleep(100 * time.Microsecond)
		}
		fmt.Println(m.said)
	}
	time.Sleep(time.Minute)
}

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv("UPLINK_KILLED")); len(args) == 4 {
		first, _ := strconv.Atoi(args[2])
		n, _ := strconv.Atoi(args[3])
		killed(args[0], args[1], first, n)
		return
	}
	os.Exit(m.Run())
}

// A process that is killed in the outage has lost nothing of it: the next one sends
// it, in order.
func TestKill(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	gate := forward(t, b.addr)
	gate.cut()
	folder := filepath.Join(t.TempDir(), "uplink")
	next := 1
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("UPLINK_KILLED=%s %s %d 400", folder, gate.addr, next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 40+17*round && lines.Scan(); n++ {
			if next, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		_ = cmd.Process.Signal(syscall.SIGKILL)
		for lines.Scan() { // what it had printed before it died
			next, _ = strconv.Atoi(lines.Text())
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		next++
	}
	gate.open()
	u := up(t, "mqtt://", gate.addr, func(u *Uplink) { u.Folder = folder })
	u.arrived(t, 5*time.Second)
	eventually(t, 2*time.Second, "all come", func() bool { return len(l.powers(t)) >= next-1 })
	got := l.powers(t)
	// The last one of a process may have been in the file and not printed.
	seen := map[int]bool{}
	last := 0
	for _, n := range got {
		if n < last-1 {
			t.Fatalf("%d follows %d", n, last)
		}
		seen[n], last = true, n
	}
	for n := 1; n < next; n++ {
		if !seen[n] {
			t.Errorf("telegram %d is lost", n)
		}
	}
	t.Logf("3 processes killed in an outage, %d telegrams: 0 lost", next-1)
}

// The backlog of hours goes out in order and as fast as the broker acknowledges.
func TestBacklog(t *testing.T) {
	const n = 8000
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	gate := forward(t, b.addr)
	gate.cut()
	u := up(t, "mqtt://", gate.addr, nil)
	for u.said < n {
		u.say(500)
		eventually(t, 5*time.Second, "they are kept", func() bool { return u.Stats().Waiting == u.said })
	}
	gate.open()
	began := time.Now()
	u.arrived(t, 30*time.Second)
	drained := time.Since(began)
	eventually(t, 20*time.Second, "all come", func() bool { return len(l.on("data/electricity")) >= n })
	if again := numbers(t, l.powers(t), n); again != 0 {
		t.Errorf("%d came twice", again)
	}
	t.Logf("%d messages drained in %v", n, drained)
}

// A planned stop keeps what is under way.
func TestStopInAnOutage(t *testing.T) {
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	gate := forward(t, b.addr)
	gate.cut()
	folder := filepath.Join(t.TempDir(), "uplink")
	first := up(t, "mqtt://", gate.addr, func(u *Uplink) { u.Folder = folder })
	first.say(10)
	eventually(t, time.Second, "they are kept", func() bool { return first.Stats().Waiting == 10 })
	first.stop()
	second := up(t, "mqtt://", gate.addr, func(u *Uplink) { u.Folder = folder })
	second.said = 10
	second.say(10)
	gate.open()
	second.arrived(t, 5*time.Second)
	eventually(t, 2*time.Second, "all come", func() bool { return len(l.powers(t)) >= 20 })
	numbers(t, l.powers(t), 20)
}

// What was kept for another broker is counted once, and holds nobody up.
func TestOwnerChangesTheBroker(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "uplink")
	first := up(t, "mqtt://", freePort(t), func(u *Uplink) { u.Folder = folder })
	first.say(3)
	eventually(t, time.Second, "they are kept", func() bool { return first.Stats().Waiting == 3 })
	first.stop()
	b := broker(t, "allow_anonymous true").start()
	l := listen(t, b.addr)
	second := up(t, "mqtt://", b.addr, func(u *Uplink) { u.Folder = folder })
	second.said = 10
	second.say(2)
	second.arrived(t, 5*time.Second)
	eventually(t, 2*time.Second, "the new ones come", func() bool { return len(l.powers(t)) == 2 })
	if s := second.Stats(); s.Strayed != 3 || s.Sent != 2 {
		t.Errorf("%+v", s)
	}
}
