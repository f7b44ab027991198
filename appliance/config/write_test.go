package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faultyDisk is a disk on which the step numbered fail goes wrong. If it dies
// there, half of that step's work may be done and nothing works from then on,
// as for a process that was killed; otherwise that step alone fails.
type faultyDisk struct {
	osDisk
	steps []string
	fail  int
	dies  bool
	half  bool // the step that dies does its work, or for a write half of it
}

var errFault = errors.New("fault")

// step counts a step and returns whether it is to be done, and its error.
func (d *faultyDisk) step(name string) (do bool, err error) {
	n := len(d.steps)
	d.steps = append(d.steps, name)
	switch {
	case d.dies && n > d.fail:
		return false, errFault
	case n == d.fail:
		return d.dies && d.half, errFault
	}
	return true, nil
}

func (d *faultyDisk) run(name string, work func() error) error {
	do, err := d.step(name)
	if do {
		return errors.Join(err, work())
	}
	return err
}

func (d *faultyDisk) create(dir, pattern string) (temporary, error) {
	do, err := d.step("create")
	if !do {
		return nil, err
	}
	t, e := d.osDisk.create(dir, pattern)
	return faultyFile{t, d}, errors.Join(err, e)
}

func (d *faultyDisk) rename(from, to string) error {
	return d.run("rename", func() error { return d.osDisk.rename(from, to) })
}
func (d *faultyDisk) remove(path string) error {
	return d.run("remove", func() error { return d.osDisk.remove(path) })
}
func (d *faultyDisk) syncDir(dir string) error {
	return d.run("syncDir", func() error { return d.osDisk.syncDir(dir) })
}

type faultyFile struct {
	temporary
	d *faultyDisk
}

func (f faultyFile) Write(b []byte) (n int, err error) {
	err = f.d.run("write", func() error {
		if len(f.d.steps)-1 == f.d.fail {
			b = b[:len(b)/2]
		}
		_, err := f.temporary.Write(b)
		return err
	})
	return len(b), err
}
func (f faultyFile) Chmod(m fs.FileMode) error {
	return f.d.run("chmod", func() error { return f.temporary.Chmod(m) })
}
func (f faultyFile) Sync() error  { return f.d.run("sync", f.temporary.Sync) }
func (f faultyFile) Close() error { return f.d.run("close", f.temporary.Close) }

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Nothing is under the new name before it is on the disk.
func TestWriteFileOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	d := &faultyDisk{fail: -1}
	if err := writeFile(d, path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "chmod", "write", "sync", "close", "rename", "syncDir"}
	if !slices.Equal(d.steps, want) {
		t.Errorf("steps %q, want %q", d.steps, want)
	}
}

// Whichever step fails or is the last one, the file is the old or the new one.
func TestWriteFileFaults(t *testing.T) {
	const before, after = "the old content", "the new and longer content"
	steps := 7
	for fail := range steps {
		for _, mode := range []struct{ dies, half bool }{{false, false}, {true, false}, {true, true}} {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			d := &faultyDisk{fail: fail, dies: mode.dies, half: mode.half}
			err := writeFile(d, path, []byte(after), 0o600)
			name := fmt.Sprintf("step %d (%s) of %+v", fail, d.steps[fail], mode)
			if !errors.Is(err, errFault) {
				t.Errorf("%s: error %v, want the fault", name, err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != before && string(got) != after {
				t.Errorf("%s: %v, the file is %q", name, err, got)
			}
			if renamed := fail == 6 || fail == 5 && mode.half; (string(got) == after) != renamed {
				t.Errorf("%s: the file is %q", name, got)
			}
			if left := list(t, dir); !mode.dies && len(left) != 1 {
				t.Errorf("%s: left behind: %q", name, left)
			}
			if err := RemoveTemporary(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if left := list(t, dir); len(left) != 1 {
				t.Errorf("%s: left behind after tidying up: %q", name, left)
			}
		}
	}
}

func TestWriteFileRefuses(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	for _, err := range []error{
		os.WriteFile(target, []byte("mine"), 0o644),
		os.Symlink(target, link),
		os.Mkdir(filepath.Join(dir, "folder"), 0o755),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"link", "folder", "pipe"} {
		path := filepath.Join(dir, name)
		if err := WriteFile(path, []byte("x"), 0o600); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("writing the %s: error %v, want one that names it", name, err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("reading the %s: error %v, want one that names it", name, err)
		}
	}
	if b, _ := os.ReadFile(target); string(b) != "mine" {
		t.Errorf("the target of the link is now %q", b)
	}
	if err := WriteFile(filepath.Join(dir, "none", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that does not exist: error %v", err)
	}
	if err := os.WriteFile(target, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(target); err == nil {
		t.Error("a file past the limit was read")
	}
}

func TestWriteFileMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0))
	if err := WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

// A command run by root in the folder of the service leaves the service's file.
func TestWriteFileOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1234, 1235); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 1234 || s.Gid != 1235 {
		t.Errorf("owner %d:%d, want the folder's 1234:1235", s.Uid, s.Gid)
	}
}

// A process that writes all the time is killed again and again at moments of
// chance: the file is always one of those it wrote.
func TestWriteFileKilled(t *testing.T) {
	if dir := os.Getenv("SMARTCONNECT_TEST_WRITER"); dir != "" {
		for i, end := 0, time.Now().Add(20*time.Second); time.Now().Before(end); i++ {
			content := bytes.Repeat([]byte{byte('a' + i%26)}, 1000+i%5000)
			if err := WriteFile(filepath.Join(dir, fileName), content, 0o600); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Println("writing")
			}
		}
		os.Exit(1)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	kills, interrupted := 25, 0
	for i := range kills {
		c := exec.Command(self, "-test.run=^TestWriteFileKilled$")
		c.Env = append(os.Environ(), "SMARTCONNECT_TEST_WRITER="+dir)
		said, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		first, err := bufio.NewReader(said).ReadString('\n')
		time.Sleep(5*time.Millisecond + time.Duration(i)*1300*time.Microsecond)
		_ = c.Process.Kill()
		if waited := c.Wait(); c.ProcessState.Exited() || err != nil {
			t.Fatalf("the writer ended by itself: %v, %v: %s", err, waited, first)
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 || len(bytes.Trim(b, string(b[:1]))) != 0 {
			t.Fatalf("after kill %d: %v: %d octets, %.20q…", i, err, len(b), b)
		}
		seen[len(b)] = true
		if len(list(t, dir)) > 1 {
			interrupted++
		}
		if err := RemoveTemporary(path); err != nil {
			t.Fatal(err)
		}
		if left := list(t, dir); len(left) != 1 {
			t.Fatalf("after kill %d: left behind: %q", i, left)
		}
	}
	t.Logf("%d kills, %d of them while a file was being written", kills, interrupted)
	if len(seen) < 2 {
		t.Error("the writer wrote nothing")
	}
}

// A state folder put back from a backup may have lost its modes.
func TestReadFileClosesWhatIsOpenToAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}
