package demand

import (
	"math/rand/v2"
	"testing"
	"time"

	"smartconnect/telegram"
)

// The law of all of it: whatever happens to the line, the clock and the counter, no
// peak is higher than the house has drawn in some 15 minutes.
func TestNeverTooMuch(t *testing.T) {
	known := 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		began := noon.Add(time.Duration(r.IntN(900)) * time.Second)
		h := newHouse(t, began)
		h.grain = []float64{0, 1, 1, 10}[r.IntN(4)]
		h.period = []time.Duration{time.Second, 5 * time.Second, time.Minute, 5 * time.Minute}[r.IntN(4)]
		h.power = h.grain == 0 || r.IntN(3) > 0
		var drawn []float64 // Wh, second by second
		follow := func(was time.Time) {
			for range int(h.at.Sub(was) / time.Second) {
				drawn = append(drawn, h.watts/3600)
			}
		}
		for h.at.Sub(began) < 4*time.Hour {
			was := h.at
			h.watts = float64(r.IntN(4) * r.IntN(5000))
			switch what := r.IntN(40); {
			case what == 0: // silence
				h.off(time.Duration(121+r.IntN(4000)) * time.Second)
			case what == 1: // the clock is set
				h.shift += time.Duration(r.IntN(4000)-2000) * time.Second
			case what == 2: // or wanders
				h.shift += time.Duration(r.IntN(100)-50) * time.Second
			case what == 3: // a damaged total
				by := float64(r.IntN(2)*2-1) * float64(5000+r.IntN(1e7))
				if h.period > 5*time.Second {
					by *= 100 // a house could have drawn less
				}
				h.wh += by
				h.run(h.period)
				h.wh -= by
			case what == 4: // a restart
				h = h.again(t)
			}
			h.run(h.period * time.Duration(1+r.IntN(30)))
			follow(was)
		}
		window, most := 0.0, 0.0
		for i, wh := range drawn {
			if window += wh; i >= 900 {
				window -= drawn[i-900]
			}
			most = max(most, window*perHour)
		}
		if h.reading.Get(telegram.ActiveDemandMonthPeak).OK() {
			known++
		}
		// A step at the end of a window is one of the estimate's, too, and so is a grain.
		if got := h.reading.Get(telegram.ActiveDemandMonthPeak).Or(0); got > most*1.02+2*h.grain*perHour+1 {
			t.Errorf("seed %d, every %v, %v Wh, power %v: a peak of %v, and none was higher than %v", seed, h.period, h.grain, h.power, got, most)
		}
	}
	if known < 75 {
		t.Errorf("%d of 150 houses have a peak at all", known)
	}
}
