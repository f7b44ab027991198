// Package journal keeps the latest records of the log in memory, for the file that
// an owner sends to who helps him: most boxes write their log to nowhere else that
// he could find. What prints no secret keeps none: an attribute is kept as it would
// be printed.
package journal

import (
	"slices"
	"sync"
	"time"
)

// Limits of a Journal.
const (
	maxRecords      = 500
	maxOctets       = 256 << 10 // of all records
	maxRecordOctets = 1 << 10   // of one, and what is longer is cut
)

// Entry is one record of the log.
type Entry struct {
	Time    time.Time // UTC, in milliseconds
	Level   string    // "INFO", "WARN", "ERROR"
	Message string
	Attrs   map[string]string // those of a group as "group.key"
}

// Journal holds the latest records of level info and above. The zero Journal is
// empty and ready.
type Journal struct {
	mu     sync.Mutex
	list   []kept // the oldest first
	octets int
}

// kept is an entry with its length.
type kept struct {
	Entry
	octets int
}

// Latest returns what is kept, the oldest first.
func (j *Journal) Latest() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Entry, len(j.list))
	for i, k := range j.list {
		list[i] = k.Entry
	}
	return list
}

// Clear forgets everything.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list, j.octets = nil, 0
}

// add takes one more, and lets the oldest go for which there is no room.
func (j *Journal) add(k kept) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, k)
	j.octets += k.octets
	gone := 0
	for len(j.list)-gone > maxRecords || j.octets > maxOctets {
		j.octets -= j.list[gone].octets
		gone++
	}
	j.list = slices.Delete(j.list, 0, gone)
}
