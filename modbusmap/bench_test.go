package modbusmap

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkServer compares the server with a raw Go TCP echo of the same sizes
// and with the library's server: in each iteration both are driven for a slice
// of time, one after the other, first and second in turn, and the metric is the
// median of the ratios. Wanted: ratio at least 0.95 of the echo (0.90 with 16
// requests pipelined), p99 at most 1.25 of it; 1.1 of the library, 6 pipelined.
//
//	go test -run '^$' -bench Server -benchtime 30x ./modbusmap
func BenchmarkServer(b *testing.B) {
	for _, against := range []string{"echo", "library"} {
		for _, load := range []struct{ clients, pipelined int }{{1, 1}, {8, 1}, {64, 1}, {1, 16}} {
			b.Run(fmt.Sprintf("%s/clients=%d/pipelined=%d", against, load.clients, load.pipelined), func(b *testing.B) {
				h := newHouse()
				h.tell(fixture(b).telegram())
				r := registers(b, h, long)
				ours := start(b, r, func(s *Server) { s.MaxClients = load.clients }).addr
				var other string
				if against == "echo" {
					other = startEcho(b)
				} else {
					other = startLibrary(b, r, uint(load.clients))
				}
				pair := [2]*crowd{newLoad(b, ours, load.clients, load.pipelined), newLoad(b, other, load.clients, load.pipelined)}
				for _, l := range pair {
					l.run(b, slice/2) // warm up
				}
				var rates, tails, perSecond []float64
				for i := 0; b.Loop(); i++ {
					var rate, tail [2]float64
					for j := range pair {
						k := (i + j) % 2
						rate[k], tail[k] = pair[k].run(b, slice)
					}
					rates = append(rates, rate[0]/rate[1])
					tails = append(tails, tail[0]/tail[1])
					perSecond = append(perSecond, rate[0])
				}
				b.ReportMetric(median(rates), "ratio")
				b.ReportMetric(median(tails), "p99-ratio")
				b.ReportMetric(median(perSecond), "req/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

const slice = 100 * time.Millisecond

// The request of a charger and the size of its answer.
var (
	asked    = request(1, 3, 0x8006, 30)
	answered = headerLen + 2 + 60
)

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// startEcho serves answers of the right size that cost nothing to make.
func startEcho(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in, out, have := make([]byte, readSize), make([]byte, 64*answered), 0
				for {
					n, err := conn.Read(in)
					if err != nil {
						return
					}
					have += n
					whole := have / len(asked)
					have %= len(asked)
					if whole > 0 {
						conn.Write(out[:whole*answered])
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// crowd is a number of clients that each keep a number of requests on the way.
type crowd struct {
	conns     []net.Conn
	pipelined int
}

func newLoad(b *testing.B, addr string, clients, pipelined int) *crowd {
	l := &crowd{pipelined: pipelined}
	for range clients {
		conn := dial(b, here, addr)
		conn.SetDeadline(time.Time{})
		l.conns = append(l.conns, conn)
	}
	return l
}

// run returns the requests answered per second and the 99th percentile of the
// time that a round took.
func (l *crowd) run(b *testing.B, d time.Duration) (perSecond, p99 float64) {
	var all sync.WaitGroup
	rounds := make([][]time.Duration, len(l.conns))
	began := time.Now()
	for i, conn := range l.conns {
		all.Go(func() {
			ask, answer := bytes.Repeat(asked, l.pipelined), make([]byte, l.pipelined*answered)
			took := make([]time.Duration, 0, 1<<14)
			for last := began; last.Sub(began) < d; {
				if _, err := conn.Write(ask); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(conn, answer); err != nil {
					b.Error(err)
					return
				}
				now := time.Now()
				took = append(took, now.Sub(last))
				last = now
			}
			rounds[i] = took
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	every := slices.Concat(rounds...)
	slices.Sort(every)
	return float64(len(every)*l.pipelined) / elapsed.Seconds(), float64(every[len(every)*99/100])
}

// BenchmarkAnswer is one request without the network: 30 registers.
func BenchmarkAnswer(b *testing.B) {
	h := newHouse()
	h.tell(fixture(b).telegram())
	r := registers(b, h, long)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		r.Answer(dst, asked[headerLen:])
	}
}

// BenchmarkClient is the same with all that a connection does but reading and
// writing: framing, counters, log. Sixteen requests that come together are one.
func BenchmarkClient(b *testing.B) {
	for _, pipelined := range []int{1, 16} {
		b.Run(fmt.Sprintf("pipelined=%d", pipelined), func(b *testing.B) {
			h := newHouse()
			h.tell(fixture(b).telegram())
			c := NewServer(registers(b, h, long), quiet()).newClient(&tape{forget: true})
			asks := bytes.Repeat(asked, pipelined)
			b.ReportAllocs()
			for b.Loop() {
				c.have = copy(c.in, asks)
				if framing, unsent := c.answer(); framing != nil || unsent != nil {
					b.Fatal(framing, unsent)
				}
			}
		})
	}
}

// BenchmarkRender is what each telegram costs.
func BenchmarkRender(b *testing.B) {
	h := newHouse()
	h.tell(fixture(b).telegram())
	r := registers(b, h, long)
	b.ReportAllocs()
	for b.Loop() {
		r.render(h.Latest())
	}
}
