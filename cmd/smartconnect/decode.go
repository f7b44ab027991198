package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"smartconnect/telegram"
	"smartconnect/telegram/formats"
)

// decodeCommand prints one JSON object a line for each telegram, or for each
// one lost. It reads as it goes: decode - on a live line prints each telegram as
// it comes.
func decodeCommand(_ context.Context, w world, args []string) int {
	f := flags(w, "decode")
	format := f.String("format", formats.Auto, "meter format: one of "+fmt.Sprint(formats.Names()))
	noChecksum := f.Bool("no-checksum", false, "read telegrams whose checksum does not match, too")
	utcOffset := f.Duration("utc-offset", time.Hour, "winter offset from UTC of the meter's country")
	if code, ok := parse(f, args, 1); !ok {
		return code
	}
	chosen, err := formats.ByName(*format)
	if err != nil {
		return fail(w, exitUsage, err)
	}
	in := w.in
	if name := f.Arg(0); name != "" && name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fail(w, exitUsage, fmt.Errorf("decode: %w", err))
		}
		defer file.Close()
		in = file
	}
	out := bufio.NewWriter(w.out)
	defer out.Flush()
	d := decodeOutput{
		out: json.NewEncoder(out), flush: out.Flush, format: chosen,
		options: telegram.Options{UTCOffset: *utcOffset, NoChecksum: *noChecksum},
	}
	d.out.SetEscapeHTML(false)
	if err := telegram.Scan(in, chosen, 0, d.event); err != io.EOF {
		return fail(w, exitFailed, fmt.Errorf("decode: %w", err))
	}
	if d.good == 0 && d.lost == 0 {
		fmt.Fprintf(w.err, "smartconnect: decode: no %s telegram found in %d octets\n", chosen.Name, d.noise)
	}
	if d.good == 0 {
		return exitFailed
	}
	return exitOK
}

type decodeOutput struct {
	out     *json.Encoder
	flush   func() error
	format  telegram.Format
	options telegram.Options

	good, lost, noise int
}

// decodedLine is a telegram as decode prints it: base units throughout.
type decodedLine struct {
	Format   string             `json:"format"`
	Meter    string             `json:"meter"`
	Header   string             `json:"header"`
	Version  string             `json:"version,omitempty"`
	Time     *time.Time         `json:"time"`
	Values   map[string]float64 `json:"values"`
	Derived  []string           `json:"derived,omitempty"`    // values computed from others
	Unread   []string           `json:"unreadable,omitempty"` // quantities sent in a form that cannot be read
	OBIS     map[string]any     `json:"obis"`
	Channels []channelLine      `json:"channels"`
	Peaks    []peakLine         `json:"peaks,omitempty"`
}

type channelLine struct {
	Channel int        `json:"channel"`
	Type    string     `json:"type"`
	ID      string     `json:"id"`
	Time    *time.Time `json:"time"`
	Value   *float64   `json:"value"`
	Unit    string     `json:"unit"`
}

type peakLine struct {
	Month *time.Time `json:"month"`
	Time  *time.Time `json:"time"`
	Value *float64   `json:"value"`
}

type lostLine struct {
	Error  string `json:"error"`
	Detail string `json:"detail"`
}

func (d *decodeOutput) event(e telegram.Event) {
	d.noise += e.Lost.Noise
	if e.Lost.Err != nil {
		d.lose(e.Lost.Err)
	}
	if e.Raw == nil {
		return
	}
	objects := map[string]any{}
	m, err := d.format.Decode(e.Raw, d.options, func(o telegram.Object) { objects[o.OBIS.String()] = objectValue(o) })
	if err != nil {
		d.lose(err)
		return
	}
	d.good++
	d.print(line(&m, objects))
}

func (d *decodeOutput) lose(err error) {
	d.lost++
	d.print(lostLine{telegram.Class(err), err.Error()})
}

func (d *decodeOutput) print(v any) {
	_ = d.out.Encode(v) // a reader that went away is seen at the flush
	_ = d.flush()
}

func objectValue(o telegram.Object) any {
	if v, ok := o.Value.Get(); ok {
		return v
	}
	if o.Unreadable {
		return nil
	}
	return string(o.Text)
}

func line(m *telegram.Measurement, objects map[string]any) decodedLine {
	l := decodedLine{
		Format: m.Format, Meter: m.Meter.Name(), Header: m.Meter.Header.String(), Version: m.Meter.Version.String(),
		Time: orNull(m.Time), Values: map[string]float64{}, OBIS: objects, Channels: []channelLine{},
	}
	for q := range telegram.NumQuantities {
		if v, ok := m.Get(q).Get(); ok {
			l.Values[q.String()] = v
		}
		if m.Derived(q) {
			l.Derived = append(l.Derived, q.String())
		}
		if m.Unreadable(q) {
			l.Unread = append(l.Unread, q.String())
		}
	}
	for i, c := range m.Channels {
		if c.Device != 0 {
			l.Channels = append(l.Channels, channelLine{
				i + 1, c.Device.Class(), c.ID.String(), orNull(c.Time), number(c.Value), c.Unit.String(),
			})
		}
	}
	for _, p := range m.Peaks {
		if p.Value.OK() {
			l.Peaks = append(l.Peaks, peakLine{orNull(p.Month), orNull(p.Time), number(p.Value)})
		}
	}
	return l
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func number(v telegram.Value) *float64 {
	if f, ok := v.Get(); ok {
		return &f
	}
	return nil
}
