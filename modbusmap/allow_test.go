package modbusmap

import (
	"net/netip"
	"testing"
)

// Who is not in the list is hung up on before he has said anything, and counted.
func TestWhoMayPoll(t *testing.T) {
	for _, test := range []struct {
		name  string
		allow []string
		from  string
		want  bool
	}{
		{"everybody", nil, "127.0.0.2", true},
		{"the one", []string{"127.0.0.2/32"}, "127.0.0.2", true},
		{"another one", []string{"127.0.0.2/32"}, "127.0.0.3", false},
		{"one of a network", []string{"10.0.0.0/8", "127.0.0.0/30"}, "127.0.0.3", true},
		{"none of it", []string{"10.0.0.0/8", "127.0.0.0/30"}, "127.0.0.4", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := serveFixture(t, func(s *Server) {
				for _, n := range test.allow {
					s.AllowFrom = append(s.AllowFrom, netip.MustParsePrefix(n))
				}
			})
			conn := dial(t, test.from, r.addr)
			_, _ = conn.Write([]byte{0, 1, 0, 0, 0, 6, 1, 3, 0x80, 6, 0, 2}) // the refused may find it closed
			n, err := conn.Read(make([]byte, 64))
			if answered := err == nil && n > 0; answered != test.want {
				t.Errorf("answered %t (%v), want %t", answered, err, test.want)
			}
			if refused := r.Stats().Refused; (refused == 1) == test.want {
				t.Errorf("%d refused", refused)
			}
		})
	}
}
