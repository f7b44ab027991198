package spool

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
)

// Open opens the log in the folder dir, which is made if it is not there. Damage
// is no error: what can be read is in the log, and the rest in its Stats and
// reported. The error is that of a folder that cannot be used.
func Open(dir string, options Options) (*Log, error) { return open(osDisk{}, dir, options) }

func open(d disk, dir string, o Options) (*Log, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultMax)
	o.SegmentBytes = min(cmp.Or(o.SegmentBytes, defaultSegment), o.MaxBytes/4, largestSegment)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	l := &Log{dir: dir, disk: d, options: o, next: 1}
	if err := d.mkdir(dir); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	names, err := d.list(dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for _, name := range names {
		first, ok := firstOf(name)
		if !ok {
			o.Logger.Warn("spool: a file that does not belong here", "file", filepath.Join(dir, name))
			continue
		}
		l.next = first
		size, err := l.sizeOf(first)
		if err != nil {
			o.Logger.Warn("spool: a segment that cannot be used", "err", err)
			l.next++ // the name is taken
			continue
		}
		l.segments = append(l.segments, &segment{first: first, size: size})
	}
	l.load()
	return l, nil
}

func (l *Log) sizeOf(first uint64) (int64, error) {
	f, err := l.disk.open(l.path(first))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// load finds out what is in the segments. The next index is behind all that
// speaks of one: a name, a record, a position.
func (l *Log) load() {
	var acked, last uint64 // last is the record found last
	knowsAcked := false
	next := l.next
	l.next = maxIndex + 1 // the end of the newest is not known yet
	for i, s := range l.segments {
		l.examine(s, l.end(i), func(scan *scanner) {
			if scan.kind == kindAck {
				acked, knowsAcked = max(acked, scan.index), true
				return
			}
			if scan.index > last+1 {
				l.gaps = append(l.gaps, gap{last + 1, scan.index - 1})
			}
			last = scan.index
		})
	}
	l.next, l.newFiles = max(next, last+1, acked+1), len(l.segments) > 0
	if last+1 < l.next {
		l.gaps = append(l.gaps, gap{last + 1, l.next - 1})
	}
	switch {
	case len(l.segments) == 0:
		acked = l.next - 1
	case !knowsAcked:
		acked = l.segments[0].first - 1
	}
	l.ack(acked)
	left := l.there(l.acked+1, l.next-1)
	if l.stats.Lost = l.next - 1 - l.acked - left; l.stats.Lost > 0 {
		l.options.Logger.Warn("spool: records lost", "records", l.stats.Lost)
	}
	l.moved = left == 0 && len(l.segments) > 0 && l.newest().first != l.next
}

// examine hands the frames of a segment to take, and cuts off the newest what is
// no frame at its end: the next record goes there.
func (l *Log) examine(s *segment, end uint64, take func(*scanner)) {
	b, err := l.octets(s, 0)
	if err != nil {
		l.options.Logger.Warn("spool: a segment that cannot be read", "err", err)
		return
	}
	scan := scanner{b: b, last: s.first - 1, end: min(end, maxIndex)}
	for scan.next() {
		take(&scan)
	}
	whole := int64(scan.at)
	if damaged := int64(scan.damaged) + s.size - whole; damaged > 0 {
		l.stats.Damaged += damaged
		l.options.Logger.Warn("spool: damage", "segment", l.path(s.first), "octets", damaged)
	}
	if s == l.newest() && s.size > whole {
		s.size = whole
		if l.openTail() == nil {
			_ = l.tail.Truncate(whole) // else the next record goes over it
		}
	}
}
