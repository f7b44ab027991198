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
	return err
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

// settle brings the position into the files. If nothing is left, only an empty
// segment stays, whose name keeps the index.
func (l *Log) settle() error {
	if !l.moved || len(l.segments) == 0 {
		return nil
	}
	var err error
	if l.there(l.acked+1, l.next-1) == 0 {
		l.ack(l.next - 1)
		err = l.blank()
	} else {
		err = l.write(appendFrame(nil, kindAck, l.acked, nil))
	}
	// On a full disk this makes the room for the next try.
	for len(l.segments) > 1 && l.end(0) <= l.acked {
		if e := l.removeOldest(); e != nil {
			return errors.Join(err, e)
		}
	}
	l.moved = err != nil
	return err
}

// blank makes the newest segment an empty one.
func (l *Log) blank() error {
	s := l.newest()
	switch {
	case s.size == 0:
		return nil
	case s.first != l.next:
		return l.roll()
	}
	if err := l.openTail(); err != nil {
		return err
	}
	if err := l.tail.Truncate(0); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.size = 0
	return nil
}
