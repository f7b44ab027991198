// Package history remembers the readings: a value a second of the last hour in
// memory, always, and a record a quarter-hour of the last 400 days on the disk,
// where the owner wants that. When somebody is at home can be read from either, so
// the hour never leaves the memory, and the file goes when the owner no longer
// wants it.
package history

import (
	"context"
	"log/slog"
	"time"

	"smartconnect/appliance/snapshot"
)

// History follows the readings of one life of the box.
type History struct {
	Hour    *Hour
	Archive *Archive // nil: nothing is kept on the disk

	reader  *snapshot.Reader
	log     *slog.Logger
	running running
	failing bool // the last record could not be kept
}

// New returns the history of what store will publish. It goes on with an hour of an
// earlier life; archive is nil where nothing is to be kept on the disk.
func New(hour *Hour, store *snapshot.Store, archive *Archive, log *slog.Logger) *History {
	h := &History{Hour: hour, Archive: archive, reader: store.Reader(), log: log}
	h.running.kept = archive.At
	return h
}

// look is how often the running quarter-hour is looked at while no telegram comes,
// so that a silent meter does not keep it from the disk.
const look = time.Minute

// Run follows the readings until ctx is done, and then keeps what is known of the
// running quarter-hour. Readings that come while the disk is slow wait.
func (h *History) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		while, cancel := context.WithTimeout(ctx, look)
		for snap := range h.reader.Every(while) {
			h.take(snap)
		}
		cancel()
		if h.Archive != nil {
			h.follow(time.Now())
		}
	}
	if q, known := h.running.quarter(); known && h.running.news {
		h.keep(q)
	}
	return ctx.Err()
}

func (h *History) take(snap *snapshot.Snapshot) {
	h.Hour.Add(snap)
	if h.Archive != nil {
		h.follow(snap.Received)
		h.running.add(snap)
	}
}

// follow takes the running quarter-hour to now, and keeps those that end.
func (h *History) follow(now time.Time) {
	for q := range h.running.follow(now.Sub(h.Hour.epoch), now.Round(0)) {
		h.keep(q)
	}
}

// keep writes a record. A disk that is full costs that record; the log says so when
// it begins.
func (h *History) keep(q Quarter) {
	err := h.Archive.Put(q)
	if err != nil && !h.failing {
		h.log.Warn("a quarter-hour cannot be kept", "error", err)
	}
	h.failing = err != nil
}
