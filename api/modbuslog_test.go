package api

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"smartconnect/telegram"
)

func TestModbusLog(t *testing.T) {
	n := func(v float64) Number { return Number{telegram.Of(v)} }
	var log []ModbusRequest
	b := start(t, func(b *box) { b.ModbusLog = func() []ModbusRequest { return log } })
	if _, body := b.do(request{path: "/api/v1/modbus/log"}); body != "{\n  \"requests\": []\n}\n" {
		t.Errorf("nobody has asked: %s", body)
	}
	at := time.Unix(1795695385, 123456789)
	log = []ModbusRequest{
		{at, 1, "192.168.1.20:51234", 255, 0x2B, Number{}, Number{}, n(1)},
		{at, 0, "192.168.1.21:51235", 1, 6, n(10), Number{}, n(1)},
		{at, 0, "192.168.1.20:51234", 1, 3, n(32774), n(15), Number{}},
	}
	_, body := b.do(request{path: "/api/v1/modbus/log"})
	var got struct{ Requests []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Requests) != len(log) {
		t.Fatalf("%v %s", err, body)
	}
	for i, want := range []string{
		`{"time":1795695385.123,"server":1,"client":"192.168.1.20:51234","unit":255,"function":43,"address":null,"address_hex":null,"quantity":null,"answer":"exception","exception":1}`,
		`{"time":1795695385.123,"server":0,"client":"192.168.1.21:51235","unit":1,"function":6,"address":10,"address_hex":"000A","quantity":null,"answer":"exception","exception":1}`,
		`{"time":1795695385.123,"server":0,"client":"192.168.1.20:51234","unit":1,"function":3,"address":32774,"address_hex":"8006","quantity":15,"answer":"ok","exception":null}`,
	} {
		if row := compact(t, got.Requests[i]); row != want {
			t.Errorf("%s\nwant %s", row, want)
		}
	}
}

// compact is JSON without its white space.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
