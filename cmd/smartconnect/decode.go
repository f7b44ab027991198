package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"smartconnect/telegram"
	"smartconnect/telegram/formats"
)

// decodeCommand prints one JSON object a line for each telegram, or for each
// one lost. It reads as it goes: decode - on a live line prints each telegram as
// it comes, and Ctrl-C is how that ends.
func decodeCommand(ctx context.Context, w world, args []string) int {
	f := flags("decode")
	var d decoding
	d.receiver = telegram.Receiver{Formats: formats.All(), Objects: true}
	f.Func("format", "`NAME` of the meter format: "+strings.Join(formats.Names(), ", ")+" (default "+formats.Auto+")", func(s string) (err error) {
		d.receiver.Formats, err = formats.Select(s)
		return err
	})
	f.BoolVar(&d.receiver.Options.NoChecksum, "no-checksum", false, "read telegrams whose checksum does not match, too")
	check := meterFlags(f, &d.receiver.Options)
	if code, ok := parse(w, f, args, 1); !ok {
		return code
	}
	if err := check(); err != nil {
		return fail(w, exitUsage, fmt.Errorf("decode: %w", err))
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
	err := d.run(ctx, in, w.out)
	switch {
	case err != nil:
		return fail(w, exitFailed, fmt.Errorf("decode: %w", err))
	case d.good > 0:
		return exitOK
	case d.lost == 0:
		return fail(w, exitFailed, fmt.Errorf("decode: no telegram found, only %d octets of noise", d.noise))
	}
	return exitFailed
}

// decoding is one run of decode: what it was told, and what it has seen.
type decoding struct {
	receiver telegram.Receiver
	out      *json.Encoder
	cancel   context.CancelCauseFunc // ends the run

	good, lost, noise int
}

// run prints what in says until its end, which is no error, or that of ctx,
// which is none either.
func (d *decoding) run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, d.cancel = context.WithCancelCause(ctx)
	defer d.cancel(nil)
	d.out = json.NewEncoder(out)
	d.out.SetEscapeHTML(false)
	err := d.receiver.Run(until(ctx, in), 0, d.received)
	if ctx.Err() != nil { // in may have ended first
		err = context.Cause(ctx)
	}
	if telegram.IsEnd(err) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *decoding) received(r telegram.Received) {
	switch {
	case r.Noise > 0:
		d.noise += r.Noise
	case r.Err != nil:
		d.lost++
		d.print(lostLine{telegram.Class(r.Err), r.Err.Error()})
	default:
		d.good++
		d.print(line(&r.Measurement, r.Objects))
	}
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
