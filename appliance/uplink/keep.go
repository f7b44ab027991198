package uplink

import (
	"context"
	"errors"
	"time"
)

// keep looks after the queue until ctx is done: what must be on the flash is
// brought there.
func (q *queue) keep(ctx context.Context, limits Limits) {
	look := time.NewTicker(min(limits.Prompt/4, limits.Sync))
	sync := time.NewTicker(limits.Sync)
	defer look.Stop()
	defer sync.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			q.look(now)
		case <-sync.C:
			if q.file == nil {
				continue
			}
			err := q.file.Sync()
			q.mu.Lock()
			switch {
			case err != nil:
				q.failed(err)
			case len(q.memory) == 0:
				q.works()
			}
			q.mu.Unlock()
		}
	}
}

// close brings everything to the disk.
func (q *queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spill()
	var left error
	if len(q.memory) > 0 {
		left = q.fault
	}
	if q.file == nil {
		return left
	}
	return errors.Join(left, q.file.Close())
}
