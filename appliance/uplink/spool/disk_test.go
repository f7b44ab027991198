package spool

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

var errFault = errors.New("fault")

// memDisk is a disk with one folder that keeps apart what the system holds and
// what is on the medium. The step numbered fail goes wrong; if the process dies
// there, half of that step's work may be done and nothing works from then on.
type memDisk struct {
	mu    sync.Mutex
	names map[string]*memFile         // as the system has it
	disk  map[string]*memFile         // as the medium has it
	ops   []func(map[string]*memFile) // what made names of disk, in order
	steps []string
	fail  int
	dies  bool
	half  bool // the step that fails does its work; a write does half of it anyhow
}

// memFile has octets of which those marked dirty are not on the medium yet.
type memFile struct {
	d      *memDisk
	octets []byte
	dirty  []bool
	disk   []byte
	bad    int // the page that cannot be read, counted from 1
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*memFile{}, disk: map[string]*memFile{}, fail: -1}
}

func (d *memDisk) run(name string, work func()) error {
	n := len(d.steps)
	d.steps = append(d.steps, name)
	failed := n == d.fail || d.dies && d.fail >= 0 && n > d.fail
	if !failed || n == d.fail && (d.half || name == "write") {
		work()
	}
	if failed {
		return errFault
	}
	return nil
}

func (d *memDisk) mkdir(string) error { return nil }

func (d *memDisk) list(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names)), nil
}

func (d *memDisk) open(path string) (f file, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.names[filepath.Base(path)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return found, d.run("open", func() {})
}

func (d *memDisk) create(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if d.names[name] != nil {
		return nil, fs.ErrExist
	}
	f := &memFile{d: d}
	return f, d.run("create", func() { d.change(func(m map[string]*memFile) { m[name] = f }) })
}

func (d *memDisk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if d.names[name] == nil {
		return fs.ErrNotExist
	}
	return d.run("remove", func() { d.change(func(m map[string]*memFile) { delete(m, name) }) })
}

func (d *memDisk) change(op func(map[string]*memFile)) {
	op(d.names)
	d.ops = append(d.ops, op)
}

func (d *memDisk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.run("syncDir", func() { d.disk, d.ops = maps.Clone(d.names), nil })
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if at >= int64(len(f.octets)) {
		return 0, io.EOF
	}
	if bad := int64(f.bad) * page; f.bad > 0 && at < bad && at+int64(len(b)) > bad-page {
		return copy(b, f.octets[at:max(at, bad-page)]), errFault
	}
	n := copy(b, f.octets[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, at int64) (n int, err error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n = len(b)
	if len(f.d.steps) == f.d.fail {
		n /= 2
	}
	err = f.d.run("write", func() {
		if size := int(at) + n; size > len(f.octets) {
			f.octets = append(f.octets, make([]byte, size-len(f.octets))...)
			f.dirty = append(f.dirty, make([]bool, size-len(f.dirty))...)
		}
		copy(f.octets[at:], b[:n])
		for i := range n {
			f.dirty[int(at)+i] = true
		}
	})
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.run("truncate", func() { f.octets, f.dirty = f.octets[:size], f.dirty[:size] })
}

// A sync that fails leaves nothing dirty, and nothing of it on the medium: so
// does Linux.
func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.run("sync", func() { f.disk = f.medium(len(f.octets)) })
	if err == nil || !f.d.dies { // who dies in it leaves it to the system
		clear(f.dirty)
	}
	return err
}

// medium is what is on the medium once the dirty octets before upTo are there too.
func (f *memFile) medium(upTo int) []byte {
	m := make([]byte, len(f.octets))
	copy(m, f.disk)
	for i := range upTo {
		if f.dirty[i] {
			m[i] = f.octets[i]
		}
	}
	return m
}

func (f *memFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.octets)), nil
}

func (f *memFile) Close() error { return nil }

// killed is the disk after the process died: the system has it all.
func (d *memDisk) killed() *memDisk {
	after := newMemDisk()
	after.disk, after.ops = d.disk, d.ops
	for name, f := range d.names {
		f.d = after
		after.names[name] = f
	}
	return after
}

// cut is the disk after a power cut: some of what was not synced of each file is
// there, and of the folder the first changes, as a journal keeps their order.
func (d *memDisk) cut(r *rand.Rand) *memDisk {
	after := newMemDisk()
	names := maps.Clone(d.disk)
	for _, op := range d.ops[:r.IntN(len(d.ops)+1)] {
		op(names)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		m := names[name].afterCut(r)
		after.names[name] = &memFile{d: after, octets: m, disk: slices.Clone(m), dirty: make([]bool, len(m))}
	}
	after.disk = maps.Clone(after.names)
	return after
}

// afterCut is what is on the medium: what was there, or with some of the dirty
// octets, the rest being zeros, cut off, or as before.
func (f *memFile) afterCut(r *rand.Rand) []byte {
	m := slices.Clone(f.disk)
	synced := 0 // octets before the first dirty one
	for synced < len(f.octets) && !f.dirty[synced] {
		synced++
	}
	if synced == len(f.octets) && len(f.disk) <= synced || r.IntN(4) == 0 {
		return m
	}
	upTo := synced + r.IntN(len(f.octets)-synced+1)
	m = f.medium(upTo)
	if r.IntN(2) == 0 {
		return m // zeros, or old octets
	}
	return m[:upTo]
}
