package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"smartconnect/appliance"
	"smartconnect/appliance/serialport"
)

const defaultState = "/var/lib/smartconnect"

// maxDescriptors keeps the serial library from its panic: it cannot handle a
// descriptor of 1024 or above.
const maxDescriptors = 1024

// runCommand is the appliance.
func runCommand(ctx context.Context, w world, args []string) int {
	f := flags(w, "run")
	o := appliance.Options{}
	f.StringVar(&o.State, "state", defaultState, "folder of the configuration and the identity")
	f.StringVar(&o.Meter, "meter", "", "source of telegrams, instead of the configured one: a serial device, tcp://HOST:PORT, file:PATH or sim:NAME")
	f.StringVar(&o.Modbus, "modbus", "", "address of the first Modbus server, instead of the configured one (:502)")
	f.StringVar(&o.MQTT, "mqtt", "", "address of the MQTT broker, instead of the configured one (:1883)")
	f.StringVar(&o.HTTP, "http", ":80", "address of the landing page")
	f.StringVar(&o.HTTPS, "https", ":443", "address of the API and the status page")
	level := f.String("log-level", "info", "debug, info, warn or error")
	if code, ok := parse(f, args, 0); !ok {
		return code
	}
	log, err := logger(w.err, *level)
	if err != nil {
		return fail(w, exitUsage, err)
	}
	o.Log = log
	if err := checkRun(&o); err != nil {
		return fail(w, exitUsage, err)
	}
	if err := serialport.LimitDescriptors(maxDescriptors); err != nil {
		return fail(w, exitFailed, err)
	}
	if err := appliance.Run(ctx, o); err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}

// checkRun checks what the flags say; a relative path of a source is relative
// to where the command was called.
func checkRun(o *appliance.Options) error {
	if o.Meter != "" {
		source, err := absolute(o.Meter)
		if err != nil {
			return err
		}
		if _, err := serialport.ParseSource(source); err != nil {
			return fmt.Errorf("--meter: %w", err)
		}
		o.Meter = source
	}
	for _, a := range []struct{ flag, addr string }{{"modbus", o.Modbus}, {"mqtt", o.MQTT}, {"http", o.HTTP}, {"https", o.HTTPS}} {
		if a.addr == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", a.addr); err != nil {
			return fmt.Errorf("--%s %q: want [ADDRESS]:PORT: %w", a.flag, a.addr, err)
		}
	}
	return nil
}

func absolute(source string) (string, error) {
	prefix, path := "", source
	if rest, ok := strings.CutPrefix(source, "file:"); ok {
		prefix, path = "file:", rest
	} else if strings.Contains(source, ":") {
		return source, nil
	}
	if path == "" {
		return source, nil
	}
	abs, err := filepath.Abs(path)
	return prefix + abs, err
}

func logger(out io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: l})), nil
}
