package telegram

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// marked is a format for Receiver: lines that begin with mark are its telegrams,
// those that end in '?' are lost.
func marked(name string, mark byte) Format {
	return Format{
		Name: name,
		Cut: func(buf []byte, quiet bool) (raw, rest []byte, lost Loss) {
			raw, rest, lost = lines.Cut(buf, quiet)
			if len(raw) > 0 && raw[0] != mark {
				return nil, rest, Loss{Noise: len(raw)}
			}
			return raw, rest, lost
		},
		Decode: func(raw []byte, _ Options, visit func(Object)) (Measurement, error) {
			if raw[len(raw)-1] == '?' {
				return Measurement{}, fmt.Errorf("%w: %s", ErrChecksum, raw)
			}
			if visit != nil {
				visit(Object{Text: raw})
			}
			return Measurement{Meter: Meter{Header: TextOf(raw)}}, nil
		},
	}
}

func TestReceiver(t *testing.T) {
	a, b := marked("a", 'a'), marked("b", 'b')
	for _, c := range []struct {
		name    string
		formats []Format
		in      string
		want    string
	}{
		{"one format tells at once", []Format{a}, "a1 a2? a3", "a1 !a2? a3"},
		{"one format counts noise", []Format{a}, "x a1", "~1 a1"},
		{"a loss before the first good telegram is told before it", []Format{a, b}, "a1? a2", "!a1? a2"},
		{"a foreign loss before it is nothing", []Format{a, b}, "b1? a2", "~3 a2"},
		{"a foreign loss behind it is nothing", []Format{a, b}, "a1 b2? a3", "a1 ~3 a3"},
		{"its own loss behind it counts", []Format{a, b}, "a1 a2? a3", "a1 !a2? a3"},
		{"nothing but losses: told from the second on", []Format{a, b}, "b1? b2? b3? b4?", "!b1? !b2? !b3? !b4?"},
		{"the third is told at once", []Format{a, b}, "b1? b2? b3? a1?", "!b1? !b2? !b3? !a1?"},
		{"what is lost beside it is nothing", []Format{a, b}, "b1? b2? a1? b3? a2? b4? a3", "!b1? !b2? ~3 !b3? ~3 !b4? a3"},
		{"nothing but one loss: told at the end", []Format{a, b}, "b1?", "!b1?"},
		{"noise to all is told when there is much of it", []Format{a, b}, strings.Repeat("x123456 ", 199) + "x123456", "~1029 ~371"},
		{"noise to all, at the end", []Format{a, b}, "x1 x2", "~4"},
		{"the meter changes its format", []Format{a, b}, "a1 b2 b3 a4", "a1 ~2 b2 b3 a4"},
		{"two that lose the same: the one that is listed first is told", []Format{a, b}, "b1? a1? b2? a2?", "~6 !a1? !a2?"},
		{"but not for a loss of long ago", []Format{a, b}, "a1? b1? b2? b3?", "~3 !b1? !b2? !b3?"},
		{"its own losses, and those of one that is listed later", []Format{a, b}, "a1 a2? b3? a4? b5? a6? b7? a8? b9? a10? b11?", "a1 !a2? ~3 !a4? ~3 !a6? ~3 !a8? ~3 !a10? ~4"},
		{"three of another between two of its own", []Format{a, b}, "a1 b2? b3? b4? a5", "a1 ~3 ~3 ~3 a5"},
		{"the meter changes to what cannot be read", []Format{a, b}, "a1 b2? b3? b4? b5? b6? b7?", "a1 ~3 ~3 ~3 ~3 !b2? !b3? !b4? !b5? !b6? !b7?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rc := Receiver{Formats: c.formats, Objects: true}
			var got []string
			err := rc.Run(iotest.OneByteReader(strings.NewReader(strings.ReplaceAll(c.in, " ", "\n")+"\n")), 0, func(r Received) {
				switch {
				case r.Noise > 0:
					got = append(got, fmt.Sprintf("~%d", r.Noise))
				case r.Err != nil:
					text := r.Err.Error()
					got = append(got, "!"+text[strings.LastIndexByte(text, ' ')+1:])
				default:
					got = append(got, r.Measurement.Meter.Header.String())
					if len(r.Objects) != 1 || string(r.Objects[0].Text) != got[len(got)-1] {
						t.Errorf("objects %+v", r.Objects)
					}
				}
			})
			if !IsEnd(err) || strings.Join(got, " ") != c.want {
				t.Errorf("%s\ngave %s (%v)\nwant %s", c.in, strings.Join(got, " "), err, c.want)
			}
		})
	}
}

// A gateway that hangs up behind every third telegram, and a meter that was
// exchanged for one that encrypts: somebody must hear of it.
func TestReceiverAcrossRuns(t *testing.T) {
	rc := Receiver{Formats: []Format{marked("a", 'a'), marked("b", 'b')}}
	good, lost := 0, 0
	for _, in := range append([]string{"a1\n"}, slices.Repeat([]string{"b1?\nb2?\nb3?\n"}, 20)...) {
		err := rc.Run(strings.NewReader(in), 0, func(r Received) {
			switch {
			case r.Err != nil:
				lost++
			case r.Noise == 0:
				good++
			}
		})
		if !IsEnd(err) {
			t.Fatal(err)
		}
	}
	if good != 1 || lost != 60 {
		t.Errorf("%d good, %d lost; want 1, 60", good, lost)
	}
}
