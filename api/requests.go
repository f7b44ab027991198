package api

import (
	"fmt"
	"slices"
	"time"
)

// shownRequests is how many of the last Modbus requests the page shows.
const shownRequests = 8

// requestRow is a Modbus request as the page shows it.
type requestRow struct {
	When, Client, Asked, Answer string
	Bad                         bool
}

// addRequests puts the last requests under their servers.
func (s *Server) addRequests(t tongue, v *statusView) {
	if s.ModbusLog == nil {
		return
	}
	for _, r := range s.ModbusLog() {
		i := slices.IndexFunc(v.Parts, func(p part) bool { return p.ID == modbusID(r.Server) })
		if i < 0 || len(v.Parts[i].Requests) == shownRequests {
			continue
		}
		v.Parts[i].Requests = append(v.Parts[i].Requests, t.request(r))
	}
}

// request writes a request as tables of registers do: "03 8006 × 15".
func (t tongue) request(r ModbusRequest) requestRow {
	row := requestRow{
		When: t.T("word.ago", t.span(time.Since(r.Time).Seconds())), Client: hostname(r.Client),
		Asked: fmt.Sprintf("%02X", r.Function), Answer: t.T("modbus.log.ok"),
	}
	if address, ok := r.Address.Get(); ok {
		row.Asked += fmt.Sprintf(" %04X", int(address))
	}
	if quantity, ok := r.Quantity.Get(); ok {
		row.Asked += fmt.Sprintf(" × %d", int(quantity))
	}
	if code, ok := r.Exception.Get(); ok {
		row.Answer, row.Bad = t.T("modbus.log.exception", int(code)), true
	}
	return row
}
