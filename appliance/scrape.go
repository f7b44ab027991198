package appliance

import (
	"time"

	"smartconnect/api/metrics"
	"smartconnect/telegram"
)

// look is the box as Prometheus is told of it.
func (l *life) look() metrics.Box {
	b := metrics.Box{Status: l.status(), Measurement: &telegram.Measurement{}}
	if snap := l.store.Latest(); snap != nil {
		b.Measurement, b.Fresh = &snap.Measurement, snap.Fresh(time.Now(), 0)
	}
	return b
}
