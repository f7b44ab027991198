package modbusmap

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// written is a request as an owner would want to read it.
func (r Request) written() string {
	of := func(has bool, v uint16) string {
		if !has {
			return "-"
		}
		return fmt.Sprintf("%04X", v)
	}
	return fmt.Sprintf("unit %d function %02X at %s for %s: %02X", r.Unit, r.Function, of(r.HasAddress, r.Address), of(r.HasQuantity, r.Quantity), r.Exception)
}

func TestLogSaysWhatWasAskedAndAnswered(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  string // "": not in the log
	}{
		{"not of Modbus", []byte{0, 1, 0, 9, 0, 6, 1, 3, 0x80, 6, 0, 2}, ""},
		{"that breaks off", []byte{0, 1, 0, 0, 0, 6, 1, 3, 0x80}, ""},
		{"a function that nobody knows", []byte{0, 1, 0, 0, 0, 2, 7, 0x2B}, "unit 7 function 2B at - for -: 01"},
		{"a file record, which has no address here", []byte{0, 1, 0, 0, 0, 6, 7, 0x14, 1, 2, 3, 4}, "unit 7 function 14 at - for -: 01"},
		{"writing a register", request(1, 6, 0x8006, 9), "unit 1 function 06 at 8006 for -: 01"},
		{"writing registers", request(1, 16, 0x8006, 2), "unit 1 function 10 at 8006 for 0002: 01"},
		{"reading coils", request(1, 1, 0x0001, 8), "unit 1 function 01 at 0001 for 0008: 01"},
		{"without a quantity", []byte{0, 1, 0, 0, 0, 4, 1, 3, 0x80, 6}, "unit 1 function 03 at 8006 for -: 03"},
		{"without an address", []byte{0, 1, 0, 0, 0, 3, 1, 3, 0x80}, "unit 1 function 03 at - for -: 03"},
		{"of no registers", request(1, 3, 0x8006, 0), "unit 1 function 03 at 8006 for 0000: 03"},
		{"where none is", request(1, 3, 0x0001, 2), "unit 1 function 03 at 0001 for 0002: 02"},
		{"that is good", request(1, 3, 0x8006, 30), "unit 1 function 03 at 8006 for 001E: 00"},
		{"that is good, function 04", request(1, 4, 0x8016, 2), "unit 1 function 04 at 8016 for 0002: 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serveFixture(t)
			conn := dial(t, here, server.addr)
			first := request(9, 3, 0x8006, 2)
			conn.Write(slices.Concat(first, c.frame))
			conn.CloseWrite()
			for {
				if _, err := readFrame(conn); err != nil {
					break
				}
			}
			got := server.Log()
			if c.want == "" {
				if len(got) != 1 {
					t.Fatalf("%d requests, want the first alone", len(got))
				}
				return
			}
			if len(got) != 2 || got[0].written() != c.want {
				t.Fatalf("%v, want first %s", got, c.want)
			}
			if client := conn.LocalAddr().String(); got[0].Client != client {
				t.Errorf("client %s, want %s", got[0].Client, client)
			}
		})
	}
}

// The log holds the last hundred, the newest first, however they come.
func TestLogHoldsTheLast(t *testing.T) {
	for _, c := range []struct{ rounds, pipelined, want int }{{1, 1, 1}, {99, 1, 99}, {100, 1, 100}, {101, 1, 100}, {250, 1, 100}, {1, 99, 99}, {1, 300, 100}, {13, 17, 100}} {
		t.Run(fmt.Sprintf("%d times %d", c.rounds, c.pipelined), func(t *testing.T) {
			server := serveFixture(t)
			conn := dial(t, here, server.addr)
			unit := 0
			for range c.rounds {
				var all []byte
				for range c.pipelined {
					unit++
					frame := request(1, 3, 0x8006, 2)
					frame[lengthEnd] = byte(unit)
					all = append(all, frame...)
				}
				conn.Write(all)
				for range c.pipelined {
					if _, err := readFrame(conn); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := server.Log()
			if len(got) != c.want {
				t.Fatalf("%d requests, want %d", len(got), c.want)
			}
			for i, r := range got {
				if want := byte(unit - i); r.Unit != want {
					t.Fatalf("request %d is of unit %d, want %d", i, r.Unit, want)
				}
				if i > 0 && r.Time.After(got[i-1].Time) {
					t.Fatalf("request %d came after the one before it", i)
				}
			}
		})
	}
}

func TestLogSaysWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		server := startOn(t, ln, registers(t, newHouse(), long))
		conn := ln.dial()
		var asked []time.Time
		for range 3 {
			time.Sleep(1700 * time.Millisecond)
			served(conn)
			asked = append(asked, time.Now())
		}
		time.Sleep(time.Hour)
		for i, r := range server.Log() {
			if want := asked[len(asked)-1-i]; !r.Time.Equal(want) || r.Exception != byte(noReading) {
				t.Errorf("request %d came at %v, answered %02X, want %v, 0B", i, r.Time, r.Exception, want)
			}
		}
	})
}

// Clients that ask all at once lose no request, and each one's stay in order.
func TestLogOfManyClients(t *testing.T) {
	const clients, each = 12, LogSize / 12
	server := serveFixture(t, func(s *Server) { s.MaxClients = clients })
	var all sync.WaitGroup
	for range clients {
		conn := dial(t, here, server.addr)
		all.Go(func() {
			for i := range each {
				conn.Write(request(uint16(i), 3, 0x8006+2*uint16(i), 2))
				readFrame(conn)
			}
		})
	}
	all.Wait()
	seen := map[string][]uint16{}
	for _, r := range server.Log() {
		seen[r.Client] = append(seen[r.Client], r.Address)
	}
	if len(seen) != clients {
		t.Fatalf("requests of %d clients, want %d", len(seen), clients)
	}
	for client, addresses := range seen {
		if len(addresses) != each || !slices.IsSortedFunc(addresses, func(a, b uint16) int { return int(b) - int(a) }) {
			t.Errorf("%s: %04X", client, addresses)
		}
	}
}

func TestLogAllocatesNothing(t *testing.T) {
	h := newHouse()
	h.tell(fixture(t).telegram())
	s := NewServer(registers(t, h, long), quiet())
	client := s.newClient(&tape{forget: true})
	if n := testing.AllocsPerRun(1000, func() {
		client.have = copy(client.in, asked)
		if framing, unsent := client.answer(); framing != nil || unsent != nil {
			t.Fatal(framing, unsent)
		}
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
	if len(s.Log()) != LogSize {
		t.Errorf("%d requests in the log", len(s.Log()))
	}
}
