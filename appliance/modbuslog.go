package appliance

import (
	"slices"

	"smartconnect/api"
	"smartconnect/modbusmap"
	"smartconnect/telegram"
)

// modbusLog returns the last requests to all servers, the newest first.
func (l *life) modbusLog() []api.ModbusRequest {
	var list []api.ModbusRequest
	for i, m := range l.modbus {
		for _, r := range m.server.Log() {
			list = append(list, api.ModbusRequest{
				Time: r.Time, Server: i, Client: r.Client, Unit: r.Unit, Function: r.Function,
				Address:   numberIf(r.HasAddress, r.Address),
				Quantity:  numberIf(r.HasQuantity, r.Quantity),
				Exception: numberIf(r.Exception != 0, uint16(r.Exception)),
			})
		}
	}
	// Those of one server stay as they are: the requests of one client may have one time.
	slices.SortStableFunc(list, func(a, b api.ModbusRequest) int { return b.Time.Compare(a.Time) })
	return list[:min(len(list), modbusmap.LogSize)]
}

func numberIf(has bool, n uint16) api.Number {
	if !has {
		return api.Number{}
	}
	return api.Number{Value: telegram.Of(float64(n))}
}
