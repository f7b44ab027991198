package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A record of 400 octets, beside a bare write of the same octets to a file:
// "times-write" is the ratio of the two.
func BenchmarkAppend(b *testing.B) {
	bare, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	l := opened(b, osDisk{}, b.TempDir(), Options{})
	record := make([]byte, 400)
	var log, write time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := bare.Write(record); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if _, err := l.Append(record); err != nil {
			b.Fatal(err)
		}
		write += middle.Sub(start)
		log += time.Since(middle)
	}
	b.ReportMetric(float64(log)/float64(write), "times-write")
}

// 10 000 records of 400 octets read and acknowledged 50 at a time, as the uplink
// does, beside their appending: "times-append" is the ratio of the two.
func BenchmarkReadAck(b *testing.B) {
	const n = 10000
	record := make([]byte, 400)
	var reading, appending time.Duration
	for b.Loop() {
		l := opened(b, osDisk{}, b.TempDir(), Options{})
		start := time.Now()
		for range n {
			if _, err := l.Append(record); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for after := uint64(0); after < n; l.Ack(after) {
			some, err := l.Read(after, 50, 1<<20)
			if err != nil || len(some) == 0 {
				b.Fatal(len(some), err)
			}
			after = some[len(some)-1].Index
		}
		appending += middle.Sub(start)
		reading += time.Since(middle)
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(reading)/float64(appending), "times-append")
	b.ReportMetric(float64(reading.Microseconds())/float64(b.N)/1000, "ms-reading")
}
