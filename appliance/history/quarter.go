package history

import (
	"time"

	"smartconnect/telegram"
)

// length is that of a quarter-hour. They begin at :00, :15, :30 and :45 of every
// clock in Europe.
const length = 15 * time.Minute

// Quarter is what is kept of a quarter-hour. The powers are active ones in W, or
// apparent ones in VA of a meter that knows no others.
type Quarter struct {
	Start          time.Time      // UTC
	Import, Export telegram.Value // average power, over the time for which it is known
	Max, Min       telegram.Value // of the net power: import - export
	ImportWh       telegram.Value // counters as they were last heard in it, in whole Wh
	ExportWh       telegram.Value
	Known          time.Duration // for which the power is known; whole seconds
	Apparent       bool          // powers are in VA
}

// number counts the quarter-hours since 1970.
func number(t time.Time) int64 { return floorDiv(t.Unix(), int64(length/time.Second)) }

func start(number int64) time.Time { return time.Unix(number*int64(length/time.Second), 0).UTC() }

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}
