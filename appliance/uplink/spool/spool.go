// Package spool is a bounded log of records on disk: what the uplink could not
// deliver yet, in order, through crashes and power cuts.
//
// The records are in segments, files named after the index of their first
// record; the newest is appended to, the oldest goes when all of it is
// acknowledged or the log is full. How far is acknowledged is a frame of the same
// files. It is our own because github.com/tidwall/wal does not open a torn file
// and takes zeros for records, and github.com/nsqio/go-diskqueue loses records
// when it is killed and has neither checksum nor bound.
//
// A new kind of frame gets its place in scanner.frame and Log.load; a new medium
// is a disk.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// MaxRecord is the length of the longest record, in octets.
const MaxRecord = 64 << 10

// ErrTooLong is the error for a record above MaxRecord, or above MaxBytes.
var ErrTooLong = errors.New("spool: record too long")

var errClosed = errors.New("spool: closed")

// Options of a log; what is zero has the default.
type Options struct {
	MaxBytes     int64 // most octets on disk, but for some positions of 16 octets; 32 MiB
	SegmentBytes int64 // octets after which a new segment begins, a quarter of MaxBytes at most; 256 KiB
	Logger       *slog.Logger
}

const (
	defaultMax     = 32 << 20
	defaultSegment = 256 << 10
	largestSegment = 4 << 20
)

// Record is a record of the log and its index, which grows by 1 from record to
// record.
type Record struct {
	Index  uint64
	Octets []byte
}

// Stats is the state of a log. Dropped, Lost and Damaged count from Open on.
type Stats struct {
	Len     uint64 // records that are not acknowledged
	Bytes   int64  // octets on disk
	Dropped uint64 // records not acknowledged that went because the log was full
	Lost    uint64 // records not acknowledged that damage took, as far as the indexes tell
	Damaged int64  // octets that belong to no whole record, of which the record cut short by a power cut is the usual one
}

// Log is an open log. It has one user, but for Sync, which may run beside
// everything else.
type Log struct {
	dir     string
	disk    disk
	options Options

	syncing sync.Mutex // one Sync at a time; taken before mu

	mu       sync.Mutex // what follows; not held while the disk syncs
	segments []*segment // oldest first
	tail     file       // the last of segments once it was written to, or nil
	next     uint64     // index of the next record
	acked    uint64     // everything through this is done
	moved    bool       // acked is not what the files say
	newFiles bool       // the folder was not synced since a file was made
	gaps     []gap      // records behind acked that are not there, in order
	stats    Stats      // Dropped, Lost, Damaged
	read     cursor
	closed   bool
}

// segment is a file of the log.
type segment struct {
	first  uint64 // its name: its records have this index or a higher one
	size   int64  // octets, all whole frames at the end
	synced int64  // of size, what is known to be on the disk
	failed bool   // a sync failed: the system may take for written what is not
}

// gap is records that are not there, both ends included.
type gap struct{ from, to uint64 }

// cursor is where the record behind an index is, so that reading on does not
// begin at the front of the segment.
type cursor struct {
	after   uint64
	segment *segment
	at      int64
}

// Append hands a record to the system, out of reach of whatever happens to this
// process, and returns its index. After an error the record is not in the log,
// and the next one may well be. If the log is full, the oldest segment goes.
func (l *Log) Append(record []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, errClosed
	}
	n := int64(headSize + len(record))
	if len(record) > MaxRecord || headSize+n > l.options.MaxBytes {
		return 0, fmt.Errorf("%w: %d octets", ErrTooLong, len(record))
	}
	if err := l.shed(headSize + n); err != nil {
		return 0, err
	}
	if s := l.newest(); s == nil || s.size+n > l.options.SegmentBytes && s.first != l.next {
		if err := l.roll(); err != nil {
			return 0, err
		}
	}
	var frames []byte
	if l.newest().size == 0 { // the position outlives the segments before
		frames = appendFrame(nil, kindAck, l.acked, nil)
	}
	if err := l.write(appendFrame(frames, kindRecord, l.next, record)); err != nil {
		return 0, err
	}
	l.next++
	return l.next - 1, nil
}

// Read returns records behind the index after, in order: those acknowledged left
// out, at most maxRecords, and at most maxBytes of them unless the first alone
// has more. None means that there is none.
func (l *Log) Read(after uint64, maxRecords, maxBytes int) ([]Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	after = max(after, l.acked)
	var found []Record
	for i, s := range l.segments {
		end := l.end(i)
		if end <= after {
			continue
		}
		at := int64(0)
		if l.read.segment == s && l.read.after == after {
			at = l.read.at
		}
		b, err := l.octets(s, at)
		if err != nil {
			return found, err
		}
		for scan := (scanner{b: b, last: s.first - 1, end: end}); scan.next(); {
			if scan.kind != kindRecord || scan.index <= after {
				continue
			}
			l.lose(after+1, scan.index-1)
			maxBytes -= len(scan.record)
			if len(found) == maxRecords || maxBytes < 0 && len(found) > 0 {
				return found, nil
			}
			found = append(found, Record{scan.index, bytes.Clone(scan.record)})
			after = scan.index
			l.read = cursor{after, s, at + int64(scan.at)}
		}
		l.lose(after+1, end)
		after = end
	}
	return found, nil
}

// Ack says that everything through an index is done. It touches no file: Sync
// does.
func (l *Log) Ack(through uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ack(through)
}

func (l *Log) ack(through uint64) {
	if through = min(through, l.next-1); through <= l.acked {
		return
	}
	l.acked, l.moved = through, true
	for len(l.gaps) > 0 && l.gaps[0].to <= through {
		l.gaps = l.gaps[1:]
	}
}

// Stats returns the state of the log.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Len = l.there(l.acked+1, l.next-1)
	s.Bytes = l.bytes()
	return s
}

// Last returns the index of the last record that was appended, 0 before the first.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - 1
}

// there returns how many records of the range are in the log.
func (l *Log) there(from, to uint64) uint64 {
	if from > to {
		return 0
	}
	n := to - from + 1
	for _, g := range l.gaps {
		if g.from <= to && g.to >= from {
			n -= min(g.to, to) - max(g.from, from) + 1
		}
	}
	return n
}

// lose takes note that the records of a range, which may be empty, cannot be
// read.
func (l *Log) lose(from, to uint64) {
	n := l.there(from, to)
	if n == 0 {
		return
	}
	l.options.Logger.Warn("spool: records lost", "records", n, "from", from, "to", to)
	l.stats.Lost += n
	l.moved = true // nothing may be left now, which Sync tidies up
	l.gaps = withGap(l.gaps, gap{from, to})
}

// withGap returns gaps and what of g is in none of them, in order.
func withGap(gaps []gap, g gap) []gap {
	var all []gap
	for i, old := range gaps {
		if old.from > g.to {
			return append(append(all, g), gaps[i:]...)
		}
		if old.to+1 >= g.from {
			g = gap{min(g.from, old.from), max(g.to, old.to)}
			continue
		}
		all = append(all, old)
	}
	return append(all, g)
}
