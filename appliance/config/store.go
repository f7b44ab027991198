package config

import (
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

	mu      sync.Mutex
	saved   Config
	aside   string  // what to rename the present, unusable file to before saving
	earlier earlier // the present file, where it is of an older version
}

// earlier is a file of an older version.
type earlier struct {
	version int // 0: there is none
	content []byte
}

// Open reads the configuration kept in the folder dir, which is made if there
// is none. The Store it returns can always be used: where no file can be read
// it holds the configuration as delivered, and the error says why, for the
// status. A file that is damaged or of a newer version stays where it is until
// a save takes its place, and then is kept as config.json.damaged or
// config.json.newer. With a file in which nothing is wrong but a key of the meter
// the error says so, and all else is in use.
//
// A file of an older version is read, and the first save leaves it beside the new
// one as config.vN.json. That is where a program to which config.json is too new
// finds what it last understood.
func Open(dir string, k Known) (*Store, error) {
	s := &Store{path: filepath.Join(dir, fileName), known: k, disk: osDisk{}, saved: Default()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("config: %w", err)
	}
	_ = RemoveTemporary(s.path) // what cannot be removed is in nobody's way
	for v := 1; v < version; v++ {
		_ = RemoveTemporary(s.of(v))
	}
	b, err := ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.lostEarlier()
	}
	c := content{config: Default(), aside: damaged}
	if err == nil {
		c, err = read(b, k)
	}
	s.saved, s.aside = c.config, c.aside
	switch {
	case c.aside == "" && c.version < version:
		s.earlier = earlier{c.version, b}
	case c.aside == newer:
		return s, fmt.Errorf("%s cannot be used, %s: %w", s.path, s.fallBack(), err)
	}
	if err != nil && s.aside == "" {
		return s, fmt.Errorf("%s is in use but for a key: %w", s.path, err)
	}
	if err != nil {
		return s, fmt.Errorf("%s cannot be used, the configuration is as delivered: %w", s.path, err)
	}
	return s, nil
}

// of returns where the last file of a version is left.
func (s *Store) of(version int) string {
	return filepath.Join(filepath.Dir(s.path), fmt.Sprintf("config.v%d.json", version))
}

// fallBack makes the file of this program's own version that a newer program left
// the configuration, and says what is in use now.
func (s *Store) fallBack() string {
	const delivered = "the configuration is as delivered"
	path := s.of(version)
	b, err := ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return delivered
	}
	var c content
	if err == nil {
		c, err = read(b, s.known)
	}
	if err != nil && (c.aside != "" || c.version == 0) {
		return fmt.Sprintf("%s (%s is no help: %v)", delivered, filepath.Base(path), err)
	}
	s.saved = c.config
	return filepath.Base(path) + " is in use instead, as it was before a newer program"
}

// lostEarlier says why there is no file where one was put aside and the new one
// was never written.
func (s *Store) lostEarlier() error {
	for _, suffix := range []string{damaged, newer} {
		if _, err := os.Lstat(s.path + suffix); err == nil {
			now := "the configuration is as delivered"
			if suffix == newer {
				now = s.fallBack()
			}
			return fmt.Errorf("config: %s was put aside as %s and nothing has taken its place, %s", s.path, filepath.Base(s.path+suffix), now)
		}
	}
	return nil
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
	return s.take(next, e)
}

// take saves next, if it is another configuration or the present file cannot be
// used. s.mu is held.
func (s *Store) take(next Config, e Effects) (Config, Effects, error) {
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
	if old := s.earlier; old.version != 0 {
		if err := writeFile(s.disk, s.of(old.version), old.content, fileMode); err != nil {
			return err
		}
	}
	if s.aside != "" {
		if err := s.disk.rename(s.path, s.path+s.aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("config: putting the unusable file aside: %w", err)
		}
		s.aside = ""
	}
	if err := writeFile(s.disk, s.path, file(c), fileMode); err != nil {
		return err
	}
	s.saved, s.earlier = c, earlier{}
	return nil
}

// file returns the content of the file: the members of the configuration after
// the version, secrets included.
func file(c Config) []byte {
	b := fmt.Appendf(nil, `{"Version":%d,`, version)
	return append(indent(append(b, kept.print(nil, reflect.ValueOf(c))[1:]...)), '\n')
}
