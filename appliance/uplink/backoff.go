package uplink

import (
	"math/rand/v2"
	"time"
)

// backoff is how long to rest after a connection that failed: any time up to a limit
// that doubles with every further one (full jitter), so that the boxes of one power
// cut or one broker do not come back in step.
type backoff struct {
	first, longest time.Duration
	limit          time.Duration // of the next pause; 0: first
}

// pause returns how long to rest now.
func (b *backoff) pause() time.Duration {
	limit := max(b.limit, b.first)
	b.limit = min(2*limit, b.longest)
	return time.Duration(rand.Int64N(int64(limit) + 1))
}

// again lets the next pause be a first one.
func (b *backoff) again() { b.limit = 0 }
