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
	"syscall"
	"time"
)

// block is how many numbers are reserved by one write to the flash: at one
// telegram a second that is a write a day. A power cut loses the rest of a
// block, never the order.
const block = 100_000

// retry is how many numbers are given out unreserved before a block is asked for
// again: the sooner a disk that was full has it, the fewer come twice.
const retry = 1000

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
// next block. load reads a plain file and nothing that could keep it waiting;
// save must replace a file whole or not at all. If the file holds no
// usable number the sequence goes on from the clock's milliseconds, which are
// above anything it can have counted to: starting over from 1 would make readers
// drop everything new as old.
//
// With an error the sequence counts all the same, and asks for its block again
// and again; what it gave out in between may come twice after a restart.
func OpenSequence(path string, load func(path string) ([]byte, error), save func(path string, content []byte) error, log *slog.Logger) (*Sequence, error) {
	s := &Sequence{path: path, save: save, log: log}
	b, err := load(path)
	clock := uint64(time.Now().UnixMilli())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.next = clock
		return s, fmt.Errorf("snapshot: sequence: %w", err)
	default:
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err != nil || n >= maxSeq {
			n = clock
			log.Error("sequence file holds no number below 2^53, going on from the clock", "file", path, "content", string(b[:min(len(b), 40)]), "seq", n)
		}
		s.next = n
	}
	err = s.reserve()
	if err != nil && s.next == 0 {
		s.next = clock // without a file every life would begin at 1
	}
	return s, err
}

// reserve keeps the next block for this life. A full disk has no room for a
// second file, but the first one's octets stay its own: they are overwritten.
func (s *Sequence) reserve() error {
	end := s.next + block
	number := strconv.AppendUint(nil, end, 10)
	err := s.save(s.path, number)
	if err != nil && overwrite(s.path, number) != nil {
		s.reserved = s.next + retry
		return fmt.Errorf("snapshot: sequence: %w", err)
	}
	s.reserved = end
	return nil
}

// overwrite puts a number where another stands. A number never gets shorter, and
// so few octets lie in one sector: a power cut leaves the old or the new one.
func overwrite(path string, number []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(number, 0)
	return errors.Join(err, f.Truncate(int64(len(number))), f.Sync(), f.Close())
}

// Next returns the next number, from 1. If a block cannot be reserved (a full
// disk) it goes on counting and says so now and then: a reading is worth more than
// its number.
func (s *Sequence) Next() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	if s.next >= s.reserved {
		if err := s.reserve(); err != nil {
			s.log.Error("cannot reserve sequence numbers", "error", err)
		}
	}
	return s.next
}
