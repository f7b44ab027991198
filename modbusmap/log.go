package modbusmap

import (
	"encoding/binary"
	"sync"
	"time"
)

// LogSize is how many requests a Server remembers.
const LogSize = 100

// Request is one that a Server has answered.
type Request struct {
	Time     time.Time // when it came
	Client   string    // IP:port
	Unit     byte
	Function byte

	// What the request asks for, as far as its function has that and the frame was
	// long enough for it.
	Address, Quantity       uint16
	HasAddress, HasQuantity bool

	Exception byte // code of the exception that was answered; 0: none
}

// question is a request as it is noted: what is behind its function is looked at
// when somebody reads the log.
type question struct {
	unit, function, exception byte
	length                    uint8  // octets of body that there were
	body                      uint32 // the first four
}

// visit is a number of requests that one client has asked without waiting for the
// answers in between.
type visit struct {
	client string
	came   time.Duration // since the epoch of the server
	n      int
}

// requestLog is the last requests of a server. A client brings those that it
// answers with one write together, so that many clients do not stand in each
// other's way, and nothing is allocated.
type requestLog struct {
	mu        sync.Mutex
	visits    [LogSize]visit
	questions [LogSize]question
	visit     int // where the next one goes
	question  int
}

// add notes one visit, of at most LogSize questions.
func (l *requestLog) add(client string, came time.Duration, of []question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visits[l.visit] = visit{client, came, len(of)}
	l.visit = (l.visit + 1) % LogSize
	rest := of[copy(l.questions[l.question:], of):]
	copy(l.questions[:], rest)
	l.question = (l.question + len(of)) % LogSize
}

// ask is the request of a frame and the exception of its reply, if that is one.
func ask(frame, reply []byte) question {
	q := question{unit: frame[lengthEnd], function: frame[headerLen], length: 4}
	if len(frame) >= headerLen+5 {
		q.body = binary.BigEndian.Uint32(frame[headerLen+1:])
	} else {
		var body [4]byte
		q.length = uint8(copy(body[:], frame[headerLen+1:]))
		q.body = binary.BigEndian.Uint32(body[:])
	}
	if reply[headerLen]&0x80 != 0 {
		q.exception = reply[headerLen+1]
	}
	return q
}

// bodies says what the first four octets behind a function code are (MODBUS
// Application Protocol V1.1b3, section 6): an address in most, and behind it how
// many registers or coils, or else a value.
var bodies = map[byte]struct{ address, quantity bool }{
	0x01: {true, true}, 0x02: {true, true}, 0x03: {true, true}, 0x04: {true, true},
	0x05: {true, false}, 0x06: {true, false},
	0x0F: {true, true}, 0x10: {true, true},
	0x16: {true, false}, 0x17: {true, true}, 0x18: {true, false},
}

// Log returns the last requests, the newest first. Requests that a client sent
// without waiting for the answers have the time of the first of them. The times
// are those of the clock as it is now: one that was set meanwhile leaves them in
// order.
func (s *Server) Log() []Request {
	l := &s.requests
	now := time.Now()
	l.mu.Lock()
	visits, questions := l.visits, l.questions
	at, next := l.visit, l.question
	l.mu.Unlock()
	var list []Request
	for range visits {
		at = (at - 1 + LogSize) % LogSize
		v := &visits[at]
		for range min(v.n, LogSize-len(list)) {
			next = (next - 1 + LogSize) % LogSize
			r := questions[next].request()
			r.Client, r.Time = v.client, now.Add(v.came-now.Sub(s.epoch))
			list = append(list, r)
		}
	}
	return list
}

func (q question) request() Request {
	has := bodies[q.function]
	r := Request{
		Unit: q.unit, Function: q.function, Exception: q.exception,
		HasAddress: has.address && q.length >= 2, HasQuantity: has.quantity && q.length >= 4,
	}
	if r.HasAddress {
		r.Address = uint16(q.body >> 16)
	}
	if r.HasQuantity {
		r.Quantity = uint16(q.body)
	}
	return r
}
