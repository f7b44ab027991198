package history

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Days is how long an Archive remembers.
const Days = 400

// places is how many records a file has. Each quarter-hour has its own, which it
// takes over from the one 400 days ago: the file never grows past 2.4 MiB, there
// is no end of it that could be torn, and damage costs the record it hits.
const places = Days * 24 * int64(time.Hour/length)

// page is how many records are read at once: 4 KiB, and places is a multiple.
const page = 64

// Archive is the file of the quarter-hours. It may be used by any number of
// goroutines; the file is open only while it is being used.
type Archive struct {
	path string

	mu    sync.Mutex
	wiped bool
}

// Open returns the archive in the file path, which is made when the first record
// comes. The error says that the file cannot be used.
func Open(path string) (*Archive, error) {
	a := &Archive{path: path}
	f, err := openFile(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != fileMode { // put back from a backup
		err = f.Chmod(fileMode)
	}
	if err == nil && info.Size() > places*recordSize {
		err = f.Truncate(places * recordSize)
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return a, nil
}

const fileMode = 0o600

// openFile follows no symbolic link and waits for no pipe.
func openFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a plain file (%s)", path, info.Mode().Type())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("history: %w", err)
	}
	return f, nil
}

// Remove deletes the archive in the file path, where there is one, and returns once
// the disk knows.
func Remove(path string) error {
	switch err := os.Remove(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("history: %w", err)
	}
	return syncDir(path)
}

// Wipe deletes what the archive has, and keeps it from being written again: a life
// that ends would write its last quarter-hour after that. A nil archive has nothing.
func (a *Archive) Wipe() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wiped = true
	return Remove(a.path)
}

// syncDir makes the entry of path in its folder durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// Put keeps a quarter-hour, and returns once it is on the disk: one write of 64
// octets.
func (a *Archive) Put(q Quarter) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wiped {
		return nil
	}
	_, err := os.Lstat(a.path)
	anew := errors.Is(err, fs.ErrNotExist)
	f, err := openFile(a.path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(appendRecord(nil, &q), place(number(q.Start)))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if anew {
		return syncDir(a.path)
	}
	return nil
}

// place is where in the file the nth quarter-hour is.
func place(n int64) int64 { return n % places * recordSize }

// At returns the quarter-hour that t is in, as it was last kept.
func (a *Archive) At(t time.Time) (Quarter, bool) {
	for q := range a.Between(t, t.Add(1)) {
		return q, true
	}
	return Quarter{}, false
}

// Between yields the quarter-hours from the one that from is in to the last that
// begins before to, the oldest first: at most those of 400 days, of a longer time the
// latest. It needs 4 KiB. What cannot be read is left out; a nil archive has nothing.
func (a *Archive) Between(from, to time.Time) iter.Seq[Quarter] {
	return func(yield func(Quarter) bool) {
		end := number(to.Add(length - 1))
		n := max(number(from), end-places, 0)
		if a == nil || n >= end {
			return
		}
		f, err := openFile(a.path, os.O_RDONLY)
		if err != nil {
			return
		}
		defer f.Close()
		b := make([]byte, page*recordSize)
		for n < end {
			at := place(n)
			some := min(page-at/recordSize%page, end-n)
			read, _ := f.ReadAt(b[:some*recordSize], at)
			for q := range records(b[:read], n) {
				if !yield(q) {
					return
				}
			}
			n += some
		}
	}
}
