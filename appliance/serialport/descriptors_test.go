package serialport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// The limits of a process only ever go down, so each case has a child of its
// own: the test binary again, told by the environment what to do.
const childEnv = "SERIALPORT_TEST_CHILD"

var children = map[string]func() error{
	"library panics": libraryPanics,
	"guard":          guardRefuses,
	"limit":          limitHolds,
}

func TestDescriptorsBeyondTheSet(t *testing.T) {
	if f := children[os.Getenv(childEnv)]; f != nil {
		if err := f(); err != nil {
			fmt.Println("child:", err)
			os.Exit(3)
		}
		fmt.Println("child: all right")
		os.Exit(0)
	}
	var hard unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &hard); err != nil {
		t.Fatal(err)
	}
	if hard.Max < 2*maxDescriptors {
		missing(t, fmt.Sprintf("a hard limit of %d open files, need %d", hard.Max, 2*maxDescriptors))
	}
	for name := range children {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDescriptorsBeyondTheSet$", "-test.v")
			cmd.Env = append(os.Environ(), childEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "child: all right") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// missing skips a test that the machine cannot run, unless nothing may skip.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
		t.Fatal("missing: ", what)
	}
	t.Skip("missing: ", what)
}

// fill opens files until descriptor up is taken, with a soft limit that allows it.
func fill(up int) ([]*os.File, error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	lim.Cur = lim.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	var files []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		if int(f.Fd()) >= up {
			return files, nil
		}
	}
}

// libraryPanics shows that the danger is real. When it fails, the library has
// got better and the guard can go.
func libraryPanics() (err error) {
	_, slave, err := OpenPTY()
	if err != nil {
		return err
	}
	if _, err := fill(maxDescriptors + 6); err != nil {
		return err
	}
	port, err := serial.Open(slave, &serial.Mode{BaudRate: 9600})
	if err != nil {
		return err
	}
	defer func() {
		if recover() == nil {
			err = errors.New("the library read from a descriptor beyond 1023")
		}
	}()
	_, err = port.Read(make([]byte, 1))
	return err
}

// guardRefuses opens a port with 0, 1, 2 … descriptors left below 1024: the
// lock, the port and the reading end of the library's pipe each want one.
func guardRefuses() error {
	master, slave, err := OpenPTY()
	if err != nil {
		return err
	}
	files, err := fill(maxDescriptors + 6)
	if err != nil {
		return err
	}
	low := files[len(files)-100:]
	for left := range 4 {
		r, err := Open(context.Background(), slave, line, Options{})
		switch {
		case left < 3 && (err == nil || !errors.Is(err, errTooMany)):
			return fmt.Errorf("%d descriptors left below 1024: %v", left, err)
		case left == 3 && err != nil:
			return fmt.Errorf("3 descriptors left below 1024: %w", err)
		case left == 3:
			if _, err := master.Write([]byte("works")); err != nil {
				return err
			}
			b := make([]byte, 5)
			if n, err := r.Read(b); err != nil || string(b[:n]) != "works" {
				return fmt.Errorf("read %q, %w", b[:n], err)
			}
			return r.Close()
		}
		if err := low[left].Close(); err != nil {
			return err
		}
	}
	return nil
}

// limitHolds lowers the limits and shows that nothing can pass them.
func limitHolds() error {
	for _, c := range []struct{ most, want uint64 }{
		{4096, maxDescriptors}, {maxDescriptors, maxDescriptors}, {300, 300}, {maxDescriptors, 300},
	} {
		if err := LimitDescriptors(c.most); err != nil {
			return err
		}
		var lim unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			return err
		}
		if lim.Cur != c.want || lim.Max != c.want {
			return fmt.Errorf("limits %d and %d after LimitDescriptors(%d), want %d", lim.Cur, lim.Max, c.most, c.want)
		}
	}
	_, slave, err := OpenPTY()
	if err != nil {
		return err
	}
	var held []*os.File // or they would be collected, and closed
	for {
		f, err := os.Open("/dev/null")
		if errors.Is(err, unix.EMFILE) {
			break
		}
		if err != nil {
			return err
		}
		held = append(held, f)
	}
	for range 4 { // with no, one, two and three descriptors left: lock, port and a pipe need four
		_, err := Open(context.Background(), slave, line, Options{})
		if err == nil || !strings.Contains(err.Error(), unix.EMFILE.Error()) { // the library's error for its pipe does not unwrap
			return fmt.Errorf("with %d files open: %v, want EMFILE", len(held), err)
		}
		if err := held[len(held)-1].Close(); err != nil {
			return err
		}
		held = held[:len(held)-1]
	}
	r, err := Open(context.Background(), slave, line, Options{})
	if err != nil {
		return fmt.Errorf("with four descriptors left: %w", err)
	}
	return r.Close()
}
