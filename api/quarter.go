package api

import (
	"fmt"
	"math"
)

// quarter is the running quarter-hour: what it has drawn so far, and where it will end.
type quarter struct {
	Drawn, Forecast string // widths of the bars
	Limit           string // where the peak of the month stands, "" where there is none
	Over            bool   // it will be a new peak
	Said            string
	Facts           []fact
}

// quarterReadings are shown with the quarter-hour and not among the others.
var quarterReadings = map[string]bool{
	"active_demand": true, "active_demand_forecast": true, "active_demand_headroom": true, "active_demand_month_peak": true,
}

// quarter returns the quarter-hour, nil where neither the meter nor the box knows it.
func (t tongue) quarter(readings []Reading) *quarter {
	of := map[string]Reading{}
	for _, r := range readings {
		if quarterReadings[r.Name] {
			of[r.Name] = r
		}
	}
	if len(of) == 0 {
		return nil
	}
	q := &quarter{}
	for _, name := range []string{"active_demand", "active_demand_forecast", "active_demand_month_peak", "active_demand_headroom"} {
		if r, ok := of[name]; ok {
			q.Facts = append(q.Facts, fact{t.quantity(name), t.amount(r.Value, r.Unit)})
		}
	}
	drawn, forecast := of["active_demand"].Value.Or(0), of["active_demand_forecast"].Value.Or(0)
	limit, limited := of["active_demand_month_peak"].Value.Get()
	most := math.Max(math.Max(drawn, forecast), math.Max(limit*1.1, 1000))
	width := func(watts float64) string { return fmt.Sprintf("%.0f", math.Max(watts, 0)/most*chartWidth) }
	q.Drawn, q.Forecast = width(drawn), width(math.Max(drawn, forecast))
	if limited {
		q.Limit, q.Over = width(limit), forecast > limit
	}
	q.Said = t.T("quarter.said", t.amount(of["active_demand"].Value, "W"), t.amount(of["active_demand_forecast"].Value, "W"))
	return q
}
