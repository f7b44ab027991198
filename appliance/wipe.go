package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"smartconnect/appliance/config"
	"smartconnect/appliance/identity"
)

// factoryMark stands in the state folder from when a factory reset is wanted until it
// is done: a power cut in between leaves no half of one.
const factoryMark = "factory-reset"

// factoryReset makes the next life begin as the box left the factory.
func (l *life) factoryReset() error {
	return config.WriteFile(filepath.Join(l.o.State, factoryMark), nil, 0o600)
}

// wipe does a factory reset that is wanted (EN 303 645, 5.11): all that an owner has
// brought or the box has learned goes, from the disk and from memory. What stays is
// what is printed on the label.
func (o Options) wipe(past *past) error {
	mark := filepath.Join(o.State, factoryMark)
	if _, err := os.Lstat(mark); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	who, err := identity.Open(o.State, o.Log)
	if err == nil {
		err = who.RestoreLabel()
	}
	err = errors.Join(err, erase(o.State, append(identity.Provisioned(), factoryMark)))
	if err == nil {
		err = os.Remove(mark)
	}
	past.forget()
	o.journal.Clear()
	if err != nil {
		return fmt.Errorf("appliance: the factory reset is not complete and goes on at the next start: %w", err)
	}
	o.Log.Warn("factory reset", "event", "factory_reset_done")
	return nil
}

// erase removes everything in a folder but the files that are kept. A file is written
// over first, for what a plain disk is worth; flash keeps old blocks for a while.
func erase(folder string, kept []string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var faults error
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		switch {
		case slices.Contains(kept, e.Name()):
			continue
		case e.IsDir():
			faults = errors.Join(faults, erase(path, nil))
		case e.Type().IsRegular():
			faults = errors.Join(faults, overwrite(path))
		}
		faults = errors.Join(faults, os.Remove(path))
	}
	return faults
}

func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 32<<10)
	for left := info.Size(); left > 0; {
		n, err := f.Write(zeros[:min(left, int64(len(zeros)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return f.Sync()
}
