package uplink

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/uplink/spool"
)

// queue is what the broker has not acknowledged, in order: first what is in the
// file, then what is in memory. While the file is empty and the broker prompt, it
// stays so: nothing is written to the flash. When the connection is lost, or an
// acknowledgement does not come, everything goes to the file, and what comes goes
// there at once until the file is empty again: a process that is killed then loses
// nothing.
//
// Each entry has a number of its own in this life. Those in the file are one after
// the other there too, so that one offset turns numbers into the file's.
type queue struct {
	addressee uint64
	prompt    time.Duration
	log       *slog.Logger
	more      chan struct{} // says that something was added

	mu      sync.Mutex
	file    *spool.Log // nil: its folder cannot be used
	offset  uint64     // of the numbers of what is in the file
	filed   uint64     // number of the last entry in the file
	memory  []entry    // with the numbers that follow
	next    uint64     // number of the next entry
	taken   uint64     // number of the last entry handed out in this connection
	ahead   []entry    // read from the file and not handed out yet
	online  bool
	offline time.Time // since when it is not
	fault   error     // of the disk, nil once it works again
	dropped uint64    // from memory
}

// entry is a message that waits. One that is not to be sent, because it was meant
// for somebody else, has no topic: it is acknowledged in its turn.
type entry struct {
	number uint64
	at     time.Time
	payload.Message
}

// The most that waits in memory where the disk does not take it.
const maxMemory = 4096

// openQueue opens the queue kept in the folder. A folder that cannot be used costs
// the keeping, not the connection.
func openQueue(folder string, addressee uint64, limits Limits, log *slog.Logger) *queue {
	q := &queue{addressee: addressee, prompt: limits.Prompt, log: log, more: make(chan struct{}, 1), next: 1, offline: time.Now()}
	file, err := spool.Open(folder, spool.Options{MaxBytes: limits.MaxBytes, Logger: log})
	if err != nil {
		q.failed(err)
		return q
	}
	q.file = file
	q.filed = file.Last()
	q.next = q.filed + 1
	if n := file.Stats().Len; n > 0 {
		log.Info("uplink: messages of an earlier outage are waiting", "messages", n)
	}
	return q
}

func (q *queue) failed(err error) {
	if q.fault == nil {
		q.log.Error("uplink: an outage is kept in memory only", "error", err)
	}
	q.fault = err
}

// add puts messages at the end.
func (q *queue) add(now time.Time, messages ...payload.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range messages {
		q.memory = append(q.memory, entry{q.next, now, m})
		q.next++
	}
	if !q.online || q.keeps() {
		q.spill()
	}
	q.trim()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// keeps reports whether something is in the file.
func (q *queue) keeps() bool { return q.file != nil && q.file.Stats().Len > 0 }

// spill hands what is in memory to the file.
func (q *queue) spill() {
	if q.file == nil || len(q.memory) == 0 {
		return
	}
	for i, e := range q.memory {
		index, err := q.file.Append(encode(q.addressee, e.Message))
		if errors.Is(err, spool.ErrTooLong) { // now and for ever: it must not hold up the others
			q.log.Error("uplink: a message that cannot be kept is dropped", "topic", e.Topic, "error", err)
			q.memory = slices.Delete(q.memory, 0, i)
			q.drop(0)
			q.spill()
			return
		}
		if err != nil {
			q.failed(err)
			q.memory = slices.Delete(q.memory, 0, i)
			return
		}
		q.offset = e.number - index
		q.filed = e.number
	}
	q.memory = nil
	q.works()
}

// works notes that the disk does.
func (q *queue) works() {
	if q.fault != nil {
		q.log.Info("uplink: the disk takes messages again")
	}
	q.fault = nil
}

// trim drops the oldest that no connection has sent, where memory is all there is.
func (q *queue) trim() {
	for len(q.memory) > maxMemory {
		i := 0
		for i < len(q.memory)-1 && q.memory[i].number <= q.taken {
			i++
		}
		q.drop(i)
	}
}

// drop drops one entry of the memory.
func (q *queue) drop(i int) {
	if q.memory[i].number <= q.taken {
		q.taken--
	}
	q.memory = slices.Delete(q.memory, i, i+1)
	for j := i; j < len(q.memory); j++ {
		q.memory[j].number-- // those in the file must not have a gap
	}
	q.next--
	q.dropped++
}

// look spills what the broker has not acknowledged in time.
func (q *queue) look(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.memory) > 0 && (q.keeps() || !q.online || now.Sub(q.memory[0].at) > q.prompt) {
		q.spill()
	}
}

// setOnline notes that there is a connection, which begins with the oldest entry,
// or that there is none any more.
func (q *queue) setOnline(online bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case online:
		q.ahead = nil
		q.taken = 0
		q.offline = time.Time{}
	case q.online:
		q.offline = time.Now()
	}
	q.online = online
	if !online {
		q.spill()
	}
}

// offlineFor returns for how long there has been no connection.
func (q *queue) offlineFor(now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.offline.IsZero() {
		return 0
	}
	return now.Sub(q.offline)
}

// take returns the oldest entry that this connection has not had.
func (q *queue) take() (entry, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken < q.filed && q.keeps() && len(q.ahead) == 0 {
		q.read()
	}
	if len(q.ahead) > 0 {
		e := q.ahead[0]
		q.ahead = q.ahead[1:]
		q.taken = e.number
		return e, true
	}
	if q.keeps() { // in order: what is in memory follows when the file is done
		return entry{}, false
	}
	for _, e := range q.memory {
		if e.number > q.taken {
			q.taken = e.number
			return e, true
		}
	}
	return entry{}, false
}

// read reads some entries of the file ahead.
func (q *queue) read() {
	after := uint64(0)
	if q.taken > q.offset {
		after = q.taken - q.offset
	}
	records, err := q.file.Read(after, 64, 256<<10)
	if err != nil {
		q.failed(err)
	}
	for _, r := range records {
		m, err := decode(q.addressee, r.Octets)
		if err != nil {
			q.log.Debug("uplink: a message that is not sent", "error", err)
		}
		q.ahead = append(q.ahead, entry{number: r.Index + q.offset, Message: m})
	}
}

// ack forgets everything through an entry.
func (q *queue) ack(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.file != nil && number > q.offset {
		q.file.Ack(min(number, q.filed) - q.offset)
	}
	n := 0
	for n < len(q.memory) && q.memory[n].number <= number {
		n++
	}
	q.memory = slices.Delete(q.memory, 0, n)
}

// tell adds what the queue knows to the figures.
func (q *queue) tell(s *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Waiting = len(q.memory)
	s.Dropped += q.dropped
	s.DiskFault = q.fault
	if q.file == nil {
		return
	}
	f := q.file.Stats()
	s.Waiting += int(f.Len)
	if f.Len > 0 { // what is left else is the number to go on with
		s.Kept = f.Bytes
	}
	s.Dropped += f.Dropped
	s.Damaged = f.Lost
}
