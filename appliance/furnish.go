package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/appliance/demand"
	"smartconnect/appliance/run"
	"smartconnect/appliance/serialport"
	"smartconnect/appliance/share"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
)

func (l *life) addMeter() error {
	list, err := formats.Select(l.cfg.Meter.Format)
	if err != nil {
		return err
	}
	options, keyFault := meterOptions(&l.cfg.Meter)
	source, err := serialport.ParseSource(l.cfg.Meter.Source)
	if err != nil {
		return err
	}
	l.meter = &meter{
		source: l.cfg.Meter.Source, store: l.store, events: l.events, log: l.log, keyFault: keyFault,
		receiver: telegram.Receiver{Formats: list, Options: options, Objects: true},
		guard:    telegram.Guard{RequireEncryption: l.cfg.Meter.RequireEncryption && l.cfg.Meter.Key.IsSet()},
		sense:    telegram.Plausibility{Ratios: options.Ratios},
		asP1:     l.cfg.Meter.ShareAs == "p1",
	}
	line := l.cfg.Meter.Line.Line
	pace := cmp.Or(line, list[0].Line) // of what is not serial: how fast a file is played
	l.meter.open = func(ctx context.Context, of telegram.Line) (io.ReadCloser, error) {
		return source.Open(ctx, cmp.Or(of, pace), serialport.Options{Log: l.log, Hang: longestPause})
	}
	lines := linesFor(list)
	switch {
	case !source.Serial():
	case line != telegram.Line{}:
		l.meter.line = line
	case len(lines) == 1:
		l.meter.line = lines[0]
	default:
		l.meter.probe = newProbe(lines, l.lastLine(), l.keepLine)
	}
	l.meter.demand = demand.New(options.UTCOffset, float64(l.cfg.Meter.DemandCap))
	l.meter.keep = l.openDemand(l.meter.demand)
	l.tasks = append(l.tasks,
		run.Task{Name: "meter", Run: l.meter.run, Failed: l.meter.failed},
		run.Task{Name: "demand", Run: l.meter.keep.run})
	if out := l.cfg.Meter.Out; out != "" {
		l.meter.out = newLineOut(out, func(ctx context.Context, line telegram.Line) (lossy, error) {
			return serialport.OpenOut(ctx, out, cmp.Or(line, pace), serialport.Options{Log: l.log})
		})
		l.tasks = append(l.tasks, run.Task{Name: "meter out", Run: l.meter.out.run, Failed: l.meter.out.failed})
	}
	return nil
}

// addShare serves the telegrams over TCP, where the owner wants that.
func (l *life) addShare() error {
	addr := l.cfg.Meter.Share
	if addr == "" {
		return nil
	}
	l.share = &port{addr: addr, refused: l.yield(addr)}
	s := &share.Server{Feed: &l.meter.feed, Log: l.log}
	l.serve("share", l.share, s.Serve)
	return nil
}

// longestPause is how long a TCP gateway may say nothing: some lists come every
// quarter of an hour. One that is gone is found by its keep-alives.
const longestPause = 20 * time.Minute

// verifies are the words of Meter.Verify.
var verifies = map[string]telegram.Verify{
	config.Auto: telegram.VerifyAuto, "strict": telegram.VerifyStrict, "checksum": telegram.VerifyChecksum,
}

// meterOptions are the settings of the meter as decoding wants them. With a key
// that is none there are no keys, and the error says which.
func meterOptions(c *config.Meter) (telegram.Options, error) {
	o := telegram.Options{
		UTCOffset:      time.Duration(c.UTCOffset),
		Ratios:         telegram.Ratios{Current: c.CurrentRatio, Voltage: c.VoltageRatio},
		EstimatePhases: c.EstimatePhases,
		EstimateExport: c.EstimateExport,
		Verify:         verifies[c.Verify],
	}
	if c.Profile != config.Auto {
		o.Profile = c.Profile
	}
	for _, s := range c.Scalers {
		o.Scalers = append(o.Scalers, telegram.Scaler{OBIS: s.OBIS.OBIS, Exponent: int8(s.Exponent)})
	}
	for _, code := range c.List {
		o.List = append(o.List, code.OBIS)
	}
	var fault error
	for _, key := range []struct {
		name string
		from telegram.Secret
		into *telegram.Secret
	}{{"Meter.Key", c.Key, &o.Key}, {"Meter.AuthKey", c.AuthKey, &o.AuthKey}} {
		if !key.from.IsSet() {
			continue
		}
		var err error
		if *key.into, err = telegram.ParseKey(key.from.Reveal()); err != nil {
			fault = errors.Join(fault, fmt.Errorf("%s is no key: %s", key.name, strings.TrimPrefix(err.Error(), "telegram: ")))
		}
	}
	if fault != nil { // nothing is decrypted that a key should have vouched for
		o.Key, o.AuthKey = telegram.Secret{}, telegram.Secret{}
	}
	return o, fault
}
