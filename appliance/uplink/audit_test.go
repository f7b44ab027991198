package uplink_test

import "testing"

func TestAuditSeesWhatIsLostAndOutOfOrder(t *testing.T) {
	for _, c := range []struct {
		name                   string
		come                   []uint64
		again                  []int // indices of what the broker repeats
		lost, resent, repeated int
		faults                 int
	}{
		{"nothing comes", nil, nil, 4, 0, 0, 0},
		{"one is missing", []uint64{1, 2, 4}, nil, 1, 0, 0, 0},
		{"two change places", []uint64{1, 3, 2, 4}, nil, 0, 0, 0, 1},
		{"the broker brings one too late", []uint64{1, 3, 2, 4}, []int{2}, 0, 0, 0, 1},
		{"sent again from further back than the window", []uint64{1, 2, 3, 4, 1}, nil, 0, 1, 0, 1},
		{"sent again within it", []uint64{1, 2, 3, 2, 3, 4}, nil, 0, 2, 0, 0},
		{"repeated by the broker", []uint64{1, 2, 3, 4, 1}, []int{4}, 0, 0, 1, 0},
		{"each once, in order", []uint64{1, 2, 3, 4}, nil, 0, 0, 0, 0},
	} {
		var arrivals []arrival
		for _, seq := range c.come {
			arrivals = append(arrivals, arrival{seq: seq})
		}
		for _, i := range c.again {
			arrivals[i].again = true
		}
		a := audit(arrivals, 4, 3)
		if len(a.lost) != c.lost || a.resent != c.resent || a.repeated != c.repeated || len(a.faults) != c.faults {
			t.Errorf("%s: %+v, want %d lost, %d resent, %d repeated, %d faults", c.name, a, c.lost, c.resent, c.repeated, c.faults)
		}
	}
}
