package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// disk is what the log takes from the operating system.
type disk interface {
	mkdir(dir string) error            // makes dir unless it is there
	list(dir string) ([]string, error) // names, sorted
	open(path string) (file, error)    // a plain file that is there, to read and write
	create(path string) (file, error)  // a file that is not there
	remove(path string) error
	syncDir(dir string) error
}

type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

const (
	dirMode  = 0o700
	fileMode = 0o600
)

type osDisk struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osDisk) mkdir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return err
		}
		return osDisk{}.syncDir(filepath.Dir(dir))
	}
	if err == nil && info.IsDir() && info.Mode().Perm() != dirMode {
		_ = os.Chmod(dir, dirMode) // whether it can be used, its listing tells
	}
	return err
}

func (osDisk) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// open follows no symbolic link and waits for no pipe.
func (osDisk) open(path string) (file, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file (%s)", path, info.Mode().Type())
	}
	if info.Mode().Perm() != fileMode {
		_ = os.Chmod(path, fileMode) // put back from a backup; whether it can be opened, the next line tells
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
