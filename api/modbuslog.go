package api

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

// ModbusRequest is one that a Modbus server has answered.
type ModbusRequest struct {
	Time      time.Time
	Server    int    // which of the configured ones, from 0
	Client    string // IP:port
	Unit      byte
	Function  byte
	Address   Number // of the first register; missing where the function has none
	Quantity  Number // of registers
	Exception Number // code of the one that was answered; missing where what was asked for was
}

// modbusRequest is a ModbusRequest as it is sent.
type modbusRequest struct {
	Time       float64 `json:"time"` // Unix seconds
	Server     int     `json:"server"`
	Client     string  `json:"client"`
	Unit       byte    `json:"unit"`
	Function   byte    `json:"function"`
	Address    Number  `json:"address"`
	AddressHex fourHex `json:"address_hex"` // as tables of registers have it
	Quantity   Number  `json:"quantity"`
	Answer     string  `json:"answer"` // "ok" or "exception"
	Exception  Number  `json:"exception"`
}

// fourHex is a register as four hex digits, or null.
type fourHex struct{ Number }

// MarshalJSON implements json.Marshaler.
func (f fourHex) MarshalJSON() ([]byte, error) {
	if v, ok := f.Get(); ok {
		return fmt.Appendf(nil, `"%04X"`, uint16(v)), nil
	}
	return []byte("null"), nil
}

// getModbusLog answers with the last requests of Modbus clients, the newest first.
func (s *Server) getModbusLog(w http.ResponseWriter, r *http.Request) {
	if s.ModbusLog == nil {
		fail(w, r, http.StatusNotFound, "this box has no Modbus")
		return
	}
	list := []modbusRequest{}
	for _, q := range s.ModbusLog() {
		row := modbusRequest{
			Time: math.Round(float64(q.Time.UnixMicro())/1e3) / 1e3, Server: q.Server, Client: q.Client,
			Unit: q.Unit, Function: q.Function, Address: q.Address, AddressHex: fourHex{q.Address}, Quantity: q.Quantity,
			Answer: "ok", Exception: q.Exception,
		}
		if q.Exception.OK() {
			row.Answer = "exception"
		}
		list = append(list, row)
	}
	answer(w, http.StatusOK, map[string]any{"requests": list})
}
