package appliance

import (
	"reflect"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/appliance/history"
)

// past is what one life of the box leaves to the next: who restarts it stays logged
// in, and the chart goes on. It is gone with the process.
type past struct {
	sessions api.Sessions

	hour  *history.Hour
	meter config.Meter // that the hour is of
}

// forget ends all of it.
func (p *past) forget() {
	p.sessions.End()
	p.hour = nil
}

// hourOf returns the last hour of a meter. Where its settings are others than before,
// what was measured until then may be of another one, and is forgotten.
func (p *past) hourOf(meter config.Meter) *history.Hour {
	if p.hour == nil || !reflect.DeepEqual(p.meter, meter) {
		p.hour, p.meter = history.NewHour(time.Now()), meter
	}
	return p.hour
}
