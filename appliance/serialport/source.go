package serialport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// Source is a checked source of telegrams. The zero Source is none.
type Source struct {
	text   string
	open   opener
	serial bool

	path   string    // of a device or file
	addr   string    // HOST:PORT
	meter  sim.Meter // of a simulator
	seed   uint64
	lively bool
}

// kind is a way to write a source, and what opens it.
type kind struct {
	prefix string
	parse  func(s *Source, rest string) error
	open   opener
}

type opener func(ctx context.Context, s Source, line telegram.Line, o Options) (conn, error)

// kinds are tried in order; the last one fits everything: the path of a serial
// device.
var kinds = []kind{
	{"tcp://", (*Source).parseTCP, openTCP},
	{"file:", (*Source).parsePath, openFile},
	{"sim:", (*Source).parseSim, openSim},
	{"", (*Source).parseDevice, openDevice},
}

// ParseSource checks the text of a source without touching what it names; see
// [Open] for the forms there are.
func ParseSource(text string) (Source, error) {
	s := Source{text: text}
	if text == "" {
		return Source{}, errors.New("serialport: no source given: want a serial device, tcp://HOST:PORT, file:PATH or sim:NAME")
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return Source{}, fmt.Errorf("serialport: source %q: control character at octet %d", text, i)
	}
	k := kinds[slices.IndexFunc(kinds, func(k kind) bool { return strings.HasPrefix(text, k.prefix) })]
	if err := k.parse(&s, strings.TrimPrefix(text, k.prefix)); err != nil {
		return Source{}, fmt.Errorf("serialport: source %q: %w", text, err)
	}
	s.open = k.open
	return s, nil
}

// String returns the source as it was written.
func (s Source) String() string { return s.text }

// Serial reports whether the source is a serial device, which hears nothing
// but noise while its line settings are wrong.
func (s Source) Serial() bool { return s.serial }

func (s *Source) parseDevice(path string) error {
	s.serial = true
	return s.parsePath(path)
}

func (s *Source) parsePath(path string) error {
	if scheme, _, ok := strings.Cut(path, ":"); ok && !strings.ContainsAny(scheme, "/.") {
		return fmt.Errorf("unknown kind %q: want a serial device, tcp://HOST:PORT, file:PATH or sim:NAME", scheme)
	}
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q is not an absolute path: want one such as /dev/ttyUSB0 or /dev/serial/by-id/…", path)
	}
	if s.path = filepath.Clean(path); s.path == "/" {
		return errors.New("\"/\" is no device")
	}
	return nil
}

func (s *Source) parseTCP(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("want tcp://HOST:PORT: %w", err)
	}
	if host == "" || strings.ContainsAny(host, "/@? ") {
		return fmt.Errorf("%q is no host name: want tcp://HOST:PORT", host)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port %q is no number from 1 to 65535", port)
	}
	s.addr = addr
	return nil
}

func (s *Source) parseSim(rest string) error {
	name, query, _ := strings.Cut(rest, "?")
	var err error
	if s.meter, err = sim.ByName(name); err != nil {
		return err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("after the '?': %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(key)
		switch key {
		case "seed":
			s.seed, err = strconv.ParseUint(value, 10, 64)
		case "lively":
			s.lively, err = strconv.ParseBool(value)
		default:
			err = errors.New("unknown setting: want seed or lively")
		}
		if err != nil {
			return fmt.Errorf("%s=%q: %w", key, value, err)
		}
	}
	return nil
}
