package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// block is how many numbers are reserved by one write to the flash: at one
// telegram a second that is a write a day. A power cut loses the rest of a
// block, never the order.
const block = 100_000

// maxSeq keeps every number exact in a reader that knows only doubles
// (JavaScript): 2^53.
const maxSeq = 1 << 53

// Sequence numbers snapshots so that they grow across restarts, without a write
// per telegram.
type Sequence struct {
	path string
	save func(path string, content []byte) error
	log  *slog.Logger

	mu       sync.Mutex
	next     uint64
	reserved uint64 // first number not reserved on disk
}

// OpenSequence continues the sequence kept in the file at path and reserves its
// next block. save must replace a file whole or not at all. If the file holds no
// usable number the sequence goes on from the clock's milliseconds, which are
// above anything it can have counted to: starting over from 1 would make readers
// drop everything new as old.
func OpenSequence(path string, save func(path string, content []byte) error, log *slog.Logger) (*Sequence, error) {
	s := &Sequence{path: path, save: save, log: log}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("snapshot: sequence: %w", err)
	default:
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err != nil || n >= maxSeq {
			n = uint64(time.Now().UnixMilli())
			log.Error("sequence file holds no number below 2^53, going on from the clock", "file", path, "content", string(b[:min(len(b), 40)]), "seq", n)
		}
		s.next = n
	}
	if err := s.reserve(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sequence) reserve() error {
	end := s.next + block
	if err := s.save(s.path, strconv.AppendUint(nil, end, 10)); err != nil {
		return fmt.Errorf("snapshot: sequence: %w", err)
	}
	s.reserved = end
	return nil
}

// Next returns the next number, from 1. If a block cannot be reserved (a full
// disk) it goes on counting and says so once a block: a reading is worth more
// than its number.
func (s *Sequence) Next() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	if s.next >= s.reserved {
		if err := s.reserve(); err != nil {
			s.log.Error("cannot reserve sequence numbers", "error", err)
			s.reserved = s.next + block
		}
	}
	return s.next
}
