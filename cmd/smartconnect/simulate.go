package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// simulateCommand plays a simulated meter on a line of its own.
func simulateCommand(ctx context.Context, w world, args []string) int {
	f := flags("simulate")
	meter := sim.All[0]
	var line telegram.Line
	var play sim.Play
	f.Func("format", "`NAME` of the meter: "+strings.Join(sim.Names(), ", ")+" (default "+meter.Name+")", func(s string) (err error) {
		meter, err = sim.ByName(s)
		return err
	})
	to := f.String("out", "-", "where it speaks: `DEVICE`, tcp-listen:ADDR, pty or - (standard output)")
	f.Func("line", "`SETTINGS` of a serial DEVICE, as \"9600 7E1\" (default: the meter's own)", func(s string) (err error) {
		line, err = telegram.ParseLine(s)
		return err
	})
	f.Func("interval", "`TIME` between telegrams, as 500ms (default: the meter's own)", func(s string) (err error) {
		if play.Interval, err = time.ParseDuration(s); err == nil && play.Interval <= 0 {
			err = errors.New("want more than nothing")
		}
		return err
	})
	count := f.Uint("count", 0, "`NUMBER` of telegrams (default: no end)")
	f.Uint64Var(&play.Seed, "seed", 1, "the house: the same `SEED` plays the same house")
	f.BoolVar(&play.Lively, "lively", false, "a house where something happens every few seconds")
	keys := keyFlags(f)
	if code, ok := parse(w, f, args, 0); !ok {
		return code
	}
	meter, err := keyed(meter, keys)
	if err != nil {
		return fail(w, exitUsage, fmt.Errorf("simulate: %w", err))
	}
	play.Count = int(*count)
	if line == (telegram.Line{}) {
		line = meter.Line
	}
	out, err := serialport.OpenOut(ctx, *to, line, serialport.Options{Stdout: w.out})
	if err != nil {
		// What the system refuses may work the next time; the rest never will.
		code := exitUsage
		if refused := syscall.Errno(0); errors.As(err, &refused) {
			code = exitFailed
		}
		return fail(w, code, fmt.Errorf("simulate: --out: %w", err))
	}
	if out.Source != "" {
		if meter.Encrypts() {
			fmt.Fprintf(w.err, "it encrypts: without --key with the published %s, without --auth-key with %s\n", sim.Key, sim.AuthKey)
		}
		fmt.Fprintf(w.err, "the meter speaks on %s (%s); read it with: smartconnect run --meter %[1]s\n", out.Source, line)
	}
	err = sim.Feed(ctx, out, meter, play)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil && ctx.Err() == nil { // ended from outside is how most meters end
		return fail(w, exitFailed, err)
	}
	return exitOK
}

// keyed gives the meter the keys that were asked for.
func keyed(m sim.Meter, keys func() (key, auth telegram.Secret, err error)) (sim.Meter, error) {
	key, auth, err := keys()
	if err != nil || (!key.IsSet() && !auth.IsSet()) {
		return m, err
	}
	return m.WithKeys(key.Reveal(), auth.Reveal())
}
