package sim

import (
	"math"
	"time"
)

// The house draws its chances from streams, so that a change to one thing
// leaves the others as they were.
type stream uint64

const (
	history stream = iota
	lamps
	clouds
	kettle
	car
	grid
	gasUse
	waterUse
)

// draw returns a number in [0,1) that depends on the seed, the stream and n
// alone (the finishing steps of SplitMix64).
func (h *House) draw(of stream, n int64) float64 {
	x := h.seed + uint64(of)*0xD1B54A32D192ED03 + uint64(n)*0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return float64((x^x>>31)>>11) / (1 << 53)
}

// wander returns a number in [-1,1] that moves smoothly and turns about once a
// period.
func (h *House) wander(of stream, t time.Time, period time.Duration) float64 {
	n, part := slot(t, period)
	a, b := h.draw(of, n), h.draw(of, n+1)
	f := float64(part) / float64(period)
	return 2*(a+(b-a)*f*f*(3-2*f)) - 1
}

func slot(t time.Time, length time.Duration) (n int64, part time.Duration) {
	n = t.UnixNano() / int64(length)
	return n, time.Duration(t.UnixNano() - n*int64(length))
}

// habit is something that happens with some chance at the start of every slot
// of time, and lasts.
type habit struct {
	every, lasts time.Duration
	chance       float64
}

// on reports for how long the habit has been at it at t.
func (h *House) on(of stream, b habit, t time.Time) (since time.Duration, on bool) {
	n, part := slot(t, b.every)
	return part, part < b.lasts && h.draw(of, n) < b.chance
}

// pace is how fast things happen.
type pace struct {
	cloud       time.Duration
	kettle, car habit
}

var (
	calm = pace{
		cloud:  8 * time.Minute,
		kettle: habit{25 * time.Minute, 4 * time.Minute, 0.4},
		car:    habit{5 * time.Hour, 2 * time.Hour, 0.6},
	}
	lively = pace{
		cloud:  12 * time.Second,
		kettle: habit{45 * time.Second, 9 * time.Second, 1},
		car:    habit{60 * time.Second, 20 * time.Second, 1},
	}
)

// What hangs on the house.
const (
	kettlePower = 2100.0 // W, on L2
	carCurrent  = 16.0   // A a phase
	carRamp     = 4 * time.Second
	lineOhms    = 0.2 // between the meter and the transformer
)

var (
	lampPower  = [3]float64{320, 180, 240}
	solarPower = map[int][3]float64{1: {2600, 0, 0}, 3: {1900, 1900, 1900}} // peak, by number of phases
)

// live sets the instantaneous values of s as they are at t.
func (h *House) live(s *State, t time.Time) {
	p, sun := calm, daylight(t)
	if h.Lively {
		p, sun = lively, 0.9
	}
	cloud := min(max(0.65+0.7*h.wander(clouds, t, p.cloud), 0.08), 1)
	_, boiling := h.on(kettle, p.kettle, t)
	since, charging := h.on(car, p.car, t)
	s.Power, s.Reactive, s.Voltage, s.Current = [3]float64{}, [3]float64{}, [3]float64{}, [3]float64{}
	for i := range h.phases {
		used := lampPower[i] * (1 + 0.4*h.wander(lamps+stream(i)<<8, t, 40*time.Second) + 0.03*h.wander(lamps+stream(i)<<9, t, time.Second))
		reactive := 0.25*used - 70 // motors, less the capacitors of the electronics
		if boiling && i == min(1, h.phases-1) {
			used += kettlePower
		}
		volts := 231 + 2.5*h.wander(grid, t, 3*time.Minute) + 1.5*h.wander(grid+stream(i+1)<<8, t, 20*time.Second)
		if charging {
			ramp := min(1, float64(since)/float64(carRamp))
			used += ramp * carCurrent * volts
			reactive += ramp * 60
		}
		made := solarPower[h.phases][i] * sun * cloud
		s.Power[i] = used - made
		s.Reactive[i] = reactive - 0.03*made
		s.Voltage[i] = volts - lineOhms*s.Power[i]/volts
		s.Current[i] = math.Hypot(s.Power[i], s.Reactive[i]) / s.Voltage[i]
	}
	s.Frequency = 50 + 0.04*h.wander(grid, t, 15*time.Second)
}

// daylight is the share of the sun's power that reaches the roof under a clear
// sky: from 5 to 18 h UTC, all year.
func daylight(t time.Time) float64 {
	wall := t.UTC()
	hour := float64(wall.Hour()) + float64(wall.Minute())/60
	return max(0, math.Sin(math.Pi*(hour-5)/13))
}

func (h *House) gasFlow(t time.Time) float64 { // m3/h
	return max(0, 0.6+1.4*h.wander(gasUse, t, 50*time.Minute))
}

func (h *House) waterFlow(t time.Time) float64 { // m3/h
	if _, running := h.on(waterUse, habit{20 * time.Minute, 5 * time.Minute, 0.5}, t); running {
		return 0.5
	}
	return 0
}

func (h *House) heatFlow(t time.Time) float64 { // GJ/h
	return 0.02 + 0.015*h.wander(gasUse, t, 50*time.Minute)
}
