package modbusmap

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// allowed reports whether conn comes from where clients may.
func (s *Server) allowed(conn net.Conn) bool {
	if len(s.AllowFrom) == 0 {
		return true
	}
	from, err := netip.ParseAddr(addrOf(conn))
	return err == nil && slices.ContainsFunc(s.AllowFrom, func(p netip.Prefix) bool { return p.Contains(from.WithZone("")) })
}

// admit gives conn a place, nil if there is none for it.
func (s *Server) admit(ctx context.Context, conn net.Conn) *client {
	c := s.newClient(conn)
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for !s.enter(c) {
		select {
		case <-s.left:
		case <-timeout.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return c
}

// enter takes c in. In a full server only a client that has asked nothing for
// EvictAfter makes room, the longest silent first: one that polls is never
// starved by a newcomer. Where one is the limit, as with the Smart Connect, a
// newcomer from the same address is the same client come back, and replaces its
// old connection at once.
func (s *Server) enter(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= max(s.MaxClients, 1) {
		out := s.evictable(c)
		if out == nil {
			return false
		}
		s.log.Debug("modbus: dropping a client for a newer one", "client", out.addr, "for", c.addr, "silent", c.last()-out.last())
		delete(s.clients, out)
		out.conn.Close()
		s.counters.evicted.Add(1)
	}
	s.clients[c] = struct{}{}
	return true
}

func (s *Server) evictable(newcomer *client) *client {
	var longest *client
	for c := range s.clients {
		if longest == nil || c.last() < longest.last() {
			longest = c
		}
	}
	if newcomer.last()-longest.last() >= s.EvictAfter || (s.MaxClients <= 1 && longest.addr == newcomer.addr) {
		return longest
	}
	return nil
}

// leave takes note that c is gone.
func (s *Server) leave(c *client) {
	s.mu.Lock()
	delete(s.clients, c)
	s.mu.Unlock()
	select {
	case s.left <- struct{}{}:
	default:
	}
}

// addrOf returns the address of a client without its port.
func addrOf(conn net.Conn) string {
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap().String()
	}
	return conn.RemoteAddr().String()
}
