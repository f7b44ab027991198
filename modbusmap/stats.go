package modbusmap

import "sync/atomic"

// Stats is what a Server has seen since it was made.
type Stats struct {
	Clients  int    // connected now
	Accepted uint64 // connections served
	Refused  uint64 // connections closed because the server was full, or their address is not allowed
	Evicted  uint64 // connections closed to make room for a newer one
	Requests uint64 // answered, exceptions included
	// Exceptions counts the answers with each exception code; the codes this
	// product answers with are always there.
	Exceptions map[byte]uint64
}

// counters are the counts behind Stats.
type counters struct {
	accepted, refused, evicted, requests atomic.Uint64
	exceptions                           [256]atomic.Uint64
}

// exception notes the exception that a framed reply carries, if it does.
func (c *counters) exception(reply []byte) {
	if reply[headerLen]&0x80 != 0 {
		c.exceptions[reply[headerLen+1]].Add(1)
	}
}

// Stats returns the counts as they are now.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	now := len(s.clients)
	s.mu.Unlock()
	c := &s.counters
	stats := Stats{
		Clients:  now,
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Evicted: c.evicted.Load(),
		Requests:   c.requests.Load(),
		Exceptions: make(map[byte]uint64),
	}
	for code := range c.exceptions {
		n := c.exceptions[code].Load()
		if _, ours := errorOf[exception(code)]; ours || n > 0 {
			stats.Exceptions[byte(code)] = n
		}
	}
	return stats
}
