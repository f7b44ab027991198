package appliance

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

func TestLatest(t *testing.T) {
	code := func(b, e int, text string) telegram.Object {
		return telegram.Object{OBIS: telegram.OBIS{A: 1, B: uint8(b), C: 1, D: 8, E: uint8(e), F: 255}, Text: []byte(text)}
	}
	label := func(name, text string) telegram.Object {
		return telegram.Object{Label: name, Text: []byte(text)}
	}
	full := func(from int) (said []telegram.Object) {
		for i := range maxObjects {
			said = append(said, code((from+i)/256, (from+i)%256, fmt.Sprint(from+i)))
		}
		return said
	}
	texts := func(list []telegram.Object) (all []string) {
		for _, o := range list {
			all = append(all, string(o.Text))
		}
		return all
	}
	type said struct {
		anew    bool
		objects []telegram.Object
	}
	for _, c := range []struct {
		name string
		said []said
		want []string // the texts
		at   []int    // the telegrams they came with, where that matters
	}{
		{"nothing", nil, nil, nil},
		{"a telegram without objects", []said{{}}, nil, nil},
		{"one, twice in a telegram", []said{{objects: []telegram.Object{code(0, 1, "a"), code(0, 1, "b")}}}, []string{"b"}, []int{0}},
		{"several lists", []said{
			{objects: []telegram.Object{code(0, 1, "a"), code(0, 2, "b")}},
			{objects: []telegram.Object{code(0, 3, "c"), code(0, 1, "d")}},
		}, []string{"d", "b", "c"}, []int{1, 0, 1}},
		{"codes and labels", []said{{objects: []telegram.Object{code(0, 1, "a"), label("PAPP", "b"), label("PTEC", "c")}}}, []string{"a", "b", "c"}, nil},
		{"another meter", []said{{objects: full(0)}, {anew: true, objects: []telegram.Object{code(0, 9, "x")}}}, []string{"x"}, []int{1}},
		{"as many as there may be", []said{{objects: full(0)}}, texts(full(0)), nil},
		{"one more takes the place of the oldest", []said{
			{objects: full(0)},
			{objects: full(0)[:7]},
			{objects: []telegram.Object{code(9, 9, "x")}},
		}, slices.Concat(texts(full(0))[:7], []string{"x"}, texts(full(0))[8:]), nil},
		{"and what has gone can come back", []said{
			{objects: full(0)},
			{objects: full(0)[1:]},
			{objects: []telegram.Object{code(9, 9, "x")}},
			{objects: full(0)[2:]},
			{objects: full(0)[:1]},
		}, slices.Concat([]string{"x", "0"}, texts(full(0))[2:]), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l latest
			began := time.Now()
			for i, s := range c.said {
				l.put(s.objects, s.anew, began.Add(time.Duration(i)*time.Second), func() *snapshot.Snapshot { return &snapshot.Snapshot{Seq: uint64(i + 1)} })
			}
			snap, list := l.get(true)
			if (snap == nil) != (len(c.said) == 0) || snap != nil && snap.Seq != uint64(len(c.said)) {
				t.Errorf("snapshot %+v after %d telegrams", snap, len(c.said))
			}
			var got []string
			for i, o := range list {
				got = append(got, string(o.Text))
				if c.at != nil && o.At != began.Add(time.Duration(c.at[i])*time.Second) {
					t.Errorf("%s came after %v, want with telegram %d", o.Text, o.At.Sub(began), c.at[i])
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%d objects %s, want %d %s", len(got), strings.Join(got, " "), len(c.want), strings.Join(c.want, " "))
			}
			if snap, none := l.get(false); none != nil || snap != nil && snap.Seq != uint64(len(c.said)) {
				t.Errorf("without objects: %v %d", snap, len(none))
			}
		})
	}
}

// An answer is of one state, whatever the meter says meanwhile.
func TestLatestIsOfOneState(t *testing.T) {
	var l latest
	var n uint64
	store := snapshot.NewStore(func() uint64 { n++; return n })
	const telegrams = 20_000
	done := make(chan bool)
	go func() {
		defer close(done)
		o := telegram.Object{OBIS: telegram.OBIS{A: 1, C: 1, D: 8, F: 255}}
		for i := range telegrams {
			o.Value = telegram.Of(float64(i + 1)) // that of the number to come
			l.put([]telegram.Object{o}, false, time.Now(), func() *snapshot.Snapshot { return store.Publish(telegram.Reading{}, time.Now(), 0) })
		}
	}()
	for {
		published := store.Latest()
		snap, list := l.get(true)
		if published != nil && snap.Seq < published.Seq {
			t.Fatalf("%d is published and %d told", published.Seq, snap.Seq)
		}
		if snap == nil {
			continue
		}
		if v, _ := list[0].Value.Get(); v != float64(snap.Seq) {
			t.Fatalf("the object of telegram %v beside snapshot %d", v, snap.Seq)
		}
		if snap.Seq == telegrams {
			break
		}
	}
	<-done
}

// What the meter task pays for the objects of a telegram that it knows.
func BenchmarkLatestPut(b *testing.B) {
	for _, n := range []int{36, maxObjects} {
		b.Run(fmt.Sprintf("%d objects", n), func(b *testing.B) {
			var said []telegram.Object
			for i := range n {
				said = append(said, telegram.Object{OBIS: telegram.OBIS{A: 1, B: uint8(i / 256), C: uint8(i), F: 255}, Value: telegram.Of(1)})
			}
			var l latest
			snap := &snapshot.Snapshot{}
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				l.put(said, false, now, func() *snapshot.Snapshot { return snap })
			}
		})
	}
}

// A telegram from its octets to its snapshot, without its objects and with them: the
// ratio is what they cost the meter task.
func BenchmarkTelegramWithObjects(b *testing.B) {
	dsmr, err := sim.ByName("dsmr50")
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	octets := dsmr.Encode(nil, dsmr.House(1, now).Look(now), now)
	for _, objects := range []bool{false, true} {
		b.Run(fmt.Sprintf("objects %v", objects), func(b *testing.B) {
			m := &meter{
				receiver: telegram.Receiver{Formats: formats.All(), Objects: objects},
				store:    snapshot.NewStore(func() uint64 { return 1 }),
				events:   &events{log: slog.New(slog.DiscardHandler)},
				log:      slog.New(slog.DiscardHandler),
			}
			b.ReportAllocs()
			b.ResetTimer()
			_ = m.receiver.Run(bytes.NewReader(bytes.Repeat(octets, b.N)), time.Second, m.received)
		})
	}
}
