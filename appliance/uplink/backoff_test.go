package uplink

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	limits := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	longest := make([]time.Duration, len(limits))
	shortest := make([]time.Duration, len(limits))
	for range 2000 {
		b := backoff{first: time.Second, longest: 5 * time.Minute}
		for i, limit := range limits {
			p := b.pause()
			if p < 0 || p > limit*time.Second {
				t.Fatalf("pause %d is %v, want at most %v s", i+1, p, limit)
			}
			longest[i] = max(longest[i], p)
			if shortest[i] == 0 || p < shortest[i] {
				shortest[i] = p
			}
		}
		b.again()
		if p := b.pause(); p > time.Second {
			t.Fatalf("%v after a good connection", p)
		}
	}
	for i, limit := range limits { // of 2000 pauses some are near each end
		if longest[i] < limit*900*time.Millisecond || shortest[i] > limit*100*time.Millisecond {
			t.Errorf("pause %d was from %v to %v, want all of 0 to %v s", i+1, shortest[i], longest[i], limit)
		}
	}
}
