package broker

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"smartconnect/appliance/identity"
)

// After a power cut the whole house comes back at once. With the verifier of the
// box one password is hashed, and the rest are known.
func TestCrowdComesBack(t *testing.T) {
	id, err := identity.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	label, err := id.Label()
	if err != nil {
		t.Fatal(err)
	}
	const crowd = 64 // as many as the engine takes
	check := identity.NewVerifier(id.MQTTHash).Check
	var running, most, asked atomic.Int32
	b := start(t, func(b *Broker) {
		b.Limits.PerAddress = crowd + 1
		b.Users = []User{{Name: label.MQTTUser, Rules: ReadOnly(serial), Verify: func(from string, password []byte) bool {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			asked.Add(1)
			ok, _ := check(from, label.MQTTUser, string(password))
			return ok
		}}}
	})
	var all sync.WaitGroup
	for i := range crowd {
		c := b.through(t, ways[i%len(ways)].Name)
		all.Go(func() {
			if _, code := c.connect(login{id: fmt.Sprint(i), user: label.MQTTUser, password: label.MQTTPassword}); code != 0 {
				t.Errorf("client %d: return code %d, want 0", i, code)
			}
		})
	}
	all.Wait()
	if _, code := dial(t, b.addr).connect(login{id: "one more", user: label.MQTTUser, password: label.MQTTPassword}); code != 3 {
		t.Errorf("client %d: return code %d, want 3: unavailable", crowd+1, code)
	}
	if asked.Load() != crowd || most.Load() != 1 {
		t.Errorf("%d passwords verified, %d at once; want %d, 1 at once", asked.Load(), most.Load(), crowd)
	}
}
