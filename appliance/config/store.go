package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
)

const (
	fileName = "config.json"
	fileMode = 0o600
	// version is the form of the file. A newer one is not read: what it says
	// could mean something else.
	version = 1
)

// What a file that cannot be used is called once another takes its place.
const (
	damaged = ".damaged"
	newer   = ".newer"
)

// Store keeps the configuration in one file of the state folder.
type Store struct {
	path  string
	known Known
	disk  disk

	mu    sync.Mutex
	saved Config
	aside string // what to rename the present, unusable file to before saving
}

// Open reads the configuration kept in the folder dir, which is made if there
// is none. The Store it returns can always be used: where no file can be read
// it holds the configuration as delivered, and the error says why, for the
// status. A file that is damaged or of a newer version stays where it is until
// a save takes its place, and then is kept as config.json.damaged or
// config.json.newer. With a file in which nothing is wrong but a key of the meter
// the error says so, and all else is in use.
func Open(dir string, k Known) (*Store, error) {
	s := &Store{path: filepath.Join(dir, fileName), known: k, disk: osDisk{}, saved: Default()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("config: %w", err)
	}
	_ = RemoveTemporary(s.path) // what cannot be removed is in nobody's way
	b, err := ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.lostEarlier()
	}
	if err == nil {
		s.saved, s.aside, err = read(b, k)
	} else {
		s.aside = damaged
	}
	if err != nil && s.aside == "" {
		return s, fmt.Errorf("%s is in use but for a key: %w", s.path, err)
	}
	if err != nil {
		return s, fmt.Errorf("%s cannot be used, the configuration is as delivered: %w", s.path, err)
	}
	return s, nil
}

// lostEarlier says why there is no file where one was put aside and the new one
// was never written.
func (s *Store) lostEarlier() error {
	for _, suffix := range []string{damaged, newer} {
		if _, err := os.Lstat(s.path + suffix); err == nil {
			return fmt.Errorf("config: %s was put aside as %s and nothing has taken its place, the configuration is as delivered", s.path, filepath.Base(s.path+suffix))
		}
	}
	return nil
}

// read returns the configuration a file holds; if it cannot be used, the one as
// delivered, what to call the file once it is put aside, and why. An error
// without such a name is of keys alone.
func read(b []byte, k Known) (c Config, aside string, err error) {
	tree, problems, err := parse(b)
	if err != nil {
		return Default(), damaged, err
	}
	var v int
	if o, ok := tree.(map[string]any); ok {
		n, _ := o["Version"].(json.Number)
		i, _ := n.Int64()
		v = int(i)
		delete(o, "Version")
	}
	if v > version {
		return Default(), newer, fmt.Errorf("config: it has version %d, and this program reads up to version %d", v, version)
	}
	if v < 1 {
		problems.add("/Version", "is not a version from 1 to %d", version)
	}
	c = Default()
	m := merger{form: kept, problems: problems}
	m.merge(&c, tree)
	c.makeRoom(tree)
	for _, p := range c.problems(k) {
		m.problems.follow(p)
	}
	err = m.problems.err()
	if err != nil && !m.problems.keysOnly() {
		return Default(), damaged, err
	}
	return c, "", err
}

// makeRoom leaves a port that is new in this version, and that a file of an
// earlier one says nothing about, to whom the file gives it.
func (c *Config) makeRoom(tree any) {
	if _, said := at(tree, "Broker", "ListenTLS"); said {
		return
	}
	var p Problems
	c.checkListeners(&p)
	if len(p) > 0 {
		c.Broker.ListenTLS = ""
	}
}

// keysOnly reports whether nothing is wrong but keys of the meter. All else can
// be used then, and the meter says which key is none: an owner who put a file
// back by hand must not lose his settings for a typing error.
func (p Problems) keysOnly() bool {
	for _, one := range p {
		if one.Path != keyPath && one.Path != authKeyPath {
			return false
		}
	}
	return true
}

// Config returns the saved configuration.
func (s *Store) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved.clone()
}

// Patch changes the saved configuration as the function Patch does, and saves
// it. It returns what is saved now; the error is one of Patch's or says that
// the file could not be written, and then the store holds what it held.
func (s *Store) Patch(body []byte) (Config, Effects, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, e, err := Patch(s.saved, body, s.known)
	if err != nil {
		return s.saved.clone(), Effects{}, err
	}
	if len(e.Changed) > 0 || s.aside != "" {
		if err := s.save(next); err != nil {
			return s.saved.clone(), Effects{}, err
		}
	}
	return next.clone(), e, nil
}

// Save makes c the saved configuration. The error is a Problems if c is not
// valid.
func (s *Store) Save(c Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.Validate(s.known); err != nil {
		return err
	}
	return s.save(c.clone())
}

func (s *Store) save(c Config) error {
	if s.aside != "" {
		if err := s.disk.rename(s.path, s.path+s.aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("config: putting the unusable file aside: %w", err)
		}
		s.aside = ""
	}
	if err := writeFile(s.disk, s.path, file(c), fileMode); err != nil {
		return err
	}
	s.saved = c
	return nil
}

// file returns the content of the file: the members of the configuration after
// the version, secrets included.
func file(c Config) []byte {
	b := fmt.Appendf(nil, `{"Version":%d,`, version)
	return append(indent(append(b, kept.print(nil, reflect.ValueOf(c))[1:]...)), '\n')
}
