package appliance

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// uart sends b with one line setting and reads it with another, sampled in the
// middle of each bit. An octet without its stop bit is read as 00 where parity is
// checked, and as it came where not.
func uart(b []byte, sent, read telegram.Line) []byte {
	const unit = 16 // samples in a bit of the faster line
	fast := max(sent.Baud, read.Baud)
	long := func(l telegram.Line) int { return unit * fast / l.Baud }
	var wire []bool
	put := func(level bool, n int) {
		for range n {
			wire = append(wire, level)
		}
	}
	bit := long(sent)
	put(true, 40*bit)
	for _, c := range b {
		put(false, bit)
		ones := 0
		for i := range sent.DataBits {
			put(c>>i&1 == 1, bit)
			ones += int(c >> i & 1)
		}
		if sent.Parity == telegram.EvenParity {
			put(ones%2 == 1, bit)
		}
		put(true, bit)
	}
	put(true, 40*bit)

	bit = long(read)
	var out []byte
	for i := 0; i < len(wire); i++ {
		if wire[i] {
			continue
		}
		at := func(n int) bool { return wire[min(i+bit/2+n*bit, len(wire)-1)] }
		var c byte
		for n := range read.DataBits {
			if at(1 + n) {
				c |= 1 << n
			}
		}
		end := 1 + read.DataBits
		if read.Parity == telegram.EvenParity {
			end++
		}
		if !at(end) && read.Parity != telegram.NoParity {
			c = 0
		}
		out = append(out, c)
		i += end * bit
		for i < len(wire) && !wire[i] && !at(end) { // resynchronises with the next idle level
			i++
		}
	}
	return out
}

// What a meter looks like through the wrong line settings, and what must not be
// taken for that.
func TestSpectrum(t *testing.T) {
	line := func(s string) telegram.Line {
		l, err := telegram.ParseLine(s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	said := func(name string) []byte {
		meter, err := sim.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		return meter.Encode(nil, meter.House(3, now.Add(-time.Hour)).Look(now), now)
	}
	random := make([]byte, 4000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, ""},
		{"too little to say", uart(said("dsmr22"), line("9600 7E1"), line("9600 8N1"))[:60], ""},
		{"noise", random, ""},
		{"text", said("dsmr50"), ""},
		{"an encrypted list", said("e450-encrypted"), ""},
		{"old P1 on eight bits", uart(said("dsmr22"), line("9600 7E1"), line("9600 8N1")), "seven data bits"},
		{"old P1 on a fast line", uart(said("dsmr22"), line("9600 7E1"), line("115200 8N1")), "more slowly"},
		{"old P1 on the line of M-Bus", uart(said("dsmr22"), line("9600 7E1"), line("2400 8E1")), "stop bit"},
		{"P1 on the line of old P1", uart(said("dsmr50"), line("115200 8N1"), line("9600 7E1")), "stop bit"},
		{"P1 on the line of M-Bus", uart(bytes.Repeat(said("dsmr50"), 10), line("115200 8N1"), line("2400 8E1")), "stop bit"},
		{"M-Bus on the line of P1", uart(said("e450"), line("2400 8E1"), line("115200 8N1")), "more slowly"},
		{"M-Bus on the line of old P1", uart(said("e450"), line("2400 8E1"), line("9600 7E1")), "more slowly"},
		{"encrypted M-Bus on the line of P1", uart(said("e450-encrypted"), line("2400 8E1"), line("115200 8N1")), "more slowly"},
		{"38400 on the line of P1", uart(said("am550"), line("38400 8N1"), line("115200 8N1")), "more slowly"},
	} {
		var s spectrum
		s.add(c.b)
		if got := s.wrongLine(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q: %+v", c.name, got, c.want, s)
		}
	}
}
