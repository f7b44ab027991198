package spool

import (
	"errors"
	"fmt"
	"slices"
)

// Sync brings to the disk what was appended and how far is acknowledged, and
// removes the segments that are done. If nothing is new it touches no file. Append
// need not wait while the disk takes its time. After an error Sync is to be
// called again.
//
// What a process before this one left is new to the first Sync: it may have been
// killed before its own.
func (l *Log) Sync() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	return l.sync()
}

// Close syncs and ends the log.
func (l *Log) Close() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	err := l.sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeTail()
	l.closed = true
	return err
}

// unsynced is a segment and how much of it is to be on the disk.
type unsynced struct {
	*segment
	from, to int64
	again    bool
}

func (l *Log) sync() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	err := l.settle()
	acked := l.acked
	var files []unsynced
	for _, s := range l.segments {
		if s.synced != s.size {
			files = append(files, unsynced{s, s.synced, s.size, s.failed})
		}
	}
	folder := l.newFiles
	l.newFiles = false
	l.mu.Unlock()

	for _, u := range files {
		err = errors.Join(err, l.flush(u))
	}
	if folder {
		if e := l.disk.syncDir(l.dir); e != nil {
			err = errors.Join(err, fmt.Errorf("spool: %w", e))
			l.mu.Lock()
			l.newFiles = true
			l.mu.Unlock()
		}
	}
	// Only now, so that the position is on the disk first; after an error as well,
	// because a full disk needs the room.
	return errors.Join(err, l.clear(acked))
}

// flush brings a segment to the disk.
func (l *Log) flush(u unsynced) error {
	err := l.flushFile(u)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.segments, u.segment) {
		return nil // dropped meanwhile
	}
	u.failed = err != nil
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	u.synced = u.to
	return nil
}

// flushFile opens the file anew, so that Append may close its own meanwhile.
// After a failed sync the system takes the octets for written; they are written
// again, from its memory.
func (l *Log) flushFile(u unsynced) error {
	f, err := l.disk.open(l.path(u.first))
	if err != nil {
		return err
	}
	defer f.Close()
	if u.again && u.to > u.from {
		b := make([]byte, u.to-u.from)
		if _, err := f.ReadAt(b, u.from); err != nil {
			return err
		}
		if _, err := f.WriteAt(b, u.from); err != nil {
			return err
		}
	}
	return f.Sync()
}

// settle writes the position, if it is not what the files say. If nothing is left
// it is all that the newest segment has, whose name keeps the index.
func (l *Log) settle() error {
	if !l.moved || len(l.segments) == 0 {
		return nil
	}
	if l.there(l.acked+1, l.next-1) == 0 {
		l.ack(l.next - 1)
		if l.newest().first != l.next {
			if err := l.roll(); err != nil {
				return err
			}
		}
	}
	err := l.write(appendFrame(nil, kindAck, l.acked, nil))
	l.moved = err != nil
	return err
}

// clear removes the segments of which everything through an index is done.
func (l *Log) clear(through uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.segments) > 1 && l.end(0) <= through {
		if err := l.removeOldest(); err != nil {
			return err
		}
	}
	return nil
}
