package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	suffix = ".spool"

	// mostRead bounds what is read of a file, in octets: the largest segment, its
	// last record, and positions.
	mostRead = 2 * largestSegment
)

func (l *Log) path(first uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%016x"+suffix, first))
}

// firstOf returns the index in the name of a segment.
func firstOf(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, ok && err == nil && len(digits) == 16 && digits == strings.ToLower(digits) && 0 < first && first <= maxIndex
}

func (l *Log) newest() *segment {
	if len(l.segments) == 0 {
		return nil
	}
	return l.segments[len(l.segments)-1]
}

// end returns the index of the last record that segment i can have.
func (l *Log) end(i int) uint64 {
	if i+1 < len(l.segments) {
		return l.segments[i+1].first - 1
	}
	return l.next - 1
}

func (l *Log) bytes() (n int64) {
	for _, s := range l.segments {
		n += s.size
	}
	return n
}

// page is what is left out where the medium cannot be read, in octets.
const page = 4096

// octets returns what a segment has from at on. An error of the medium is damage
// and not an error: there are zeros then, and no file is an empty one.
func (l *Log) octets(s *segment, at int64) ([]byte, error) {
	f, err := l.disk.open(l.path(s.first))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	defer f.Close()
	b := make([]byte, max(0, min(s.size, mostRead)-at))
	n, err := f.ReadAt(b, at)
	for err != nil && !errors.Is(err, io.EOF) {
		l.options.Logger.Warn("spool: reading", "at", at+int64(n), "err", err)
		var more int
		n = min(n+page, len(b))
		more, err = f.ReadAt(b[n:], at+int64(n))
		n += more
	}
	return b[:n], nil
}

// openTail opens the newest segment to write, if it is not.
func (l *Log) openTail() error {
	if l.tail != nil {
		return nil
	}
	f, err := l.disk.open(l.path(l.newest().first))
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	l.tail = f
	return nil
}

// write appends frames to the newest segment. After an error the segment is as it
// was.
func (l *Log) write(frames []byte) error {
	if err := l.openTail(); err != nil {
		return err
	}
	s := l.newest()
	n, err := l.tail.WriteAt(frames, s.size)
	if err == nil && n < len(frames) {
		err = io.ErrShortWrite
	}
	if err != nil {
		_ = l.tail.Truncate(s.size) // else the next record goes over it
		return fmt.Errorf("spool: %w", err)
	}
	s.size += int64(n)
	return nil
}

// roll begins a new segment.
func (l *Log) roll() error {
	f, err := l.disk.create(l.path(l.next))
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	l.closeTail()
	l.tail = f
	l.segments = append(l.segments, &segment{first: l.next})
	l.newFiles = true
	return nil
}

func (l *Log) closeTail() {
	if l.tail != nil {
		_ = l.tail.Close() // write(2) has reported what there was to report, Sync will the rest
		l.tail = nil
	}
}

// shed drops the oldest segments until there is room for n octets.
func (l *Log) shed(n int64) error {
	for len(l.segments) > 0 && l.bytes()+n > l.options.MaxBytes {
		end := l.end(0)
		if err := l.removeOldest(); err != nil {
			return err
		}
		if dropped := l.there(l.acked+1, end); dropped > 0 {
			l.stats.Dropped += dropped
			l.options.Logger.Warn("spool: full, oldest records dropped", "records", dropped)
		}
		l.ack(end)
	}
	return nil
}

func (l *Log) removeOldest() error {
	if err := l.disk.remove(l.path(l.segments[0].first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	if len(l.segments) == 1 {
		l.closeTail()
	}
	l.segments = slices.Delete(l.segments, 0, 1)
	return nil
}
