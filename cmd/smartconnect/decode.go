package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
)

// decodeCommand prints one JSON object a line for each telegram, or for each
// one lost. It reads as it goes: decode - on a live line prints each telegram as
// it comes, and Ctrl-C is how that ends.
func decodeCommand(ctx context.Context, w world, args []string) int {
	f := flags("decode")
	var d decoding
	d.format, _ = formats.ByName(formats.Auto)
	f.Func("format", "`NAME` of the meter format: "+strings.Join(formats.Names(), ", ")+" (default "+formats.Auto+")", func(s string) (err error) {
		d.format, err = formats.ByName(s)
		return err
	})
	f.BoolVar(&d.options.NoChecksum, "no-checksum", false, "read telegrams whose checksum does not match, too")
	var offset config.Offset
	f.TextVar(&offset, "utc-offset", config.Offset(time.Hour), "winter `OFFSET` from UTC of the meter's country")
	if code, ok := parse(w, f, args, 1); !ok {
		return code
	}
	d.options.UTCOffset = time.Duration(offset)
	in := w.in
	if name := f.Arg(0); name != "" && name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fail(w, exitUsage, fmt.Errorf("decode: %w", err))
		}
		defer file.Close()
		in = file
	}
	err := d.run(ctx, in, w.out)
	switch {
	case err != nil:
		return fail(w, exitFailed, fmt.Errorf("decode: %w", err))
	case d.good > 0:
		return exitOK
	case d.lost == 0:
		return fail(w, exitFailed, fmt.Errorf("decode: no %s telegram found, only %d octets of noise", d.format.Name, d.noise))
	}
	return exitFailed
}

// decoding is one run of decode: what it was told, and what it has seen.
type decoding struct {
	format  telegram.Format
	options telegram.Options
	out     *json.Encoder
	cancel  context.CancelCauseFunc // ends the run

	good, lost, noise int
}

// run prints what in says until its end, which is no error, or that of ctx,
// which is none either.
func (d *decoding) run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, d.cancel = context.WithCancelCause(ctx)
	defer d.cancel(nil)
	d.out = json.NewEncoder(out)
	d.out.SetEscapeHTML(false)
	err := telegram.Scan(until(ctx, in), d.format, 0, d.event)
	if ctx.Err() != nil { // in may have ended first
		err = context.Cause(ctx)
	}
	if telegram.IsEnd(err) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *decoding) event(e telegram.Event) {
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

func (d *decoding) lose(err error) {
	d.lost++
	d.print(lostLine{telegram.Class(err), err.Error()})
}

// print prints v. Without somewhere to print there is no point in reading on.
func (d *decoding) print(v any) {
	if err := d.out.Encode(v); err != nil {
		d.cancel(err)
	}
}

// until returns r as a reader that ends with ctx. A Read of standard input
// cannot be interrupted: one that waits is left waiting, for its process ends.
func until(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err) // nil is the end
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	return out
}
