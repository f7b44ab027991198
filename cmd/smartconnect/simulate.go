package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// simulateCommand plays a simulated meter on a line of its own.
func simulateCommand(ctx context.Context, w world, args []string) int {
	f := flags(w, "simulate")
	format := f.String("format", "dsmr50", "which meter: "+strings.Join(sim.Names(), ", "))
	out := f.String("out", "-", "where it speaks: DEVICE, tcp-listen:ADDR, pty or - (standard output)")
	line := f.String("line", "", `settings of a serial DEVICE, as "9600 7E1" (default: the meter's own)`)
	interval := f.Duration("interval", 0, "time between telegrams (default: the meter's own)")
	count := f.Int("count", 0, "telegrams in all (default: no end)")
	seed := f.Uint64("seed", 1, "the house: the same seed plays the same house")
	lively := f.Bool("lively", false, "a house where something happens every few seconds")
	if code, ok := parse(f, args, 0); !ok {
		return code
	}
	meter, err := sim.ByName(*format)
	if err != nil {
		return fail(w, exitUsage, err)
	}
	if *interval < 0 || *count < 0 {
		return fail(w, exitUsage, fmt.Errorf("simulate: --interval %v and --count %d must not be negative", *interval, *count))
	}
	settings := meter.Line
	if *line != "" {
		if settings, err = telegram.ParseLine(*line); err != nil {
			return fail(w, exitUsage, err)
		}
	}
	o, err := serialport.OpenOut(ctx, *out, settings, serialport.Options{Stdout: w.out})
	if err != nil {
		return fail(w, exitUsage, err)
	}
	if *out != "-" {
		fmt.Fprintf(w.err, "the meter speaks on %s (%s); read it with: smartconnect run --meter %s\n", o.Source, settings, o.Source)
	}
	err = sim.Feed(ctx, o, meter, sim.Play{Seed: *seed, Lively: *lively, Interval: *interval, Count: *count})
	if ctx.Err() != nil {
		err = nil // ended from outside, as meters are
	}
	closed := o.Close()
	if ctx.Err() != nil && errors.Is(closed, ctx.Err()) {
		closed = nil
	}
	if err := errors.Join(err, closed); err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}
