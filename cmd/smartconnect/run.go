package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"smartconnect/appliance"
	"smartconnect/appliance/serialport"
)

// runCommand is the appliance.
func runCommand(ctx context.Context, w world, args []string) int {
	f := flags("run")
	o := appliance.Options{HTTP: ":80", HTTPS: ":443"}
	level := slog.LevelInfo
	state := stateFlag(f)
	f.Func("meter", "`SOURCE` of telegrams, instead of the configured one: a serial device, tcp://HOST:PORT, file:PATH or sim:NAME", source(&o.Meter))
	f.Func("modbus", "`ADDR` of the first Modbus server, instead of the configured one (:502)", address(&o.Modbus))
	f.Func("mqtt", "`ADDR` of the MQTT broker, instead of the configured one (:1883)", address(&o.MQTT))
	f.Func("mqtts", "`ADDR` of the MQTT broker with TLS, instead of the configured one (:8883)", address(&o.MQTTS))
	f.Func("http", "`ADDR` of the landing page, empty for none (default :80)", address(&o.HTTP))
	f.Func("https", "`ADDR` of the API and the status page, empty for none (default :443)", address(&o.HTTPS))
	f.Func("log-level", "`LEVEL` of what is logged: debug, info, warn or error (default info)", func(s string) error {
		if level.UnmarshalText([]byte(s)) != nil {
			return errors.New("want debug, info, warn or error")
		}
		return nil
	})
	if code, ok := parse(w, f, args, 0); !ok {
		return code
	}
	o.State, o.Log = *state, logger(w.err, level)
	if err := appliance.Run(ctx, o); err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}

// source sets *p to a source of telegrams. A relative path counts from where
// the command was called, which nobody knows later.
func source(p *string) func(string) error {
	return func(s string) error {
		prefix, path := "", s
		if rest, ok := strings.CutPrefix(s, "file:"); ok {
			prefix, path = "file:", rest
		}
		if path != "" && (prefix != "" || !strings.Contains(path, ":")) {
			abs, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			s = prefix + abs
		}
		if _, err := serialport.ParseSource(s); err != nil {
			return err
		}
		*p = s
		return nil
	}
}

// address sets *p to an address to listen on. It is not looked up: a name
// server that does not answer must not keep the box from starting.
func address(p *string) func(string) error {
	return func(s string) error {
		host, port, err := net.SplitHostPort(s)
		if err == nil && host != "" && host != "localhost" {
			_, err = netip.ParseAddr(host)
		}
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil && s != "" {
			return fmt.Errorf("want [IP]:PORT, as in :1502 or 127.0.0.1:1502: %w", err)
		}
		*p = s
		return nil
	}
}
