package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childDir names the folder in which this test binary, run again, appends until
// it is killed.
const childDir = "SPOOL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// appendForever says of each record that it was appended, and syncs now and then.
func appendForever(dir string) {
	l, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for n := l.next; ; n++ {
		index, err := l.Append(record(int(n)))
		if err != nil || index != n {
			fmt.Println(index, err)
			os.Exit(1)
		}
		fmt.Println(n)
		if n%1000 == 0 {
			go l.Sync()
		}
	}
}

// Whenever the process is killed, every record of which it was told that it was
// appended is there, and the next process goes on behind it.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var told, acked int
	for round := range 30 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		var out bytes.Buffer
		child.Stdout = &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+r.IntN(60)) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		whole := out.String()[:strings.LastIndexByte(out.String(), '\n')+1]
		for line := range strings.Lines(whole) {
			n, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil || n <= told {
				t.Fatalf("the process said %q after record %d", line, told)
			}
			told = n
		}
		l := opened(t, osDisk{}, dir, Options{})
		got := numbers(t, allBy(t, l, 0, 10000))
		if last := acked + len(got); last < told || !slices.Equal(got, span(acked+1, last)) {
			t.Fatalf("%d records behind %d, and the process said %d", len(got), acked, told)
		}
		told = acked + len(got)
		if s := l.Stats(); s.Lost > 0 {
			t.Fatalf("%+v", s)
		}
		if round%3 == 0 {
			acked = told - round // leaves some, but for the first time
			l.Ack(uint64(acked))
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told < 1000 {
		t.Fatalf("%d records in all: the processes did nothing", told)
	}
}

// Sync runs beside everything the owner does; a record is not delayed by a disk
// that takes its time.
func TestSyncBesideAppend(t *testing.T) {
	d := &slowDisk{disk: newMemDisk(), entered: make(chan struct{}), leave: make(chan struct{})}
	l := opened(t, d, "spool", Options{MaxBytes: 3000, SegmentBytes: 300})
	if _, err := l.Append(record(1)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Sync() }()
	<-d.entered                 // and stays there
	for n := 2; n <= 200; n++ { // drops the segment that is being synced
		if _, err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
	got := all(t, l, 0)
	l.Ack(got[0].Index)
	close(d.leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := l.Stats(); s.Dropped == 0 || s.Len+s.Dropped != 199 {
		t.Errorf("%+v, want 199 records, one of them acknowledged", s)
	}
}

// slowDisk is a disk whose first sync of a file waits for leave.
type slowDisk struct {
	disk
	once           sync.Once
	entered, leave chan struct{}
}

type slowFile struct {
	file
	d *slowDisk
}

func (d *slowDisk) open(path string) (file, error) {
	f, err := d.disk.open(path)
	return slowFile{f, d}, err
}

func (f slowFile) Sync() error {
	f.d.once.Do(func() {
		close(f.d.entered)
		<-f.d.leave
	})
	return f.file.Sync()
}

// The race detector watches the two at work on real files.
func TestSyncRaces(t *testing.T) {
	l := opened(t, osDisk{}, t.TempDir(), Options{MaxBytes: 20000, SegmentBytes: 1000})
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		for {
			select {
			case <-stop:
				return
			default:
				if e := l.Sync(); e != nil {
					err = e
				}
			}
		}
	}()
	var last uint64
	for n := 1; n <= 3000; n++ {
		if _, err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
		if n%7 == 0 {
			some, err := l.Read(last, 5, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			numbers(t, some)
			last = some[len(some)-1].Index
			l.Ack(last)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := l.Stats(); s.Lost > 0 || s.Damaged > 0 || s.Len == 0 {
		t.Errorf("%+v", s)
	}
}
