package modbusmap

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/simonvetter/modbus"

	"smartconnect/appliance/snapshot"
)

// exception is an exception code of the MODBUS Application Protocol V1.1b3,
// section 7. The zero exception is none.
type exception byte

const (
	illegalFunction exception = 0x01
	illegalAddress  exception = 0x02
	illegalValue    exception = 0x03
	noReading       exception = 0x0B // gateway target device failed to respond: the meter is silent
)

// errorOf is what the library calls an exception. It compares with ==, so these
// are never wrapped.
var errorOf = map[exception]error{
	illegalFunction: modbus.ErrIllegalFunction,
	illegalAddress:  modbus.ErrIllegalDataAddress,
	illegalValue:    modbus.ErrIllegalDataValue,
	noReading:       modbus.ErrGWTargetFailedToRespond,
}

// maxQuantity is how many registers one request may ask for (sections 6.3, 6.4).
const maxQuantity = 125

// Registers serves one map from the latest snapshot. It may be used by any
// number of goroutines.
type Registers struct {
	m        *Map
	settings Settings
	latest   func() *snapshot.Snapshot
	image    atomic.Pointer[image]
}

// New returns the registers of m, filled from what latest returns (nil before
// the first telegram). It fails on settings that are not words of their option.
func New(m *Map, s Settings, latest func() *snapshot.Snapshot) (*Registers, error) {
	s, err := s.complete()
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &Registers{m: m, settings: s, latest: latest}, nil
}

// Answer appends the response to one request, both without the frame around
// them (function code first), and returns the extended slice. The request has at
// least its function code.
func (r *Registers) Answer(dst, request []byte) []byte {
	function := request[0]
	if bytes.IndexByte(r.m.Functions, function) < 0 {
		return append(dst, function|0x80, byte(illegalFunction))
	}
	if len(request) != 5 {
		return append(dst, function|0x80, byte(illegalValue))
	}
	quantity := binary.BigEndian.Uint16(request[3:])
	words, code := r.read(binary.BigEndian.Uint16(request[1:]), quantity)
	if code != 0 {
		return append(dst, function|0x80, byte(code))
	}
	dst = append(dst, function, byte(2*quantity))
	return append(dst, words...)
}

// read returns the registers from addr as they go on the wire; they must not be
// changed. Everything in them comes from one telegram. Quantity is checked before
// address, as in figure 13 of the specification, and both before the reading.
func (r *Registers) read(addr, quantity uint16) ([]byte, exception) {
	if quantity < 1 || quantity > maxQuantity {
		return nil, illegalValue
	}
	at, ok := r.m.place(addr, int(quantity))
	if !ok {
		return nil, illegalAddress
	}
	img := r.current()
	f := &img.fresh
	if !img.snap.Fresh(time.Now(), r.settings.StaleAfter) {
		f = &img.stale
	}
	words, refuse := f.at(at, int(quantity))
	if slices.Contains(refuse, true) {
		return nil, noReading
	}
	return words, 0
}

// current returns the image of the latest snapshot; the first request after a
// telegram draws it. Two that come at once both do, which harms nobody: each
// serves the snapshot it saw, so nobody is ever taken back to an older one.
func (r *Registers) current() *image {
	snap := r.latest()
	if img := r.image.Load(); img != nil && img.snap == snap {
		return img
	}
	img := r.render(snap)
	r.image.Store(img)
	return img
}

var _ modbus.RequestHandler = (*Registers)(nil)

// HandleCoils implements modbus.RequestHandler: there are none.
func (r *Registers) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleDiscreteInputs implements modbus.RequestHandler: there are none.
func (r *Registers) HandleDiscreteInputs(*modbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleHoldingRegisters implements modbus.RequestHandler: function 03, and no
// writing.
func (r *Registers) HandleHoldingRegisters(q *modbus.HoldingRegistersRequest) ([]uint16, error) {
	if q.IsWrite {
		return nil, modbus.ErrIllegalFunction
	}
	return r.handle(0x03, q.Addr, q.Quantity)
}

// HandleInputRegisters implements modbus.RequestHandler: function 04.
func (r *Registers) HandleInputRegisters(q *modbus.InputRegistersRequest) ([]uint16, error) {
	return r.handle(0x04, q.Addr, q.Quantity)
}

func (r *Registers) handle(function byte, addr, quantity uint16) ([]uint16, error) {
	if bytes.IndexByte(r.m.Functions, function) < 0 {
		return nil, modbus.ErrIllegalFunction
	}
	words, code := r.read(addr, quantity)
	if code != 0 {
		return nil, errorOf[code]
	}
	registers := make([]uint16, quantity)
	for i := range registers {
		registers[i] = binary.BigEndian.Uint16(words[2*i:])
	}
	return registers, nil
}
