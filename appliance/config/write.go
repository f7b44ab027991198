package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// WriteFile replaces the file at path whole or not at all: the content goes to
// a temporary file in the same folder, to the disk, and only then under its
// name; the folder is brought to the disk too. Whoever dies on the way, and
// whenever the power goes, leaves the old file or the new one. An error after
// the renaming may leave the new one.
//
// What stands at path must be a plain file: a symbolic link is refused, not
// followed. As root, the new file belongs to the owner of the folder, so that a
// command run by root leaves nothing the service cannot read.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	return writeFile(osDisk{}, path, content, mode)
}

// disk is what writing a file whole takes from the operating system.
type disk interface {
	create(dir, pattern string) (temporary, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

type temporary interface {
	Name() string
	Write([]byte) (int, error)
	Chmod(fs.FileMode) error
	Chown(uid, gid int) error
	Sync() error
	Close() error
}

// Temporary files are named after the file they become.
const tempSuffix = ".tmp"

func writeFile(d disk, path string, content []byte, mode fs.FileMode) (err error) {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("config: %s is not a plain file (%s): not replacing it", path, info.Mode().Type())
	}
	t, err := d.create(dir, "."+base+".*"+tempSuffix)
	if err != nil {
		return fmt.Errorf("config: writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = d.remove(t.Name()) // gone already if it was renamed
			err = fmt.Errorf("config: writing %s: %w", path, err)
		}
	}()
	if err := fill(t, content, mode, dir); err != nil {
		_ = t.Close()
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := d.rename(t.Name(), path); err != nil {
		return err
	}
	return d.syncDir(dir)
}

func fill(t temporary, content []byte, mode fs.FileMode, dir string) error {
	if err := t.Chmod(mode); err != nil {
		return err
	}
	if uid, gid, ok := ownerAsRoot(dir); ok {
		if err := t.Chown(uid, gid); err != nil {
			return err
		}
	}
	if _, err := t.Write(content); err != nil {
		return err
	}
	return t.Sync()
}

// ownerAsRoot returns who owns dir, if this process is root and somebody else
// does.
func ownerAsRoot(dir string) (uid, gid int, ok bool) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

type osDisk struct{}

func (osDisk) create(dir, pattern string) (temporary, error) { return os.CreateTemp(dir, pattern) }
func (osDisk) rename(from, to string) error                  { return os.Rename(from, to) }
func (osDisk) remove(path string) error                      { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// maxFile is far above what any file of the state folder has.
const maxFile = 1 << 20

// ReadFile reads a plain file of at most 1 MiB, and nothing else: no symbolic
// link, no pipe that would never answer. A file that is not there is
// fs.ErrNotExist.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("config: %s is not a plain file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		_ = f.Chmod(fileMode) // put back from a backup, for all to read
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("config: %s is longer than %d octets", path, maxFile)
	}
	return b, nil
}

// RemoveTemporary removes what an interrupted WriteFile of the file at path
// left behind. Nobody may be writing that file at the same time.
func RemoveTemporary(path string) error {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+base+".") && strings.HasSuffix(e.Name(), tempSuffix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("config: %w", err)
			}
		}
	}
	return nil
}
