package modbusmap

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smartconnect/telegram"
)

// The promise of the manual, that all values of one answer come from one
// telegram: 10^5 reads by 50 clients under a writer, 10^6 in the long run.
func TestNoAnswerIsTorn(t *testing.T) {
	reads := 100_000
	if os.Getenv("SMARTCONNECT_LONG") == "1" {
		reads = 1_000_000
	}
	pollUnderWriter(t, 50, reads)
}

// pollUnderWriter lets clients read 30 registers, reads times in all, while a
// meter sets all ten values to k with telegram k, ten thousand times a second.
// Two values of one answer are never of two telegrams, and no client is taken
// back to an older one.
func pollUnderWriter(t *testing.T, clients, reads int) {
	h := newHouse()
	telegramNo := func(k int) telegram.Measurement {
		s := says{}
		for _, q := range registerOf {
			s[q] = float64(k)
		}
		return s.telegram()
	}
	h.tell(telegramNo(1))
	server := start(t, registers(t, h, long), func(s *Server) { s.MaxClients = clients })

	var all sync.WaitGroup
	stop := make(chan struct{})
	written := make(chan int, 1)
	go func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for k := 2; ; k++ {
			select {
			case <-stop:
				written <- k - 1
				return
			case <-tick.C:
				h.tell(telegramNo(k % (1 << 24))) // exact in a Float32
			}
		}
	}()
	var torn, back, failed, telegrams atomic.Int64
	for range clients {
		conn := dial(t, here, server.addr)
		conn.SetDeadline(time.Now().Add(5 * time.Minute))
		all.Go(func() {
			ask, reply := request(7, 4, 0x8006, 30), make([]byte, 9+60)
			last := float32(0)
			for range reads / clients {
				if _, err := conn.Write(ask); err != nil {
					failed.Add(1)
					return
				}
				if _, err := io.ReadFull(conn, reply); err != nil || reply[7] != 4 {
					failed.Add(1)
					return
				}
				k := float32At(reply[9:])
				for _, at := range []int{2, 4, 8, 10, 12, 16, 24, 26, 28} {
					if float32At(reply[9+2*at:]) != k {
						torn.Add(1)
					}
				}
				if k < last {
					back.Add(1)
				}
				if k > last {
					telegrams.Add(1)
				}
				last = k
			}
		})
	}
	began := time.Now()
	all.Wait()
	took := time.Since(began)
	close(stop)
	n := <-written
	if torn.Load() != 0 || back.Load() != 0 || failed.Load() != 0 {
		t.Errorf("%d values of another telegram, %d steps back, %d clients without an answer; want none", torn.Load(), back.Load(), failed.Load())
	}
	if telegrams.Load() < int64(2*clients) {
		t.Errorf("the clients saw %d new telegrams in all: the writer was not at work", telegrams.Load())
	}
	t.Logf("%d reads by %d clients in %.1f s (%.0f/s), %d telegrams: 0 torn", reads, clients, took.Seconds(), float64(reads)/took.Seconds(), n)
}
